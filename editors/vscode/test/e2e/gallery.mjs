// What the pictures of gallery.test.mjs show: sessions in every state, arranged once, and the poses to take pictures of.
import { execFileSync } from "node:child_process";
import fs from "node:fs";
import path from "node:path";
import { python, until } from "./editor.mjs";

const LONG = "averyveryverylongwordwithoutanyplacetobreakit".repeat(4);
const READER = "def read(path):\n    return open(path).readlines()[:-1]\n";
const careful =
  "---\nname: careful\ndescription: Asks before it writes.\ntools: [read_file, edit_file]\npermissions: {write: ask}\n---\nYou are careful.\n";
const prompt = "---\ndescription: Explains the selection.\nargument-hint: what for\n---\nExplain it.\n";

export const files = {
  "read.py": READER,
  "write.py": READER,
  ".sessionls/agents/careful.md": careful,
  ".github/prompts/explain.prompt.md": prompt,
};

const entry = (content, status, priority = "medium") => ({ content, status, priority });
/** An external agent that has a plan. */
export function planner(folder) {
  const script = path.join(folder, "planner.json");
  const entries = [
    entry("Read the tests that fail", "completed"),
    entry("Find the off-by-one in `read`", "in_progress", "high"),
    entry(`Check that \`${LONG.slice(0, 60)}\` is called with both arguments`, "pending"),
    entry("Run the tests again", "pending", "low"),
  ];
  fs.writeFileSync(
    script,
    JSON.stringify({
      replies: [
        [
          ["update", "plan", { entries }],
          ["say", "The first is done."],
        ],
      ],
    }),
  );
  const program = path.resolve(import.meta.dirname, "../../../../tests/acp_agent.py");
  return { planner: { command: python, args: [program, script] } };
}

const FINDING = {
  path: "read.py",
  start_line: 2,
  severity: "error",
  title: "The last line is dropped",
  body: "`[:-1]` takes the **last** line away.",
  rule: "off-by-one",
  suggestion: "    return open(path).readlines()",
};
const CHANGE = (file) => [
  { text: "", tools: [{ name: "read_file", arguments: { path: file } }] },
  { text: "", tools: [{ name: "edit_file", arguments: { path: file, edits: [{ old: "[:-1]", new: "" }] } }] },
];
const DRAWN =
  "The mean is $\\frac{a}{b}$, see `read.py:2`.\n\n| name | what it is | more | and more |\n|---|---|---|---|\n| averylongname | words in a cell | more words | 12.5 |\n\n> A quotation.\n\n1. one\n2. two\n\n```mermaid\nflowchart LR\n  A[Start] --> B{Done?}\n  B -->|no| A\n```\n";
const WIDE = `Words: ${LONG}\n\n\`\`\`python\nreturn [line.rstrip() for line in path.read_text(encoding="utf-8").splitlines() if line.strip()]\n\`\`\`\n\n### A heading\n\nA [link](https://example.org) and \`${LONG}\`.`;
const SLOW = `slow: ${Array.from({ length: 6000 }, (_, at) => `word${at}`).join(" ")}`;

/** Brings sessions into every state, and puts their ids by name into `ids`. */
export async function arrange({ editor, model, window, run }, names, ids) {
  const { panel } = window;
  const { frame } = panel;
  const listSessions = () => {
    const env = { ...process.env, SESSIONLS_DATA_DIR: path.join(editor.tmp, "sessions") };
    const args = ["-m", "sessionls", "sessions", "--json", "--all"];
    return JSON.parse(execFileSync(python, args, { encoding: "utf8", env, cwd: editor.folder })).sessions;
  };
  const begin = async () => {
    const empty = frame.getByText("Write a message to begin.");
    await until(async () => {
      await run("session.new"); // fails while the server has not started yet
      return empty.waitFor({ timeout: 3000 }).then(
        () => true,
        () => false,
      );
    }, "a new session");
  };
  const post = async (text) => {
    await panel.text.fill(text);
    await panel.text.press("Enter");
    await panel.messages.first().waitFor();
  };
  const ask = async (text, ...answers) => {
    await model.script(...answers);
    await panel.text.fill(text);
    return panel.submit();
  };
  const allow = async () => {
    const before = await panel.replies.count();
    await frame.getByRole("button", { name: "Allow Once" }).click();
    await panel.finishedReply(Math.max(0, before - 1));
  };
  const scenarios = {
    interrupted: async () => {
      await post(`${SLOW} interrupted`);
      await frame.locator(".message.agent.replying").getByText("word0").waitFor();
      editor.killServer();
      await frame.getByText("interrupted", { exact: false }).first().waitFor();
      await until(async () => (await frame.locator(".message.agent.interrupted").count()) > 0, "the interruption", 90_000);
    },
    wide: () => ask("Show all that is wide, in one message that is itself longer than a line of the side bar", { text: WIDE }),
    drawn: () => ask("Draw it", { text: DRAWN }),
    finding: () =>
      ask(
        "@review What is wrong with the reader?",
        { text: "", tools: [{ name: "report_finding", arguments: FINDING }] },
        { text: "One finding: the last line of the file is lost." },
      ),
    plan: () => ask("@planner Fix the tests"),
    failed: () => ask("fail: 401"),
    limit: () => ask("full: half an answer"),
    changed: async () => {
      await model.script(...CHANGE("write.py"), { text: "Changed: all lines are returned now." });
      await post("@careful Return all lines");
      await frame.getByRole("button", { name: "Allow Once" }).waitFor();
      await allow();
      await frame.getByRole("button", { name: /^Review Changes/ }).waitFor();
    },
    question: async () => {
      await model.script(...CHANGE("read.py"));
      await post("@careful Change the reader");
      await frame.getByRole("button", { name: "Deny" }).waitFor();
    },
    queue: async () => {
      await post("stall: First I read all of it");
      await frame.locator(".message.agent.replying").getByText("First").waitFor();
      await panel.text.fill("say: after that, explain it");
      await panel.text.press("Enter");
      await panel.text.fill("say: and use splitlines");
      await panel.text.press("Control+Enter");
      await frame.getByText("Added to the current reply").waitFor();
    },
    paused: async () => {
      await ask("say: to be paused");
      await run("session.pause");
      await frame.getByText("This session is paused.").waitFor();
    },
    archived: async () => {
      await ask("say: to be archived");
      await run("session.archive");
      await frame.getByText("This session is archived.").waitFor();
    },
    fork: async () => {
      await ask("say: to be forked");
      await run("session.fork");
      await frame.getByRole("button", { name: "forked" }).waitFor();
      await ask("say: in the fork");
    },
  };
  const earlier = new Set();
  for (const name of names.filter((name) => scenarios[name])) {
    await begin();
    await scenarios[name]();
    const created = listSessions().filter(({ id }) => !earlier.has(id));
    ids[name] = (created.find(({ parent }) => parent) ?? created[0]).id;
    for (const { id } of created) earlier.add(id);
  }
}

