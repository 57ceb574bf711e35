import { existsSync } from "node:fs";
import { mkdir, mkdtemp, readdir, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import path from "node:path";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { Environments, findBundle, type Bundle, type Tools } from "../../src/bundled";

let folder: string, store: string, bundle: Bundle;

async function bring(requirements: string): Promise<Bundle> {
  const brought = path.join(folder, "server");
  await mkdir(brought, { recursive: true });
  await writeFile(path.join(brought, "sessionls-1.2.3-py3-none-any.whl"), "wheel");
  await writeFile(path.join(brought, "requirements.txt"), requirements);
  const found = await findBundle(brought);
  if (!found) throw new Error("no bundle");
  return found;
}

/** Programs that do in files what the real ones do, and `fails` at the step that has these words. */
function tools(asked: string[] = [], fails?: string): Tools {
  return {
    run: async (program, args) => {
      const words = [program, ...args].join(" ");
      asked.push(words);
      if (fails !== undefined && words.includes(fails)) throw new Error("failed");
      const made = args.at(-1) ?? "";
      if (!args.includes("venv")) return;
      await mkdir(path.join(made, "bin"), { recursive: true });
      await writeFile(path.join(made, "bin/python"), "");
    },
    works: (python) => Promise.resolve(existsSync(python)),
  };
}

const base = { program: "/usr/bin/python3", args: [] };
const everybody = () => true;
const nobody = () => false;
const there = () => readdir(store);

beforeEach(async () => {
  folder = await mkdtemp(path.join(tmpdir(), "sessionls-bundled-"));
  store = path.join(folder, "store");
  bundle = await bring("a==1 \\\n    --hash=sha256:0\nb==2 \\\n    --hash=sha256:1\n");
});
afterEach(() => rm(folder, { recursive: true }));

describe("the bundled server", () => {
  it("is named after its version and everything it installs", async () => {
    expect(bundle.name).toMatch(/^1\.2\.3-[0-9a-f]{12}$/);
    expect(bundle.packages).toBe(2);
    expect((await bring("a==2\n")).name).not.toBe(bundle.name);
  });
  it("may be missing", async () => {
    expect(await findBundle(path.join(folder, "nowhere"))).toBeUndefined();
  });
});

describe("its environment", () => {
  it("is installed from the pinned list with hashes, then from the wheel without dependencies", async () => {
    const asked: string[] = [];
    const environments = new Environments(store, bundle, false, 1);
    await environments.create({ program: "py", args: ["-3"] }, tools(asked));
    expect(existsSync(environments.python)).toBe(true);
    expect(asked[0]).toMatch(/^py -3 -I -m venv /);
    expect(asked[1]).toMatch(/ -I -m pip install .*--require-hashes -r .*requirements\.txt$/);
    expect(asked[2]).toMatch(/ -I -m pip install .*--no-deps .*\.whl$/);
    expect(await there()).toEqual([bundle.name]);
  });

  it("leaves nothing behind if a step fails", async () => {
    for (const step of ["venv", "--require-hashes", "--no-deps"]) {
      const environments = new Environments(store, bundle, false, 1);
      await expect(environments.create(base, tools([], step))).rejects.toThrow("failed");
      expect(await there()).toEqual([]);
    }
  });

  it("can be made by two windows at once", async () => {
    const both = [1, 2].map((pid) => new Environments(store, bundle, false, pid));
    await Promise.all(both.map((one) => one.create(base, tools())));
    expect(existsSync(both[0]?.python ?? "")).toBe(true);
    expect(await there()).toEqual([bundle.name]);
  });

  it("replaces an environment that no longer works", async () => {
    const environments = new Environments(store, bundle, false, 1);
    await environments.create(base, tools());
    await rm(environments.python);
    await environments.create(base, tools());
    expect(existsSync(environments.python)).toBe(true);
    await environments.removeUnused();
    expect(await there()).toEqual([bundle.name]);
  });

  it("of an earlier version is removed, unless a running window uses it", async () => {
    const old = new Environments(store, bundle, false, 1);
    await old.create(base, tools());
    await old.lock();
    const next = await bring("a==2\n");
    const used = new Environments(store, next, false, 2, everybody);
    expect(await used.hasOther()).toBe(true);
    await used.create(base, tools());
    await used.removeUnused();
    expect((await there()).sort()).toEqual([bundle.name, next.name].sort());
    await new Environments(store, next, false, 2, nobody).removeUnused();
    expect(await there()).toEqual([next.name]);
  });

  it("that is incomplete is removed, unless a running window is creating it", async () => {
    await mkdir(path.join(store, ".partial-77"), { recursive: true });
    await new Environments(store, bundle, false, 1, everybody).removeUnused();
    expect(await there()).toEqual([".partial-77"]);
    await new Environments(store, bundle, false, 1, nobody).removeUnused();
    expect(await there()).toEqual([]);
  });
});
