import { describe, expect, it } from "vitest";
import type { Agent, Models, Session } from "../../src/panel/messages";
import { answering } from "../../webview/answering";

const session = (model?: string) => ({ agent: "code", ...(model !== undefined && { model }) }) as Session;
const agents = (model: string) => [{ name: "code", model } as Agent];
const models = (more: Partial<Models> = {}): Models => ({ unable: {}, ...more });

describe("the model that answers", () => {
  it("is the session's, else the agent's, else the default", () => {
    const all = models({ default: "d" });
    expect(answering(session("s"), agents("a"), all)).toEqual({ model: "s", by: "session" });
    expect(answering(session(), agents("a"), all)).toEqual({ model: "a", by: "agent" });
    expect(answering(session(), agents(""), all)).toEqual({ model: "d", by: "default" });
    expect(answering(session(), [], all)).toEqual({ model: "d", by: "default" });
  });
  it("may not be known yet, and then nothing is said to be wrong", () => {
    expect(answering(session(), agents(""), undefined)).toEqual({ by: "default" });
    expect(answering(session("s"), agents(""), undefined)).toEqual({ model: "s", by: "session" });
  });
  it("is missed where nothing can answer, with what is wrong with the one that was chosen", () => {
    expect(answering(session(), agents(""), models()).problem).toMatch(/No model can answer yet/);
    expect(answering(session(), agents(""), models({ problem: "x cannot answer." })).problem).toBe("x cannot answer.");
    const unable = models({ default: "d", unable: { s: "Set KEY." } });
    expect(answering(session("s"), agents(""), unable)).toEqual({
      model: "s",
      by: "session",
      problem: "s cannot answer. Set KEY.",
    });
  });
});
