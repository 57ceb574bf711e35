import { describe, expect, it } from "vitest";
import { withUnsent, unsentDraft } from "../../src/panel/draft";
import { Drafts } from "../../src/panel/drafts";
import type { Chip } from "../../src/panel/messages";
import { aMessage, memory } from "./samples";

describe("a message that was refused", () => {
  const chip = (key: string): Chip => ({ key, icon: "file", label: key, title: key, context: { kind: "file", uri: key } });

  it("returns to an empty composer", () => {
    const refused = { text: "hello", agent: "review", chips: [chip("a")] };
    expect(withUnsent({ text: " ", chips: [] }, refused)).toEqual(refused);
    expect(withUnsent({ text: "hello", chips: [] }, refused)).toEqual(refused);
  });
  it("is put before a newer draft, which is kept", () => {
    expect(
      withUnsent({ text: "next", chips: [chip("b")] }, { text: "hello", agent: "review", chips: [chip("a"), chip("b")] }),
    ).toEqual({ text: "hello\n\nnext", agent: "review", chips: [chip("a"), chip("b")] });
    expect(withUnsent({ text: "next", agent: "test", chips: [] }, { text: "hello", chips: [] }).agent).toBe("test");
  });
});

describe("a message on its way to a server that ended", () => {
  const unsure = (text: string) => ({ draft: { text, chips: [] }, known: ["old"] });
  const message = (id: string, text: string) => aMessage(id, { role: "participant", parts: [{ kind: "text", text }] });

  it("is not restored if the session has it", () => {
    expect(unsentDraft([unsure("a")], [message("old", "a"), message("new", "a")])).toBeUndefined();
  });
  it("is restored if the session does not have it, or only an earlier message with the same text", () => {
    expect(unsentDraft([unsure("a")], [message("old", "a")])?.text).toBe("a");
    expect(unsentDraft([unsure("a"), unsure("a")], [message("new", "a")])?.text).toBe("a");
  });
  it("is restored in order with others", () => {
    expect(unsentDraft([unsure("a"), unsure("b"), unsure("c")], [message("new", "b")])?.text).toBe("a\n\nc");
  });
});

describe("the stored draft of a session", () => {
  const draft = (text: string) => ({ text, chips: [] });

  it("includes a refused message before the draft", async () => {
    const drafts = new Drafts(memory());
    await drafts.save("s", draft("next"));
    await drafts.putBack("s", draft("hello"));
    expect(drafts.get("s")?.text).toBe("hello\n\nnext");
    await drafts.putBack("other", draft("alone"));
    expect(drafts.get("other")?.text).toBe("alone");
    await drafts.forget("s");
    expect(drafts.get("s")).toBeUndefined();
  });

  it("keeps unconfirmed messages until they are taken, also in the next window", async () => {
    const kept = memory();
    await new Drafts(kept).saveUnconfirmed("s", { draft: draft("a"), known: ["m1"] });
    await new Drafts(kept).saveUnconfirmed("s", { draft: draft("b"), known: ["m1"] });
    const drafts = new Drafts(kept);
    expect(drafts.takeUnconfirmed("s").map((one) => one.draft.text)).toEqual(["a", "b"]);
    expect(drafts.takeUnconfirmed("s")).toEqual([]);
  });
});
