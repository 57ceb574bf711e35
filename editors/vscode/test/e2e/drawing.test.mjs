// Formulas, diagrams and wide tables in a reply: drawn when they come into view, or shown as source if they cannot be drawn.
import assert from "node:assert/strict";
import { after, before } from "node:test";
import { startEditor, startModel, step, themes, until } from "./editor.mjs";

let model, editor, window, panel;
const it = (name, run) => step(name, () => window, run);

before(async () => {
  model = await startModel();
  editor = await startEditor({ files: { "notes.md": "# Notes\n" }, model, shared: true });
  window = await editor.window();
  panel = window.panel;
  await window.command("Session: New");
  await panel.text.waitFor();
});

after(async () => {
  await editor?.stop();
  await model?.stop();
});

const send = async (text) => {
  await panel.text.fill(text);
  return panel.submit();
};
/** The scripts that the page has loaded. */
const loaded = () =>
  panel.frame
    .locator("script[src]")
    .evaluateAll((all) => all.map(({ src }) => src.replace(/^.*\/(\w+)\.js.*$/, "$1")).toSorted());
/** Whether an image shows something. */
const isShown = (image) => image.evaluate((element) => element.complete && element.naturalWidth > 0);

it("a page without formulas and diagrams loads nothing for them", async () => {
  await send("say: It costs $5 and $10. `$x$`");
  assert.deepEqual(await loaded(), ["webview"]);
});

it("formulas are drawn, inline and as blocks", async () => {
  const reply = await send("say: The area is $a \\cdot b^2$.\\n\\n$$\\n\\frac{x_1}{2} \\le 3\\n$$\\n\\nDone.");
  await reply.locator(".maths.drawn math").nth(1).waitFor();
  assert.equal(await reply.locator("math mfrac").count(), 1);
  assert.match(await reply.locator(".maths").first().getAttribute("title"), /a \\cdot b\^2/);
  assert.deepEqual(await loaded(), ["formulas", "webview"]);
});

it("a formula that cannot be drawn shows its source and says why", async () => {
  const reply = await send("say: Broken: $\\frac{a$. After it.");
  const formula = reply.locator(".maths.undrawn");
  await formula.waitFor();
  assert.equal(await formula.innerText(), "$\\frac{a$");
  assert.match(await formula.getAttribute("title"), /^Not drawn: .*expected '}'/);
  assert.equal(await reply.getByText("After it.").count(), 1);
});

it("a diagram is drawn as a picture, and its source can be shown", async () => {
  const reply = await send("say: See:\\n\\n```mermaid\\nflowchart LR\\n  A[Start] --> B{Done?}\\n  B -->|no| A\\n```");
  const image = reply.locator(".diagram img");
  await image.waitFor();
  await until(() => isShown(image), "the picture");
  assert.ok(!(await reply.locator("pre").isVisible()), "its source is folded away");
  await reply.getByRole("button", { name: "Show the source of the diagram" }).click();
  assert.match(await reply.locator("pre").innerText(), /^flowchart LR/);
  await reply.getByRole("button", { name: "Show the source of the diagram" }).click();
  await window.shot("drawing-dark");
});

it("a diagram that is invalid or too large shows its source and says why", async () => {
  const wrong = await send("say: ```mermaid\\nflowchart LR\\n  A -->\\n```");
  await wrong.getByText(/^Not drawn: Parse error/).waitFor();
  assert.match(await wrong.locator("pre").innerText(), /A -->/);
  const large = await send(`say: \`\`\`mermaid\\nclassDiagram${"\\nA <|-- B".repeat(200)}\\n\`\`\``);
  await large.getByText("Not drawn: the diagram has more than 150 statements.").waitFor();
  assert.ok(await large.locator("pre").isVisible());
});

it("a diagram can neither run code nor change the page", async () => {
  const reply = await send(
    'say: ```mermaid\\n%%{init: {"securityLevel": "loose", "themeCSS": "* { display: none }"}}%%\\nflowchart LR\\n' +
      '  A["<img src=x onerror=parent.bad=1>"]\\n  click A "javascript:parent.bad=1"\\n```',
  );
  const image = reply.locator(".diagram img");
  await image.waitFor();
  await until(() => isShown(image), "the picture");
  const body = panel.frame.locator("body");
  assert.equal(await body.evaluate((element) => element.ownerDocument.defaultView.parent.bad), undefined);
  assert.equal(await panel.frame.locator("svg").count(), 0, "it is no part of the page");
  assert.ok(await panel.text.isVisible());
});

it("the content security policy of the page blocks inline scripts", async () => {
  const policy = await panel.frame.locator("body").evaluate((one) => {
    const script = one.ownerDocument.createElement("script");
    script.textContent = "window.inline = 1";
    one.append(script);
    return one.ownerDocument.querySelector("meta[http-equiv]").content;
  });
  assert.doesNotMatch(policy, /unsafe-eval|script-src[^;]*unsafe-inline/);
  assert.equal(await panel.frame.locator("body").evaluate((element) => element.ownerDocument.defaultView.inline), undefined);
});

it("a wide table scrolls inside the message", async () => {
  const row = (cell) => `|${Array.from({ length: 20 }, (_, at) => `${cell} ${at} of the table`).join("|")}|`;
  const reply = await send(`say: ${row("head")}\\n|${"---|".repeat(20)}\\n${row("cell")}`);
  const table = reply.locator(".table");
  assert.ok((await table.evaluate((element) => element.scrollWidth - element.clientWidth)) > 0, "it is wider than what shows it");
  await table.evaluate((element) => element.scrollTo({ left: 200 }));
  assert.equal(await table.evaluate((element) => element.scrollLeft), 200);
  const log = panel.frame.locator(".transcript");
  assert.ok((await log.evaluate((element) => element.scrollWidth - element.clientWidth)) <= 0);
});

it("a diagram is drawn again in the colours of another theme", async () => {
  const source = () => panel.frame.locator(".diagram img").first().getAttribute("src");
  const dark = await source();
  await editor.settings({ "workbench.colorTheme": themes.light });
  await window.reload();
  await panel.frame.locator("body.vscode-light").waitFor({ timeout: 60_000 });
  await panel.frame.locator(".diagram").first().scrollIntoViewIfNeeded();
  await panel.frame.locator(".diagram img").first().waitFor();
  await until(async () => (await source()) !== dark, "another picture");
  await window.shot("drawing-light");
});
