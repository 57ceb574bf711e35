import { describe, expect, it } from "vitest";
import { completionAt } from "../../webview/completionQuery";
import { slashChoices, slashCommand } from "../../webview/slashCommands";

const prompts = [
  { name: "explain", source: "file:///a", description: "Explains code", arguments: "what" },
  { name: "git:commit", source: "file:///b", description: "" },
  { name: "broken", source: "file:///c", description: "", problem: "there is no text in it" },
];

describe("a slash at the beginning of a message", () => {
  it("completes prompts and commands, and nothing elsewhere", () => {
    expect(completionAt("/ex", 3)).toEqual({ kind: "prompt", query: "ex", start: 0, end: 3 });
    expect(completionAt("/", 1)?.kind).toBe("prompt");
    for (const text of ["/usr/bin", "see /ex", "/explain it", "a/b"]) expect(completionAt(text, text.length)).toBeUndefined();
  });

  it("offers prompt files before commands, by a part of their name", () => {
    expect(
      slashChoices(prompts, "")
        .map(({ label }) => label)
        .slice(0, 4),
    ).toEqual(["/explain", "/git:commit", "/broken", "/compact"]);
    expect(slashChoices(prompts, "COM").map(({ label }) => label)).toEqual(["/git:commit", "/compact"]);
    expect(slashChoices(prompts, "explain")[0]?.detail).toBe("what: Explains code");
  });

  it("disables prompt files that cannot be used, and says why", () => {
    expect(slashChoices(prompts, "broken")).toMatchObject([{ disabled: true, detail: "there is no text in it" }]);
  });

  it("is a command if the message has nothing else, and no prompt file has that name", () => {
    expect(slashCommand(prompts, "/compact")).toBe("compact");
    expect(slashCommand(prompts, "/model ")).toBe("switchModel");
    expect(slashCommand(prompts, "/compact now")).toBeUndefined();
    expect(slashCommand(prompts, "/constructor")).toBeUndefined();
    expect(slashCommand([...prompts, { name: "compact", source: "file:///d", description: "" }], "/compact")).toBeUndefined();
  });
});
