import { describe, expect, it } from "vitest";
import type { View } from "../../src/panel/messages";
import { newestBegun, writtenLast } from "../../webview/messages";
import { ADA, aMessage, aReply, aSession } from "./samples";

describe("the newest message that has begun", () => {
  it("is the last one", () => {
    expect(newestBegun([aMessage("a"), aReply("b", "a", { status: "failed" })])?.id).toBe("b");
  });
  it("is a reply that stopped, also where messages wait behind it", () => {
    const stopped = [aMessage("a", { status: "interrupted" }), aReply("b", "a", { status: "interrupted" })];
    expect(newestBegun([...stopped, aMessage("c", { status: "queued" }), aMessage("d", { status: "queued" })])?.id).toBe("b");
  });
  it("is none where there are no messages", () => {
    expect(newestBegun([])).toBeUndefined();
  });
});

describe("what the person here wrote last", () => {
  const grace = { id: "p-grace", name: "Grace" };
  const view = (participants: View["session"]["participants"], ...messages: View["messages"]): View => ({
    session: aSession({ participants }),
    messages,
    more: false,
    participants,
  });
  it("is the newest message, wherever it was sent from, where nobody else has ever taken part", () => {
    expect(writtenLast(view([ADA], aMessage("one"), aMessage("two"), aReply("r", "two")), "one")).toBe("two");
  });
  it("is none of another participant", () => {
    const both = view([ADA, grace], aMessage("mine"), aMessage("hers", { author: grace }));
    expect(writtenLast(both, undefined)).toBeUndefined();
    expect(writtenLast(both, "mine")).toBe("mine");
  });
  it("is the newest of their own where it is known who is here", () => {
    const both = view([ADA, grace], aMessage("mine"), aMessage("hers", { author: grace }));
    expect(writtenLast(both, undefined, "p-ada")).toBe("mine");
    expect(writtenLast(both, "mine", "p-grace")).toBe("hers");
  });
  it("is none that a fork took over from others", () => {
    expect(writtenLast(view([ADA], aMessage("hers", { author: grace })), undefined)).toBeUndefined();
  });
});
