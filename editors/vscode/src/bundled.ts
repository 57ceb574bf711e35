/**
 * The bundled server: its wheel and the pinned list of its dependencies. It runs in a virtual environment in the extension's
 * storage, whose name depends on what is installed. An environment is created under a temporary name and renamed when it is
 * complete, so an environment with the final name is always complete, and two windows can create it at the same time.
 */
import { createHash } from "node:crypto";
import { mkdir, readdir, readFile, rename, rm, writeFile } from "node:fs/promises";
import * as path from "node:path";
import { countOf } from "./pip";

/** The packages to install. */
export interface Bundle {
  readonly wheel: string;
  readonly requirements: string;
  /** The number of packages in the list. */
  readonly packages: number;
  /** The version, and a hash of everything that is installed. */
  readonly name: string;
}

/** The bundled server in the extension's folder; undefined if the extension was built without it. */
export async function findBundle(folder: string): Promise<Bundle | undefined> {
  const names = await list(folder);
  const wheel = names.find((name) => name.endsWith(".whl"));
  if (wheel === undefined || !names.includes("requirements.txt")) return undefined;
  const requirements = path.join(folder, "requirements.txt");
  const text = await readFile(requirements);
  const hash = createHash("sha256")
    .update(text)
    .update(await readFile(path.join(folder, wheel)))
    .digest("hex");
  return {
    wheel: path.join(folder, wheel),
    requirements,
    packages: countOf(text.toString()),
    name: `${wheel.split("-")[1] ?? ""}-${hash.slice(0, 12)}`,
  };
}

/** A program and its first arguments. */
export interface Program {
  readonly program: string;
  readonly args: readonly string[];
}

/** The system functions needed to create an environment. */
export interface Tools {
  /** Runs a program in that folder. Throws if it fails. */
  run(program: string, args: readonly string[], cwd: string): Promise<void>;
  /** Whether that Python has sessionls. */
  works(python: string): Promise<boolean>;
}

const PARTIAL = ".partial-";
const BROKEN = ".broken-";
const USERS = "users";

export class Environments {
  constructor(
    /** The folder of the environments. */
    private readonly folder: string,
    private readonly bundle: Bundle,
    private readonly windows: boolean,
    /** This process, which locks the environment that it uses, as other processes do. */
    private readonly pid: number = process.pid,
    private readonly isRunning: (pid: number) => boolean = isAlive,
  ) {}

  /** The path of the environment's Python, which may not exist yet. */
  get python(): string {
    return this.pythonOf(path.join(this.folder, this.bundle.name));
  }

  /** Whether there is an environment of another version: the extension was updated after the server was installed. */
  async hasOther(): Promise<boolean> {
    return (await this.others()).some((name) => !name.startsWith("."));
  }

  /** Creates the environment. If that fails, nothing is left. */
  async create(base: Program, tools: Tools): Promise<void> {
    const target = path.join(this.folder, this.bundle.name);
    const partial = path.join(this.folder, `${PARTIAL}${this.pid}`);
    const python = this.pythonOf(partial);
    // -I: neither the current folder nor the user's own packages may mix with the installed packages.
    const pip = ["-I", "-m", "pip", "install", "--no-input", "--disable-pip-version-check"];
    try {
      await rm(partial, { recursive: true, force: true });
      await mkdir(this.folder, { recursive: true });
      await tools.run(base.program, [...base.args, "-I", "-m", "venv", partial], this.folder);
      await tools.run(python, [...pip, "--require-hashes", "-r", this.bundle.requirements], partial);
      await tools.run(python, [...pip, "--no-deps", this.bundle.wheel], partial);
      try {
        await rename(partial, target);
      } catch (error) {
        // Another window was faster, or the existing environment lost its Python.
        if (await tools.works(this.python)) return;
        await rename(target, path.join(this.folder, `${BROKEN}${this.pid}`)).catch(() => {
          throw error;
        });
        await rename(partial, target);
      }
    } finally {
      await rm(partial, { recursive: true, force: true, maxRetries: 3 });
    }
  }

  /** Prevents other windows from removing the environment while this process runs. */
  async lock(): Promise<void> {
    const users = path.join(this.folder, this.bundle.name, USERS);
    await mkdir(users, { recursive: true });
    await writeFile(path.join(users, String(this.pid)), "");
  }

  /** Removes incomplete environments and those of other versions, except those that a running window creates or uses. */
  async removeUnused(): Promise<void> {
    for (const name of await this.others()) {
      const folder = path.join(this.folder, name);
      const users = name.startsWith(PARTIAL) ? [name.slice(PARTIAL.length)] : await list(path.join(folder, USERS));
      const used = users.some((user) => this.isRunning(Number(user)));
      // If it cannot be removed now, it will be removed later.
      if (!used || name.startsWith(BROKEN)) await rm(folder, { recursive: true, force: true }).catch(() => undefined);
    }
  }

  private async others(): Promise<string[]> {
    return (await list(this.folder)).filter((name) => name !== this.bundle.name);
  }

  private pythonOf(folder: string): string {
    return this.windows ? path.join(folder, "Scripts", "python.exe") : path.join(folder, "bin", "python");
  }
}

function list(folder: string): Promise<string[]> {
  return readdir(folder).catch(() => []);
}

function isAlive(pid: number): boolean {
  if (!Number.isInteger(pid) || pid <= 0) return false;
  try {
    process.kill(pid, 0);
    return true;
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === "EPERM";
  }
}
