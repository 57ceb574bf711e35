import { describe, expect, it } from "vitest";
import { modelMessages, estimate, familyOf, nameOf, toolParams } from "../../src/chat/modelRequests";
import { Problem } from "../../src/problem";

const text = (value: string) => ({ value });
const [PERSON, MODEL, VSCODE] = [1, 2, 3];

describe("the request of another extension", () => {
  it("keeps the roles of messages, and omits empty ones", () => {
    const messages = [
      { role: VSCODE, content: [text("Be brief.")] },
      { role: PERSON, content: [text("one "), text("two")] },
      { role: PERSON, content: [] },
      { role: MODEL, content: [text("three")] },
    ];
    expect(modelMessages(messages)).toEqual({
      instructions: "Be brief.",
      messages: [
        { role: "participant", text: "one two" },
        { role: "agent", text: "three" },
      ],
    });
  });
  it("returns the reasoning of a call with the call", () => {
    const reasoning = { provider: "anthropic", data: [{ type: "thinking", signature: "s" }] };
    const call = (callId: string) => ({ callId, name: "weather", input: {} });
    const messages = [
      { role: PERSON, content: [text("Paris?")] },
      { role: MODEL, content: [call("known")] },
      { role: MODEL, content: [call("older")] },
    ];
    const [, known, older] = modelMessages(messages, new Map([["known", reasoning]])).messages;
    expect(known).toMatchObject({ reasoning });
    expect(older).not.toHaveProperty("reasoning");
  });
  it("attaches the results of calls to the calls", () => {
    const messages = [
      { role: PERSON, content: [text("Paris?")] },
      {
        role: MODEL,
        content: [
          text("I look."),
          { callId: "a", name: "weather", input: { city: "Paris" } },
          { callId: "b", name: "map", input: {} },
        ],
      },
      { role: PERSON, content: [{ callId: "a", content: [text("rain"), text("12 °C")] }] },
    ];
    expect(modelMessages(messages).messages[1]).toEqual({
      role: "agent",
      text: "I look.",
      calls: [
        { callId: "a", name: "weather", arguments: { city: "Paris" }, result: "rain\n12 °C" },
        { callId: "b", name: "map", arguments: {}, result: "The call was not made." },
      ],
    });
  });
  it("is rejected if it contains more than text", () => {
    const picture = { mimeType: "image/png", data: new Uint8Array(1) };
    expect(() => modelMessages([{ role: PERSON, content: [picture] }])).toThrow(Problem);
    expect(() => modelMessages([])).toThrow(Problem);
  });
  it("may offer tools", () => {
    const schema = { type: "object", properties: { city: {} } };
    expect(toolParams([{ name: "weather", description: "Tells it.", inputSchema: schema }], true)).toEqual({
      tools: [{ name: "weather", description: "Tells it.", schema }],
      mustCall: true,
    });
    expect(toolParams([], true)).toEqual({});
  });
});

it("tokens are estimated from bytes, for text in any script", () => {
  expect(estimate("four")).toBe(1);
  expect(estimate("日本語の文章")).toBe(5);
  expect(estimate({ role: PERSON, content: [text("four"), text("more")] })).toBe(2);
});

it("a model is named without its provider, its family without date and tag", () => {
  expect([nameOf("openai/gpt-4o"), nameOf("gpt-4o")]).toEqual(["gpt-4o", "gpt-4o"]);
  expect([familyOf("openai/gpt-4o-2024-11-20"), familyOf("ollama/qwen3:8b")]).toEqual(["gpt-4o", "qwen3"]);
});
