import { describe, expect, it } from "vitest";
import { findPython, findServer, type SearchEnvironment } from "../../src/discovery";

/** A machine with these programs; those in `pythons` have sessionls. */
function machine(
  programs: readonly string[],
  more: Partial<SearchEnvironment> = {},
  pythons: readonly string[] = [],
): SearchEnvironment {
  return {
    setting: [],
    path: ["/usr/bin", "/opt/bin"],
    folders: [],
    windows: false,
    python: "",
    bundled: () => Promise.resolve(undefined),
    isProgram: (file) => Promise.resolve(programs.includes(file)),
    succeeds: (program) => Promise.resolve(pythons.includes(program)),
    ...more,
  };
}

describe("finding the server", () => {
  it("prefers the setting, and adds a missing `serve`", async () => {
    const all = ["/usr/bin/sessionls"];
    expect(await findServer(machine(all, { setting: ["/x/python", "-m", "sessionls"] }))).toMatchObject({
      program: "/x/python",
      args: ["-m", "sessionls", "serve"],
    });
    expect((await findServer(machine(all, { setting: ["/x/sessionls", "serve"] })))?.args).toEqual(["serve"]);
  });

  it("finds an installed sessionls on the PATH, in its order", async () => {
    const found = await findServer(machine(["/opt/bin/sessionls", "/usr/bin/sessionls"]));
    expect(found).toMatchObject({ program: "/usr/bin/sessionls", args: ["serve"] });
  });

  it("prefers the environment of a trusted folder", async () => {
    const programs = ["/usr/bin/sessionls", "/w/.venv/bin/sessionls"];
    expect((await findServer(machine(programs, { folders: ["/w"] })))?.program).toBe("/w/.venv/bin/sessionls");
    expect((await findServer(machine(programs)))?.program).toBe("/usr/bin/sessionls");
  });

  it("falls back to the first Python that has sessionls, isolated from the working directory", async () => {
    const found = await findServer(machine(["/usr/bin/python3", "/opt/bin/python3"], {}, ["/opt/bin/python3"]));
    expect(found).toMatchObject({ program: "/opt/bin/python3", args: ["-I", "-m", "sessionls", "serve"] });
  });

  it("reports that there is none", async () => {
    expect(await findServer(machine(["/usr/bin/python3"]))).toBeUndefined();
  });

  it("falls back last to the copy that the extension installed, if it works", async () => {
    const made = { bundled: () => Promise.resolve("/store/bin/python") };
    const found = await findServer(machine(["/store/bin/python"], made, ["/store/bin/python"]));
    expect(found).toMatchObject({ program: "/store/bin/python", args: ["-I", "-m", "sessionls", "serve"] });
    const both = ["/store/bin/python", "/usr/bin/sessionls"];
    expect((await findServer(machine(both, made, ["/store/bin/python"])))?.program).toBe("/usr/bin/sessionls");
    expect(await findServer(machine(["/store/bin/python"], made))).toBeUndefined();
    expect(await findServer(machine([], made, ["/store/bin/python"]))).toBeUndefined();
  });
});

describe("finding a Python for the bundled server", () => {
  /** A machine with these Pythons: too old, new enough without what makes environments, or all right. */
  const pythons = (all: Readonly<Record<string, "old" | "bare" | "good">>, more: Partial<SearchEnvironment> = {}) =>
    machine(Object.keys(all), {
      succeeds: (program, args) =>
        Promise.resolve(args.some((arg) => arg.includes("venv")) ? all[program] === "good" : all[program] !== "old"),
      ...more,
    });

  it("takes the newest of the system that is new enough", async () => {
    const all = { "/usr/bin/python3": "old", "/usr/bin/python3.12": "good", "/opt/bin/python3.13": "good" } as const;
    expect(await findPython(pythons(all))).toEqual({ kind: "found", program: "/opt/bin/python3.13", args: [] });
  });

  it("prefers the one of a trusted folder", async () => {
    const all = { "/usr/bin/python3": "good", "/w/venv/bin/python": "good" } as const;
    expect(await findPython(pythons(all, { folders: ["/w"] }))).toMatchObject({ program: "/w/venv/bin/python" });
    expect(await findPython(pythons(all))).toMatchObject({ program: "/usr/bin/python3" });
  });

  it("takes only the one in the setting", async () => {
    const all = { "/usr/bin/python3": "good", "/x/python": "good", "/x/old": "old" } as const;
    expect(await findPython(pythons(all, { python: "/x/python" }))).toMatchObject({ kind: "found", program: "/x/python" });
    expect(await findPython(pythons(all, { python: "/x/old" }))).toEqual({ kind: "badSetting", program: "/x/old" });
    expect(await findPython(pythons(all, { python: "/x/none" }))).toEqual({ kind: "badSetting", program: "/x/none" });
  });

  it("reports one that cannot create environments, unless another one can", async () => {
    const bare = { "/usr/bin/python3.12": "bare", "/usr/bin/python3": "bare" } as const;
    expect(await findPython(pythons(bare))).toEqual({ kind: "noVenv", program: "/usr/bin/python3.12" });
    expect(await findPython(pythons({ ...bare, "/opt/bin/python3": "good" }))).toMatchObject({ program: "/opt/bin/python3" });
  });

  it("tries the Windows launcher after python.exe", async () => {
    const all = { "/usr/bin/python.exe": "old", "/opt/bin/py.exe": "good" } as const;
    expect(await findPython(pythons(all, { windows: true }))).toEqual({
      kind: "found",
      program: "/opt/bin/py.exe",
      args: ["-3"],
    });
  });

  it("reports that there is none", async () => {
    expect(await findPython(pythons({ "/usr/bin/python3": "old" }))).toEqual({ kind: "none" });
  });
});
