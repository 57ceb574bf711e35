import { expect, it } from "vitest";
import { ThreadComments, type ThreadComment } from "../../src/findings/threadComments";
import { memory } from "./samples";

const said = (text: string): ThreadComment => ({ author: "You", text, at: 0 });

it("comments below a finding are kept for the next window", async () => {
  const kept = memory();
  const before = new ThreadComments(kept);
  before.put("f", said("one"), said("two"));
  await before.save();
  const after = new ThreadComments(kept);
  expect(after.get("f").map(({ text }) => text)).toEqual(["one", "two"]);
  expect(after.get("another")).toEqual([]);
});

it("a changed comment replaces its earlier version", () => {
  const below = new ThreadComments(memory());
  const answer = said("Writing…");
  below.put("f", said("one"), answer);
  answer.text = "two";
  below.put("f", answer);
  expect(below.get("f").map(({ text }) => text)).toEqual(["one", "two"]);
});

it("the comments of the most recently discussed findings are kept", async () => {
  const kept = memory();
  const before = new ThreadComments(kept);
  for (let at = 0; at < 150; at += 1) before.put(`f${at}`, said("x"));
  before.put("f0", said("again"));
  await before.save();
  const after = new ThreadComments(kept);
  expect(after.get("f0").length).toBe(2);
  expect(after.get("f1").length).toBe(0);
  expect(after.get("f149").length).toBe(1);
});

it("a comment that was being written when the window closed refers to the session", async () => {
  const kept = memory();
  const before = new ThreadComments(kept);
  before.put("f", said("one"), { ...said("Writing…"), pending: true });
  await before.save();
  expect(new ThreadComments(kept).get("f").map(({ text }) => text)).toEqual(["one", "*The session has the reply.*"]);
});
