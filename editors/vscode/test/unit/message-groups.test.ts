import { describe, expect, it } from "vitest";
import type { Message } from "../../src/panel/messages";
import { GROUP_SIZE, MessageGroups } from "../../webview/messageGroups";
import { aMessage } from "./samples";

const numbered = (from: number, to: number): Message[] =>
  Array.from({ length: to - from }, (_, index) => aMessage(`m${from + index}`));

describe("the groups of a long session's messages", () => {
  const newest = numbered(100, 150);
  const idsOf = (groups: readonly { readonly messages: readonly Message[] }[]): string[] =>
    groups.flatMap(({ messages }) => messages.map(({ id }) => id));

  it("contain all messages in their order, at most so many each", () => {
    const groups = new MessageGroups().divide(newest);
    expect(idsOf(groups)).toEqual(newest.map(({ id }) => id));
    expect(groups.map(({ messages }) => messages.length)).toEqual([GROUP_SIZE, GROUP_SIZE, 50 - 2 * GROUP_SIZE]);
    expect(new MessageGroups().divide([])).toEqual([]);
  });

  it("stay the same when older messages are added before them", () => {
    const all = new MessageGroups();
    const before = all.divide(newest);
    const older = numbered(50, 100);
    const after = all.divide([...older, ...newest]);
    expect(after.slice(-before.length)).toEqual(before);
    for (const [index, group] of before.entries()) expect(after.at(index - before.length)).toBe(group);
    expect(idsOf(after)).toEqual([...older, ...newest].map(({ id }) => id));
  });

  it("keep their keys when messages are added at the end, of which only the last group changes", () => {
    const all = new MessageGroups();
    const before = all.divide(newest);
    const after = all.divide([...newest, aMessage("new")]);
    expect(after.map(({ key }) => key)).toEqual(before.map(({ key }) => key));
    expect(after.map((group, index) => group === before[index])).toEqual([true, true, false]);
    const full = all.divide([...newest, ...numbered(150, 170)]);
    expect(full.slice(0, 3).map(({ key }) => key)).toEqual(before.map(({ key }) => key));
    expect(full.length).toBe(4);
  });

  it("change only where a message changes, or is removed", () => {
    const all = new MessageGroups();
    const before = all.divide(newest);
    const changed = newest.with(GROUP_SIZE, aMessage(`m${100 + GROUP_SIZE}`, { status: "failed" }));
    expect(all.divide(changed).map((group, index) => group === before[index])).toEqual([true, false, true]);
    const removed = all.divide(newest.toSpliced(GROUP_SIZE + 1, 1));
    expect(removed.map(({ key }) => key)).toEqual(before.map(({ key }) => key));
    expect([removed[0], removed[2]]).toEqual([before[0], before[2]]);
  });

  it("also hold if the first message of a group is removed or moved", () => {
    const all = new MessageGroups();
    all.divide(newest);
    const moved = [...newest.toSpliced(GROUP_SIZE, 1), newest[GROUP_SIZE] ?? aMessage("none")];
    expect(idsOf(all.divide(moved))).toEqual(moved.map(({ id }) => id));
  });
});
