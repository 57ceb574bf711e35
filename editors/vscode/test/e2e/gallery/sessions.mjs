// The sessions that the pictures of gallery.test.mjs show: each scenario brings a new session into a state.
import fs from "node:fs";
import path from "node:path";
import { python, until } from "../editor.mjs";

export const LONG = "averyveryverylongwordwithoutanyplacetobreakit".repeat(4);
const READER = "def read(path):\n    return open(path).readlines()[:-1]\n";
const RULES = Array.from(
  { length: 40 },
  (_, at) => `def rule_${at}(order):\n    return order.total > ${at} and not order.paid\n`,
).join("\n");
const careful =
  "---\nname: careful\ndescription: Asks before it writes.\ntools: [read_file, edit_file]\npermissions: {write: ask}\n---\nYou are careful.\n";
const prompt = "---\ndescription: Explains the selection.\nargument-hint: what for\n---\nExplain it.\n";

export const files = {
  "read.py": READER,
  "write.py": READER,
  "gone.py": READER,
  "close.py": READER,
  "rules.py": RULES,
  "code_without_tests/a_folder_with_a_long_name/the_file_that_is_reviewed.py": READER,
  ".sessionls/agents/careful.md": careful,
  ".github/prompts/explain.prompt.md": prompt,
};

const entry = (content, status, priority = "medium") => ({ content, status, priority });
/** An external agent that has a plan. */
export function agents(folder) {
  const script = path.join(folder, "planner.json");
  const entries = [
    entry("Read the tests that fail", "completed"),
    entry("Find the off-by-one in `read`", "in_progress", "high"),
    entry(`Check that \`${LONG.slice(0, 60)}\` is called with both arguments`, "pending"),
    entry("Run the tests again", "pending", "low"),
  ];
  const replies = [
    [
      ["update", "plan", { entries }],
      ["say", "The first is done."],
    ],
  ];
  fs.writeFileSync(script, JSON.stringify({ replies }));
  const program = path.resolve(import.meta.dirname, "../../../../../tests/acp_agent.py");
  return { planner: { command: python, args: [program, script] } };
}

const tool = (name, args) => ({ text: "", tools: [{ name, arguments: args }] });
const FINDING = {
  path: "read.py",
  start_line: 2,
  severity: "error",
  title: "The last line is dropped",
  body: "`[:-1]` takes the **last** line away.",
  rule: "off-by-one",
  suggestion: "    return open(path).readlines()",
};
const finding = (changes) => tool("report_finding", { ...FINDING, ...changes });
const edit = (file, ...edits) => [tool("read_file", { path: file }), tool("edit_file", { path: file, edits })];
const CHANGE = (file) => edit(file, { old: "[:-1]", new: "" });
const DRAWN =
  "The mean is $\\frac{a}{b}$, see `read.py:2`.\n\n| name | what it is | more | and more |\n|---|---|---|---|\n| averylongname | words in a cell | more words | 12.5 |\n\n> A quotation.\n\n1. one\n2. two\n\n```mermaid\nflowchart LR\n  A[Start] --> B{Done?}\n  B -->|no| A\n```\n";
const WIDE = `Words: ${LONG}\n\n\`\`\`python\nreturn [line.rstrip() for line in path.read_text(encoding="utf-8").splitlines() if line.strip()]\n\`\`\`\n\n### A heading\n\nA [link](https://example.org) and \`${LONG}\`.`;
const SLOW = `slow: ${Array.from({ length: 6000 }, (_, at) => `word${at}`).join(" ")}`;

