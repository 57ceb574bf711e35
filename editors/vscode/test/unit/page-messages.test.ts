import { describe, expect, it } from "vitest";
import { newestBegun } from "../../webview/messages";
import { aMessage, aReply } from "./samples";

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
