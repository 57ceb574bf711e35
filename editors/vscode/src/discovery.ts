/** Finds the server: the person's own command, an installed `sessionls`, or a Python that has it. */
import * as path from "node:path";

/** How the server is started, and in words how it was found. */
export interface ServerCommand {
  readonly program: string;
  readonly args: readonly string[];
  readonly found: string;
}

/** Where to look, and how. */
export interface Surroundings {
  /** The setting `sessionls.server.command`; empty where it is not set. */
  readonly setting: readonly string[];
  /** The folders of PATH. */
  readonly path: readonly string[];
  /** The workspace's folders, none where it is not trusted: a program of theirs would be started. */
  readonly folders: readonly string[];
  readonly windows: boolean;
  isProgram(file: string): Promise<boolean>;
  /** Whether the program, called with these arguments, ends well. */
  succeeds(program: string, args: readonly string[]): Promise<boolean>;
}

/** Fails on a Python that is too old or has no sessionls. `find_spec` imports nothing, so it is quick. */
const HAS_SESSIONLS = "import sys, importlib.util as u; sys.exit(not (sys.version_info >= (3, 11) and u.find_spec('sessionls')))";

export async function findServer(around: Surroundings): Promise<ServerCommand | undefined> {
  const [program, ...args] = around.setting;
  if (program !== undefined)
    return { program, args: args.at(-1) === "serve" ? args : [...args, "serve"], found: "the setting sessionls.server.command" };

  const environments = around.folders.flatMap((folder) =>
    [".venv", "venv"].map((name) => path.join(folder, name, around.windows ? "Scripts" : "bin")),
  );
  for (const folder of [...environments, ...around.path]) {
    const file = path.join(folder, around.windows ? "sessionls.exe" : "sessionls");
    if (await around.isProgram(file)) return { program: file, args: ["serve"], found: file };
  }

  for (const name of around.windows ? ["python.exe", "py.exe"] : ["python3", "python"]) {
    for (const folder of around.path) {
      const file = path.join(folder, name);
      if (!(await around.isProgram(file))) continue;
      // Isolated: a folder named sessionls in the working directory must not count, nor be started.
      if (await around.succeeds(file, ["-I", "-c", HAS_SESSIONLS])) {
        return { program: file, args: ["-I", "-m", "sessionls", "serve"], found: `${file} -m sessionls` };
      }
    }
  }
  return undefined;
}