/** Each brings the new session that is open into its state. It may return the session's id. */
export const scenarios = {
  interrupted: async ({ frame, editor, post }) => {
    await post(`${SLOW} interrupted`);
    await frame.locator(".message.agent.replying").getByText("word0").waitFor();
    editor.killServer();
    await frame.getByText("interrupted", { exact: false }).first().waitFor();
    await until(async () => (await frame.locator(".message.agent.interrupted").count()) > 0, "the interruption", 90_000);
  },
  wide: ({ ask }) =>
    ask("Show all that is wide, in one message that is itself longer than a line of the side bar", { text: WIDE }),
  drawn: ({ ask }) => ask("Draw it", { text: DRAWN }),
  thought: async ({ ask, frame, model, panel, post }) => {
    await ask("think: First I look at the loop, then at the slice. | It drops the last line.");
    await model.script(tool("run_command", { command: "exit 3" }), tool("read_file", { path: "none.py" }), {
      text: "They fail.",
    });
    await post("Run the tests");
    await frame.getByRole("button", { name: "Allow Once" }).click();
    await panel.finishedReply(1);
  },
  finding: ({ ask }) =>
    ask("@review What is wrong with the reader?", finding({}), { text: "One finding: the last line of the file is lost." }),
  findings: async ({ ask, frame, editor }) => {
    await ask(
      "@review What is wrong with the readers?",
      finding({ path: "close.py", severity: "warning", title: "The file is not closed" }),
      finding({ path: "write.py", severity: "information", title: "The name says nothing", suggestion: undefined }),
      finding({ path: "gone.py", severity: "hint", title: `The title names ${LONG}` }),
      { text: "Three findings." },
    );
    await frame.getByRole("button", { name: "Resolve: The file is not closed" }).click();
    await frame.getByRole("button", { name: "Dismiss: The name says nothing" }).click();
    await frame.getByRole("button", { name: /^Reopen: The name/ }).waitFor();
    fs.rmSync(path.join(editor.folder, "gone.py"));
  },
  /** A session of another folder with the same database. */
  outside: async ({ scratch, model, sessionls, list }) => {
    const folder = path.join(scratch, "another project");
    fs.mkdirSync(folder);
    fs.writeFileSync(path.join(folder, "read.py"), READER);
    await model.script(finding({}), { text: "One finding, in another folder." });
    sessionls(["ask", "-a", "review", "What is wrong in this folder?"], { cwd: folder });
    return list().find(({ title }) => title.startsWith("What is wrong in this folder")).id;
  },
  plan: ({ ask }) => ask("@planner Fix the tests"),
  failed: ({ ask }) => ask("fail: 401"),
  limit: ({ ask }) => ask("full: half an answer"),
  changed: async ({ frame, model, post, panel }) => {
    await model.script(...CHANGE("write.py"), { text: "Changed: all lines are returned now." });
    await post("@careful Return all lines");
    await frame.getByRole("button", { name: "Allow Once" }).click();
    await panel.finishedReply(0);
    await frame.getByRole("button", { name: /^Review Changes/ }).waitFor();
  },
  "not-applied": async ({ frame, model, post, panel }) => {
    const both = edit("rules.py", { old: "total > 3 ", new: "total > 4 " }, { old: "total > 30 ", new: "total > 31 " });
    await model.script(...both, { text: "Two places are changed." });
    await post("@careful Raise two limits");
    await frame.getByRole("button", { name: "Allow Once" }).click();
    await panel.finishedReply(0);
    await frame.locator(".hunks summary").click();
    await frame.locator(".hunks li").first().getByRole("button", { name: /^Undo/ }).click();
    await frame.locator(".hunks li:not(.applied)").waitFor();
    await frame.locator(".changes").getByText("partly reverted").waitFor();
  },
  question: async ({ frame, model, post }) => {
    await model.script(...CHANGE("read.py"));
    await post("@careful Change the reader");
    await frame.getByRole("button", { name: "Deny" }).waitFor();
  },
  "question-long": async ({ frame, model, post }) => {
    const all = Array.from({ length: 12 }, (_, at) => ({ old: `total > ${at * 3 + 1} `, new: `total >= ${at * 3 + 1} ` }));
    await model.script(...edit("rules.py", ...all));
    await post("@careful Include the limit in every rule");
    await frame.getByRole("button", { name: "Deny" }).waitFor();
  },
  "question-command": async ({ frame, model, post }) => {
    const command = Array.from({ length: 30 }, (_, at) => `python -m pytest tests/test_${at}.py --quiet`).join(" && ");
    await model.script(tool("run_command", { command }));
    await post("Run all the tests");
    await frame.getByRole("button", { name: "Deny" }).waitFor();
  },
  queue: async ({ frame, model, panel, post }) => {
    // A word every eight seconds: the reply goes on for as long as pictures are taken.
    await model.script({ text: "I read all of it first. ".repeat(200), delay: 8 });
    await post("Why is the last line lost?");
    await frame.locator(".message.agent.replying").getByText("I").first().waitFor();
    for (const text of ["say: after that, explain it", "say: and then write a test for the last line"]) {
      await panel.text.fill(text);
      await panel.text.press("Enter");
      await frame.locator(".message.queued").getByText(text.slice(5, 20)).waitFor();
    }
    await panel.text.fill("say: and use splitlines");
    await panel.text.press("Control+Enter");
    await frame.getByText("Added to the current reply").waitFor();
  },
  paused: async ({ ask, frame, run }) => {
    await ask("say: to be paused");
    await run("session.pause");
    await frame.getByText("This session is paused.").waitFor();
  },
  budget: async ({ ask, frame, sessionls, newest }) => {
    await ask(`say: ${"a long text, ".repeat(200)}`);
    sessionls(["budget", newest(), "0.001"]);
    await frame.getByRole("button", { name: /^Budget: / }).waitFor();
    await frame.getByRole("button", { name: /^Window: / }).waitFor();
    await ask("say: more");
    await frame.getByText("of its budget").first().waitFor();
  },
  archived: async ({ ask, frame, start, newest }) => {
    await ask("say: to be archived");
    const id = newest();
    start("session.archive"); // it ends when its notification is closed
    await frame.getByText("This session is archived.").waitFor();
    return id;
  },
  fork: async ({ ask, frame, run, list }) => {
    await ask("say: to be forked");
    await run("session.fork");
    await frame.getByRole("button", { name: "forked" }).waitFor();
    await ask("say: in the fork");
    return list().find(({ parent }) => parent).id;
  },
  /** In a workspace that is not trusted, a tool that writes is denied. */
  denied: async ({ ask }) => {
    await ask("say: a quiet answer");
    await ask("Make a file", tool("create_file", { path: "made.txt", text: "made" }), { text: "It was denied." });
  },
  images: async ({ editor, page, panel, frame }) => {
    for (const [name, width] of Object.entries({ "window.png": 640, "the_error_that_the_page_shows_after_a_reload.png": 300 })) {
      const clip = { x: 0, y: 0, width, height: 300 };
      fs.writeFileSync(path.join(editor.folder, name), await page.screenshot({ clip }));
      await attachImage({ panel, frame }, name);
    }
    await panel.text.fill("say: A window of VS Code");
    await panel.submit();
  },
};

export async function attachImage({ panel, frame }, name) {
  await panel.text.fill("");
  await panel.write(`#${name.slice(0, 12)}`);
  await frame.locator(".menu-item", { hasText: name }).first().click();
  await frame.locator(".chip.taken", { hasText: name }).locator("img.thumbnail").waitFor();
}

/** Brings a session into each of these states, and puts their ids by name into `gallery.ids`. */
export async function arrange(gallery, wanted) {
  for (const name of wanted.filter((name) => scenarios[name] && !gallery.ids[name])) {
    const before = new Set(gallery.list().map(({ id }) => id));
    await gallery.page.setViewportSize({ width: 1280, height: 800 });
    await gallery.begin();
    const newest = () => gallery.list().find(({ id }) => !before.has(id)).id;
    const bound = (method) => gallery[method].bind(gallery);
    const { panel, frame, page, model, editor, scratch } = gallery;
    const names = ["ask", "post", "run", "start", "list", "sessionls"];
    const methods = Object.fromEntries(names.map((method) => [method, bound(method)]));
    const id = await scenarios[name]({ panel, frame, page, model, editor, scratch, newest, ...methods });
    gallery.ids[name] = typeof id === "string" ? id : newest();
  }
}
