/** Finds the server: the configured command, an installed `sessionls`, a Python that has it, or the extension's own copy. */
import * as path from "node:path";

/** How the server is started, and a description of how it was found. */
export interface ServerCommand {
  readonly program: string;
  readonly args: readonly string[];
  readonly found: string;
}

/** Where and how to search. */
export interface SearchEnvironment {
  /** The setting `sessionls.server.command`; empty if it is not set. */
  readonly setting: readonly string[];
  /** The folders of PATH. */
  readonly path: readonly string[];
  /** The workspace's folders; none if it is not trusted, because a program in them would be started. */
  readonly folders: readonly string[];
  readonly windows: boolean;
  /** The setting `sessionls.server.python`; empty if it is not set. */
  readonly python: string;
  /** The Python of the environment for the extension's own copy, which may not exist yet. */
  bundled(): Promise<string | undefined>;
  isProgram(file: string): Promise<boolean>;
  /** Whether the program succeeds with these arguments. */
  succeeds(program: string, args: readonly string[]): Promise<boolean>;
}

/** Fails on a Python that is too old or has no sessionls. `find_spec` imports nothing, so it is quick. */
export const HAS_SESSIONLS =
  "import sys, importlib.util as u; sys.exit(not (sys.version_info >= (3, 11) and u.find_spec('sessionls')))";

export async function findServer(environment: SearchEnvironment): Promise<ServerCommand | undefined> {
  const [configured, ...args] = environment.setting;
  if (configured !== undefined) {
    const program = isRelativePath(configured) ? path.resolve(environment.folders[0] ?? path.sep, configured) : configured;
    return { program, args: args.at(-1) === "serve" ? args : [...args, "serve"], found: "the setting sessionls.server.command" };
  }

  for (const folder of [...virtualEnvironments(environment), ...environment.path]) {
    const file = path.join(folder, environment.windows ? "sessionls.exe" : "sessionls");
    if (await environment.isProgram(file)) return { program: file, args: ["serve"], found: file };
  }

  for (const name of environment.windows ? ["python.exe", "py.exe"] : ["python3", "python"]) {
    for (const folder of environment.path) {
      const file = path.join(folder, name);
      if (!(await environment.isProgram(file))) continue;
      // Isolated: a folder named sessionls in the working directory must not be found or started.
      if (await environment.succeeds(file, ["-I", "-c", HAS_SESSIONLS])) {
        return { program: file, args: ["-I", "-m", "sessionls", "serve"], found: `${file} -m sessionls` };
      }
    }
  }

  const bundledPython = await environment.bundled();
  if (
    bundledPython !== undefined &&
    (await environment.isProgram(bundledPython)) &&
    (await environment.succeeds(bundledPython, ["-I", "-c", HAS_SESSIONLS]))
  )
    return { program: bundledPython, args: ["-I", "-m", "sessionls", "serve"], found: "the copy that this extension installed" };
  return undefined;
}

/** A Python that can create an environment, or why there is none. */
export type FoundPython =
  | { readonly kind: "found"; readonly program: string; readonly args: readonly string[] }
  /** This one is new enough, but has no module to create environments. */
  | { readonly kind: "noVenv"; readonly program: string }
  /** The one in the setting is not a Python, or too old. */
  | { readonly kind: "badSetting"; readonly program: string }
  | { readonly kind: "none" };

const NEW_ENOUGH = "import sys; sys.exit(sys.version_info < (3, 11))";
const MAKES_ENVIRONMENTS = "import ensurepip, venv";

/** Finds a Python 3.11 or newer: from the setting, else from the workspace's environments, else from the system. */
export async function findPython(environment: SearchEnvironment): Promise<FoundPython> {
  const checkPython = async (program: string, args: readonly string[] = []): Promise<FoundPython> => {
    if (!(await environment.isProgram(program))) return { kind: "none" };
    if (!(await environment.succeeds(program, [...args, "-I", "-c", NEW_ENOUGH]))) return { kind: "none" };
    const makes = await environment.succeeds(program, [...args, "-I", "-c", MAKES_ENVIRONMENTS]);
    return makes ? { kind: "found", program, args } : { kind: "noVenv", program };
  };
  if (environment.python !== "") {
    const found = await checkPython(environment.python);
    return found.kind === "none" ? { kind: "badSetting", program: environment.python } : found;
  }
  const workspacePythons = virtualEnvironments(environment).map(
    (folder) => [path.join(folder, environment.windows ? "python.exe" : "python")] as const,
  );
  const names: readonly (readonly [string, ...string[]])[] = environment.windows
    ? [["python.exe"], ["py.exe", "-3"]]
    : [["python3.14"], ["python3.13"], ["python3.12"], ["python3.11"], ["python3"], ["python"]];
  const system = names.flatMap(([name, ...args]) =>
    environment.path.map((folder) => [path.join(folder, name), ...args] as const),
  );
  let best: FoundPython = { kind: "none" };
  for (const [program, ...args] of [...workspacePythons, ...system]) {
    const found = await checkPython(program, args);
    if (found.kind === "found") return found;
    if (best.kind === "none") best = found;
  }
  return best;
}

/** A path relative to the workspace's folder; a name without a path is searched in PATH. */
function isRelativePath(program: string): boolean {
  return /[\\/]/.test(program) && !path.isAbsolute(program);
}

/** The folders with the programs of the workspace's environments. */
function virtualEnvironments({ folders, windows }: SearchEnvironment): string[] {
  return folders.flatMap((folder) => [".venv", "venv"].map((name) => path.join(folder, name, windows ? "Scripts" : "bin")));
}
