import { expect, it } from "vitest";
import { isEmpty } from "../../src/emptySessions";
import type { Session } from "../../src/protocol";
import { aSession } from "./samples";

it.each<[string, Partial<Session>, boolean]>([
  ["nothing was said in it", {}, true],
  ["it has a message", { messageCount: 1 }, false],
  ["a message waits", { queued: 1 }, false],
  ["it was renamed", { title: "Parser" }, false],
  ["it is a fork", { parent: { sessionId: "a", seq: 3 } }, false],
  ["it was paused", { state: "paused" }, false],
  ["it has a budget", { budget: 1 }, false],
])("a session is empty or not: %s", (_, given, empty) => {
  expect(isEmpty(aSession({ title: "New session", ...given }))).toBe(empty);
});
