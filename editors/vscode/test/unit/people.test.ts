/** Who has access to a session, what they may do, and whom a message notifies. */
import { describe, expect, it } from "vitest";
import { accessOf, may, mentionable, mentionText, peopleOf, roleOf, secretsWarning } from "../../src/people";
import { completionAt } from "../../webview/completionQuery";
import { notifiedPeople, personChoices, personText } from "../../webview/mentions";
import { aSession } from "./samples";

const ann = { id: "ann", name: "Ann Lee" };
const ben = { id: "ben", name: "Ben" };
const owned = [{ id: "ann", role: "owner" as const, name: "Ann Lee" }];
const agents = [{ name: "review" }, { name: "code" }] as never;

describe("a role", () => {
  it("is the stronger of a person's own and the team's", () => {
    const people = [...owned, { id: "team", role: "commenter" as const }, { id: "ben", role: "reader" as const }];
    expect(roleOf({ people }, "ben")).toBe("commenter");
    expect(roleOf({ people }, "ann")).toBe("owner");
    expect(roleOf({ people }, "carl")).toBe("commenter");
    expect(roleOf({ people: owned }, "ben")).toBeUndefined();
  });

  it("is unknown in a file, which has no roles", () => {
    expect(roleOf({}, "ann")).toBeUndefined();
    expect(may(undefined, "owner")).toBe(true);
    expect(may("commenter", "writer")).toBe(false);
    expect(may("owner", "writer")).toBe(true);
  });
});

describe("the access to a session", () => {
  it.each([
    [owned, "ann", "private", "lock"],
    [[...owned, { id: "ben", role: "reader" as const }], "ann", "shared with 1 person", "organization"],
    [[...owned, { id: "ben", role: "writer" as const }], "ben", "Ann Lee's, shared with you", "organization"],
    [[...owned, { id: "team", role: "reader" as const }], "ben", "Ann Lee's, shared with the team", "organization"],
    [[{ id: "team", role: "owner" as const }], "ben", "shared with the team", "organization"],
  ])("is described in words", (people, me, text, icon) => {
    expect(accessOf({ people }, me)).toMatchObject({ text, icon });
  });

  it("is not described in a file", () => {
    expect(accessOf({}, "ann")).toBeUndefined();
  });
});

it("people are sorted by role, then people without a role, then the team", () => {
  const session = aSession({
    people: [{ id: "team", role: "reader" }, { id: "ben", role: "writer" }, ...owned],
    participants: [ann, ben],
  });
  expect(peopleOf(session, [ben, { id: "x", name: "Xi" }], "ann")).toEqual([
    { id: "ann", name: "Ann Lee", role: "owner", here: false, you: true },
    { id: "ben", name: "Ben", role: "writer", here: true, you: false },
    { id: "x", name: "Xi", here: true, you: false },
    { id: "team", name: "Everybody on the team", role: "reader", here: false, you: false },
  ]);
});

describe("somebody to mention", () => {
  it("has taken part or was invited, and may comment", () => {
    const people = [...owned, { id: "ben", role: "commenter" as const, name: "Ben" }, { id: "carl", role: "reader" as const }];
    const session = aSession({ people, participants: [ann, { id: "gone", name: "Gone" }, { id: "carl", name: "Carl" }] });
    expect(mentionable(session, "ann")).toEqual([ben]);
    expect(mentionable(aSession({ participants: [ann, ben] }), "ben"), "in a file").toEqual([ann]);
  });

  it("is offered with agents at the start of a message, and alone later", () => {
    expect(completionAt("@be", 3)?.kind).toBe("agent");
    expect(completionAt("hello @Bé", 9)).toEqual({ kind: "person", query: "Bé", start: 6, end: 9 });
    expect(completionAt("mail@ben", 8)).toBeUndefined();
    expect(personChoices([ann, ben], [ben], "be")).toEqual([
      { key: "person ben", label: "Ben", detail: "Person, here now. Is notified; no agent answers", icon: "account" },
    ]);
  });

  it("is written with the id if the name is ambiguous", () => {
    expect(mentionText(ann, [ann, ben], [])).toBe("Ann Lee");
    expect(mentionText(ben, [ben, { id: "b2", name: "BEN" }], [])).toBe("ben");
    expect(mentionText({ id: "r", name: "Review" }, [], ["review"])).toBe("r");
    expect(mentionText({ id: "a2", name: "Ann (ann2)" }, [], [])).toBe("a2");
    const [choice] = personChoices([ann], [], "");
    expect(choice && personText(choice, [ann], agents)).toBe("@Ann Lee ");
  });
});

it.each([
  ["@Ben look", ["ben"]],
  ["look, @ann.", ["ann"]],
  ["@Ann Lee and @Ben", ["ann", "ben"]],
  ["see `@Ben` and a@ben.org", []],
  ["@review this", []],
])("%s notifies %j", (text, ids) => {
  expect(notifiedPeople(text, [ann, ben], agents).map(({ id }) => id)).toEqual(ids);
});

it.each([
  [undefined, ""],
  [0, ""],
  [1, ". They see 1 key or token in it"],
  [3, ". They see 3 keys and tokens in it"],
])("sharing warns of keys in the session: %s", (secrets, words) => {
  expect(secretsWarning(secrets)).toBe(words);
});
