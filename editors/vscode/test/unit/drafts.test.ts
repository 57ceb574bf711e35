import { describe, expect, it } from "vitest";
import { givenBack, lostOf } from "../../src/panel/draft";
import { Drafts } from "../../src/panel/drafts";
import type { Chip } from "../../src/panel/messages";
import { aMessage, memory } from "./samples";

describe("a message that was refused", () => {
  const chip = (key: string): Chip => ({ key, icon: "file", label: key, title: key, context: { kind: "file", uri: key } });

  it("is in an empty composer again", () => {
    const refused = { text: "hello", agent: "review", chips: [chip("a")] };
    expect(givenBack({ text: " ", chips: [] }, refused)).toEqual(refused);
    expect(givenBack({ text: "hello", chips: [] }, refused)).toEqual(refused);
  });
  it("stands before what was begun since, and takes nothing of it away", () => {
    expect(
      givenBack({ text: "next", chips: [chip("b")] }, { text: "hello", agent: "review", chips: [chip("a"), chip("b")] }),
    ).toEqual({ text: "hello\n\nnext", agent: "review", chips: [chip("a"), chip("b")] });
    expect(givenBack({ text: "next", agent: "test", chips: [] }, { text: "hello", chips: [] }).agent).toBe("test");
  });
});

describe("a message on its way to a server that ended", () => {
  const unsure = (text: string) => ({ draft: { text, chips: [] }, known: ["old"] });
  const message = (id: string, text: string) => aMessage(id, { role: "participant", parts: [{ kind: "text", text }] });

  it("is nothing to bother about where the session has it", () => {
    expect(lostOf([unsure("a")], [message("old", "a"), message("new", "a")])).toBeUndefined();
  });
  it("is lost where the session has it not, or only one with the same words from before", () => {
    expect(lostOf([unsure("a")], [message("old", "a")])?.text).toBe("a");
    expect(lostOf([unsure("a"), unsure("a")], [message("new", "a")])?.text).toBe("a");
  });
  it("comes back in order with others", () => {
    expect(lostOf([unsure("a"), unsure("b"), unsure("c")], [message("new", "b")])?.text).toBe("a\n\nc");
  });
});

describe("what is kept for a session", () => {
  const draft = (text: string) => ({ text, chips: [] });

  it("is its draft, with what was refused before it", async () => {
    const drafts = new Drafts(memory());
    await drafts.keep("s", draft("next"));
    await drafts.giveBack("s", draft("hello"));
    expect(drafts.of("s")?.text).toBe("hello\n\nnext");
    await drafts.giveBack("other", draft("alone"));
    expect(drafts.of("other")?.text).toBe("alone");
    await drafts.forget("s");
    expect(drafts.of("s")).toBeUndefined();
  });

  it("is what was on its way when the server ended, until it is asked for, in the next window too", async () => {
    const kept = memory();
    await new Drafts(kept).keepUnsure("s", { draft: draft("a"), known: ["m1"] });
    await new Drafts(kept).keepUnsure("s", { draft: draft("b"), known: ["m1"] });
    const drafts = new Drafts(kept);
    expect(drafts.takeUnsure("s").map((one) => one.draft.text)).toEqual(["a", "b"]);
    expect(drafts.takeUnsure("s")).toEqual([]);
  });
});
