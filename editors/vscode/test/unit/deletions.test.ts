import { expect, it } from "vitest";
import { Deletions } from "../../src/deletions";

const never = new Promise<boolean>(() => undefined);

it("a session is deleted when the time to restore it is over", async () => {
  const deletions = new Deletions();
  const held = deletions.hold(["a"], 0, never);
  expect([deletions.has("a"), deletions.has("b")]).toEqual([true, false]);
  expect(await held).toBe(false);
  // Until the server has deleted it, it takes no messages.
  expect(deletions.has("a")).toBe(true);
  deletions.release(["a"]);
  expect(deletions.has("a")).toBe(false);
});

it("sessions that were deleted together are restored together", async () => {
  const deletions = new Deletions();
  const held = deletions.hold(["a", "b"], 60_000, never);
  deletions.undo("b");
  expect(await held).toBe(true);
});

it("the button of the notification restores the session, closing it does not", async () => {
  const deletions = new Deletions();
  expect(await deletions.hold(["a"], 20, Promise.resolve(false))).toBe(false);
  expect(await deletions.hold(["a"], 60_000, Promise.resolve(true))).toBe(true);
});

it("notifies listeners of changes", async () => {
  const deletions = new Deletions();
  let changes = 0;
  deletions.onDidChange(() => (changes += 1));
  await deletions.hold(["a"], 0, never);
  deletions.release(["a"]);
  expect(changes).toBe(2);
});
