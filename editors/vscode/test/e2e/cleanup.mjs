// What is undone when the process of a test file ends, also if it is stopped in the middle of a test.
import fs from "node:fs";
import os from "node:os";
import path from "node:path";

const pending = new Set();

process.once("exit", () => {
  for (const undo of [...pending].toReversed()) {
    try {
      undo();
    } catch (error) {
      console.error(error);
    }
  }
});

/** Calls `undo`, which must not wait for anything, at the exit of this process; the last one first. Returns what revokes this. */
export function atExit(undo) {
  pending.add(undo);
  return () => pending.delete(undo);
}

/** A new temporary folder, and what removes it. It is removed at the exit of this process at the latest. */
export function temporaryFolder(name) {
  const folder = fs.mkdtempSync(path.join(os.tmpdir(), `sessionls-${name}-`));
  const remove = () => {
    revoke();
    if (process.env.SESSIONLS_E2E_KEEP) console.log("kept", folder);
    else fs.rmSync(folder, { recursive: true, force: true, maxRetries: 5 });
  };
  const revoke = atExit(remove);
  return { folder, remove };
}
