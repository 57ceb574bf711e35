/**
 * The server that the extension brings: its wheel and the pinned list of what it needs. It runs in a virtual environment that is
 * made for it once, in the extension's own storage, under a name that changes with what is installed. An environment is made under
 * another name and renamed when it is complete, so what has its name is whole, and two windows can make it at once.
 */
import { createHash } from "node:crypto";
import { mkdir, readdir, readFile, rename, rm, writeFile } from "node:fs/promises";
import * as path from "node:path";
import { countOf } from "./pip";

/** What is installed. */
export interface Bundle {
  readonly wheel: string;
  readonly requirements: string;
  /** How many packages the list names. */
  readonly packages: number;
  /** The version, and a hash of all that is installed. */
  readonly name: string;
}

/** What the folder of the extension brings; nothing where it was built without. */
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

/** A program and the arguments that come before all others. */
export interface Program {
  readonly program: string;
  readonly args: readonly string[];
}

/** What making an environment needs of the system. */
export interface Tools {
  /** Runs a program in that folder. Fails where it fails. */
  run(program: string, args: readonly string[], cwd: string): Promise<void>;
  /** Whether that Python has sessionls. */
  works(python: string): Promise<boolean>;
}

const MAKING = ".making-";
const BROKEN = ".broken-";
const USERS = "users";

export class Environments {
  constructor(
    /** Where they are kept. */
    private readonly folder: string,
    private readonly bundle: Bundle,
    private readonly windows: boolean,
    /** This process, which holds the environment that it uses, and which others hold theirs. */
    private readonly pid: number = process.pid,
    private readonly lives: (pid: number) => boolean = isAlive,
  ) {}

  /** The Python of the environment, whether it is there or not. */
  get python(): string {
    return this.pythonOf(path.join(this.folder, this.bundle.name));
  }

  /** Whether there is one of another version: the server was installed before, and the extension is a newer one. */
  async hasOther(): Promise<boolean> {
    return (await this.others()).some((name) => !name.startsWith("."));
  }

  /** Makes the environment. What was made of it is gone where that fails. */
  async make(base: Program, tools: Tools): Promise<void> {
    const whole = path.join(this.folder, this.bundle.name);
    const making = path.join(this.folder, `${MAKING}${this.pid}`);
    const python = this.pythonOf(making);
    // -I: neither the folder it runs in nor the person's own packages may mix with what is installed.
    const pip = ["-I", "-m", "pip", "install", "--no-input", "--disable-pip-version-check"];
    try {
      await rm(making, { recursive: true, force: true });
      await mkdir(this.folder, { recursive: true });
      await tools.run(base.program, [...base.args, "-I", "-m", "venv", making], this.folder);
      await tools.run(python, [...pip, "--require-hashes", "-r", this.bundle.requirements], making);
      await tools.run(python, [...pip, "--no-deps", this.bundle.wheel], making);
      try {
        await rename(making, whole);
      } catch (error) {
        // Another window was faster; or what is there worked once, and its Python went away.
        if (await tools.works(this.python)) return;
        await rename(whole, path.join(this.folder, `${BROKEN}${this.pid}`)).catch(() => {
          throw error;
        });
        await rename(making, whole);
      }
    } finally {
      await rm(making, { recursive: true, force: true, maxRetries: 3 });
    }
  }

  /** Keeps the environment from being removed by another window as long as this process lives. */
  async hold(): Promise<void> {
    const users = path.join(this.folder, this.bundle.name, USERS);
    await mkdir(users, { recursive: true });
    await writeFile(path.join(users, String(this.pid)), "");
  }

  /** Removes environments of other versions and half-made ones, but for those that a living window makes or uses. */
  async tidy(): Promise<void> {
    for (const name of await this.others()) {
      const folder = path.join(this.folder, name);
      const users = name.startsWith(MAKING) ? [name.slice(MAKING.length)] : await list(path.join(folder, USERS));
      const used = users.some((user) => this.lives(Number(user)));
      // What cannot be removed now is removed another time.
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