/** The places in which a session is shown: how wide the side bar is, and how big the window. */
export const places = {
  side170: { width: 170 },
  side300: { width: 300 },
  low: { size: { width: 1100, height: 290 } },
  tab: { size: { width: 1000, height: 760 } },
};

const bottom = async (panel) => {
  await panel.frame.locator(".transcript").evaluate((element) => element.scrollTo(0, element.scrollHeight));
};
const top = async (panel) => {
  await panel.frame.locator(".transcript").evaluate((element) => element.scrollTo(0, 0));
};
const scrollTo = (selector) => (panel) => panel.frame.locator(selector).first().scrollIntoViewIfNeeded();

/** What is in a picture: a session, how it is brought into view, and how that is taken back. */
export const states = [
  { name: "interrupted", pose: bottom },
  {
    name: "held-back",
    session: "interrupted",
    pose: async (panel) => {
      await panel.text.fill("go on without it");
      await panel.text.press("Enter");
      await panel.frame.locator(".held-back").waitFor();
    },
    undo: async (panel) => {
      await panel.text.press("Escape");
      await panel.text.fill("");
    },
  },
  { name: "wide", pose: top },
  { name: "wide-end", session: "wide", pose: bottom },
  { name: "drawn", pose: scrollTo("table") },
  { name: "drawn-end", session: "drawn", pose: bottom },
  { name: "finding", pose: scrollTo(".finding") },
  { name: "plan", pose: scrollTo(".plan") },
  { name: "failed", pose: bottom },
  { name: "limit", pose: bottom },
  { name: "changed", pose: bottom },
  {
    name: "changed-open",
    session: "changed",
    pose: async (panel) => {
      await panel.frame.locator("details").evaluateAll((elements) => {
        for (const element of elements) element.open = true;
      });
      await bottom(panel);
    },
  },
  { name: "question", pose: bottom },
  { name: "queue", pose: bottom },
  { name: "paused", pose: bottom },
  { name: "archived", pose: bottom },
  { name: "fork", pose: bottom },
  {
    name: "chips",
    session: "limit",
    pose: async (panel) => {
      for (const name of ["read", "write"]) {
        await panel.text.fill("");
        await panel.write(`#${name}`);
        await panel.frame
          .locator(".menu-item", { hasText: `${name}.py` })
          .first()
          .click();
      }
      await panel.text.fill("What do they have in common? ".repeat(6));
    },
    undo: (panel) => panel.text.fill(""),
  },
  {
    name: "agents",
    session: "limit",
    pose: async (panel) => {
      await panel.agent.click();
      await panel.frame.getByRole("option").first().waitFor();
    },
    undo: (panel) => panel.agent.press("Escape"),
  },
  {
    name: "slash",
    session: "limit",
    pose: async (panel) => {
      await panel.text.fill("");
      await panel.write("/");
      await panel.frame.locator(".menu-item").first().waitFor();
    },
    undo: (panel) => panel.text.fill(""),
  },
  {
    name: "context",
    session: "limit",
    pose: async (panel) => {
      await panel.text.fill("");
      await panel.write("#");
      await panel.frame.locator(".menu-item").first().waitFor();
    },
    undo: (panel) => panel.text.fill(""),
  },
  { name: "empty", session: undefined, pose: async () => {} },
];
