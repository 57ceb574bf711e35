import { describe, expect, it } from "vitest";
import type { Agent, Models, Session } from "../../src/panel/messages";
import { answeringModel } from "../../webview/answeringModel";

const session = (model?: string) => ({ agent: "code", ...(model !== undefined && { model }) }) as Session;
const agents = (model: string) => [{ name: "code", model } as Agent];
const models = (more: Partial<Models> = {}): Models => ({ unable: {}, ...more });

describe("the model that answers", () => {
  it("is the session's, else the agent's, else the default", () => {
    const all = models({ default: "d" });
    expect(answeringModel(session("s"), agents("a"), all)).toEqual({ model: "s", by: "session" });
    expect(answeringModel(session(), agents("a"), all)).toEqual({ model: "a", by: "agent" });
    expect(answeringModel(session(), agents(""), all)).toEqual({ model: "d", by: "default" });
    expect(answeringModel(session(), [], all)).toEqual({ model: "d", by: "default" });
  });
  it("may be unknown at first, without a problem", () => {
    expect(answeringModel(session(), agents(""), undefined)).toEqual({ by: "default" });
    expect(answeringModel(session("s"), agents(""), undefined)).toEqual({ model: "s", by: "session" });
  });
  it("has a problem if no model, or not the chosen one, can answer", () => {
    expect(answeringModel(session(), agents(""), models()).problem).toMatch(/No model can answer yet/);
    expect(answeringModel(session(), agents(""), models({ problem: "x cannot answer." })).problem).toBe("x cannot answer.");
    const unable = models({ default: "d", unable: { s: "Set KEY." } });
    expect(answeringModel(session("s"), agents(""), unable)).toEqual({
      model: "s",
      by: "session",
      problem: "s cannot answer. Set KEY.",
    });
  });
});
