// Screenshots in each theme and in a narrow window, for tests/screenshots/vscode, and checks with axe.
import assert from "node:assert/strict";
import { after, before } from "node:test";
import { startEditor, startModel, step, themes } from "./editor.mjs";
import { layoutProblems, seriousProblems } from "./looking.mjs";

let model, editor, window, panel;
const it = (name, run) => step(name, () => window, run);

before(async () => {
  model = await startModel();
  editor = await startEditor({
    files: { "read.py": "def read(path):\n    return open(path).readlines()[:-1]\n" },
    model,
    shared: true,
  });
  window = await editor.window();
  panel = window.panel;
  await window.command("Session: New");
  await panel.text.waitFor();
});

after(async () => {
  await editor?.stop();
  await model?.stop();
});

const LONG = "averyveryverylongwordwithoutanyplacetobreakit".repeat(6);
const finding = JSON.stringify({
  path: "read.py",
  start_line: 2,
  severity: "error",
  title: "The last line is dropped",
  body: "`[:-1]` takes the **last** line away.",
  rule: "off-by-one",
});

it("a session with all kinds of parts", async () => {
  await panel.text.fill("think: First I look at the loop, then at the slice. | It drops the last line.");
  const reasoned = await panel.submit();
  await reasoned.locator("details.reasoning").waitFor();
  await panel.text.fill(`@review tool: report_finding ${finding}`);
  const reviewed = await panel.submit();
  await panel.text.fill(`say: ${LONG}\\n\\n\`\`\`ts\\nconst ${LONG} = "${LONG}";\\n\`\`\``);
  const long = await panel.submit();
  const box = await long.boundingBox();
  const inner = await long.locator(".message-body").boundingBox();
  assert.ok(inner.x + inner.width <= box.x + box.width + 1, "nothing runs out of its message");
  await panel.text.fill("fail: 401");
  const failed = await panel.submit();
  await failed.locator(".failure").waitFor();
  await failed.getByRole("button", { name: "Switch Model…" }).waitFor();
  await failed.getByRole("button", { name: "Replace the Key…" }).waitFor();
  await reviewed.locator(".message-body").waitFor();
  for (const name of Object.keys(themes)) {
    await window.theme(name);
    await failed.scrollIntoViewIfNeeded();
    await window.shot(`failed-reply-${name}`);
    await reviewed.scrollIntoViewIfNeeded();
    await window.shot(`finding-${name}`);
    assert.deepEqual(await seriousProblems(panel), [], `nothing serious in ${name}`);
    await panel.text.fill("#");
    await panel.text.press("End");
    await panel.agent.click();
    await window.shot(`menu-${name}`);
    assert.deepEqual(await seriousProblems(panel), [], `nothing serious in ${name}, with a menu`);
    await panel.agent.press("Escape");
    await panel.text.fill("");
  }
});

it("a narrow window", async () => {
  await window.theme("dark");
  await window.command("View: Toggle Primary Side Bar Visibility");
  await window.page.setViewportSize({ width: 380, height: 800 });
  await window.shot("narrow-dark");
  assert.deepEqual(await layoutProblems(panel), []);
});
