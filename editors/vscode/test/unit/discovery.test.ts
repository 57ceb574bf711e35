import { describe, expect, it } from "vitest";
import { findServer, type Surroundings } from "../../src/discovery";

/** A machine with these programs; those in `pythons` have sessionls. */
function machine(programs: readonly string[], more: Partial<Surroundings> = {}, pythons: readonly string[] = []): Surroundings {
  return {
    setting: [],
    path: ["/usr/bin", "/opt/bin"],
    folders: [],
    windows: false,
    isProgram: (file) => Promise.resolve(programs.includes(file)),
    succeeds: (program) => Promise.resolve(pythons.includes(program)),
    ...more,
  };
}

describe("finding the server", () => {
  it("takes the setting before all else, and adds `serve` where it is missing", async () => {
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

  it("prefers the environment of a folder that is trusted", async () => {
    const programs = ["/usr/bin/sessionls", "/w/.venv/bin/sessionls"];
    expect((await findServer(machine(programs, { folders: ["/w"] })))?.program).toBe("/w/.venv/bin/sessionls");
    expect((await findServer(machine(programs)))?.program).toBe("/usr/bin/sessionls");
  });

  it("falls back to the first Python that has sessionls, and keeps it from the working directory", async () => {
    const found = await findServer(machine(["/usr/bin/python3", "/opt/bin/python3"], {}, ["/opt/bin/python3"]));
    expect(found).toMatchObject({ program: "/opt/bin/python3", args: ["-I", "-m", "sessionls", "serve"] });
  });

  it("says so where there is none", async () => {
    expect(await findServer(machine(["/usr/bin/python3"]))).toBeUndefined();
  });
});
