import { expect, it } from "vitest";
import { Problem, problemOf, serverStopped } from "../../src/problem";

it("keeps the server's kind and its hint", () => {
  const problem = problemOf({
    code: -32042,
    message: "The session is paused.",
    data: { kind: "sessionPaused", hint: "Resume it." },
  });
  expect(problem).toMatchObject({ kind: "sessionPaused", hint: "Resume it." });
  expect(problem.text).toBe("The session is paused. Resume it.");
});

it("recognises a cancelled request, and one whose server ended", () => {
  expect(problemOf({ code: -32800, message: "Cancelled" }).kind).toBe("cancelled");
  expect(problemOf({ code: -32097, message: "Pending response rejected since connection got disposed" }).kind).toBe("serverLost");
});

it("knows whether the message is in the session nevertheless", () => {
  const failed = { kind: "modelUnavailable", messageId: "m", replyId: "r" };
  expect(problemOf({ code: -32046, message: "No key.", data: failed }).messageAccepted).toBe(true);
  expect(problemOf({ code: -32046, message: "No key.", data: { kind: "modelUnavailable" } }).messageAccepted).toBe(false);
  expect(problemOf({ code: -32800, message: "Cancelled." }).messageAccepted).toBe(true);
  expect(problemOf({ code: -32042, message: "Paused.", data: { kind: "sessionPaused" } }).messageAccepted).toBe(false);
  expect(serverStopped().messageAccepted).toBe(false);
});

it("converts any thrown value", () => {
  expect(problemOf("odd").message).toBe("odd");
  expect(problemOf(new TypeError("x is undefined")).message).toBe("x is undefined");
  const problem = new Problem("a", "b");
  expect(problemOf(problem)).toBe(problem);
});
