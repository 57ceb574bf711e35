import { expect, it } from "vitest";
import { Deletions } from "../../src/deletions";

const never = new Promise<boolean>(() => undefined);

it("a session is deleted when the time to bring it back is over", async () => {
  const deletions = new Deletions();
  const held = deletions.hold(["a"], 0, never);
  expect([deletions.has("a"), deletions.has("b")]).toEqual([true, false]);
  expect(await held).toBe(false);
  // Until the server has deleted it, it takes no messages.
  expect(deletions.has("a")).toBe(true);
  deletions.release(["a"]);
  expect(deletions.has("a")).toBe(false);
});

it("sessions that were deleted together come back together", async () => {
  const deletions = new Deletions();
  const held = deletions.hold(["a", "b"], 60_000, never);
  deletions.undo("b");
  expect(await held).toBe(true);
});

it("a notification that was only closed brings nothing back, its button does", async () => {
  const deletions = new Deletions();
  expect(await deletions.hold(["a"], 20, Promise.resolve(false))).toBe(false);
  expect(await deletions.hold(["a"], 60_000, Promise.resolve(true))).toBe(true);
});

it("says when something changes", async () => {
  const deletions = new Deletions();
  let changes = 0;
  deletions.onDidChange(() => (changes += 1));
  await deletions.hold(["a"], 0, never);
  deletions.release(["a"]);
  expect(changes).toBe(2);
});
