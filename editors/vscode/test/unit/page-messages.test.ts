import { describe, expect, it } from "vitest";
import type { View } from "../../src/panel/messages";
import { newestStarted, lastWritten } from "../../webview/findMessages";
import { ADA, aMessage, aReply, aSession } from "./samples";

describe("the newest message that is not waiting", () => {
  it("is the last one", () => {
    expect(newestStarted([aMessage("a"), aReply("b", "a", { status: "failed" })])?.id).toBe("b");
  });
  it("is a stopped reply, also if messages wait after it", () => {
    const stopped = [aMessage("a", { status: "interrupted" }), aReply("b", "a", { status: "interrupted" })];
    expect(newestStarted([...stopped, aMessage("c", { status: "queued" }), aMessage("d", { status: "queued" })])?.id).toBe("b");
  });
  it("is undefined without messages", () => {
    expect(newestStarted([])).toBeUndefined();
  });
});

describe("the last message of the person here", () => {
  const grace = { id: "p-grace", name: "Grace" };
  const view = (participants: View["session"]["participants"], ...messages: View["messages"]): View => ({
    session: aSession({ participants }),
    messages,
    more: false,
    participants,
  });
  it("is the newest message from anywhere, if nobody else has taken part", () => {
    expect(lastWritten(view([ADA], aMessage("one"), aMessage("two"), aReply("r", "two")), "one")).toBe("two");
  });
  it("is not a message of another participant", () => {
    const both = view([ADA, grace], aMessage("mine"), aMessage("hers", { author: grace }));
    expect(lastWritten(both, undefined)).toBeUndefined();
    expect(lastWritten(both, "mine")).toBe("mine");
  });
  it("is their own newest message if the person is known", () => {
    const both = view([ADA, grace], aMessage("mine"), aMessage("hers", { author: grace }));
    expect(lastWritten(both, undefined, "p-ada")).toBe("mine");
    expect(lastWritten(both, "mine", "p-grace")).toBe("hers");
  });
  it("is not a message that a fork copied from others", () => {
    expect(lastWritten(view([ADA], aMessage("hers", { author: grace })), undefined)).toBeUndefined();
  });
});
