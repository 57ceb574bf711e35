// What ends a reply early, and how the panel shows it: the model's limit, and the session's budget.
import { after, before } from "node:test";
import { startEditor, startModel, step } from "./editor.mjs";

let model, editor, window, panel;
const it = (name, run) => step(name, () => window, run);
const box = () => window.page.locator(".quick-input-widget:visible input").first();

before(async () => {
  model = await startModel();
  editor = await startEditor({ files: { "notes.md": "the content\n" }, model, shared: true });
  window = await editor.window();
  panel = window.panel;
  await window.command("Session: New");
  await panel.text.waitFor();
});

after(async () => {
  await editor?.stop();
  await model?.stop();
});

it("an answer cut off by the model's limit says so, and how to continue", async () => {
  await panel.text.fill("full: half an answer");
  await panel.text.press("Enter");
  const reply = await panel.finishedReply(0);
  await reply.getByText("The answer was cut off: the model reached its limit of output tokens.").waitFor();
  await reply.getByText('Send "go on"').waitFor();
  await window.shot("cut-off-dark");
});

it("a session is paused when its budget is used up, and says what to do", async () => {
  await window.command("Session: Set Budget");
  await box().fill("much");
  await window.page.getByText("Enter an amount in US dollars").waitFor();
  await box().fill("0");
  // Enter counts only once the amount has been checked.
  await window.page.getByText("Enter an amount in US dollars").waitFor({ state: "hidden" });
  await box().press("Enter");
  await box().waitFor({ state: "hidden" });
  await panel.text.fill("say: this can wait");
  await panel.text.press("Enter");
  await panel.frame
    .getByText("The session has used $0.00 of its budget of $0.00. Raise the budget, or remove it, and resume.")
    .waitFor();
  await window.shotInEachTheme("budget");
  // It cannot be resumed before the budget is raised.
  await panel.frame.getByRole("button", { name: "Resume" }).click();
  await panel.frame.getByRole("alert").getByText("of its budget").waitFor();
});

it("after the budget is removed, the session resumes", async () => {
  await panel.frame.getByRole("button", { name: "Set Budget…", exact: true }).click();
  await box().fill("");
  await box().press("Enter");
  await window.notification("is paused").getByRole("button", { name: "Resume" }).click();
  await panel.replies.nth(1).getByText("this can wait").waitFor();
});

it("meters show the budget and the use of the model's window, and older messages are summarised on demand", async () => {
  const pick = (name) => window.page.locator(".quick-input-list .monaco-list-row", { hasText: name }).first().click();
  await window.command("Session: Switch Model");
  await pick("Another Model, by Name");
  await box().fill("openai/gpt-4o");
  await window.page.getByText("Enter provider and model").waitFor({ state: "hidden" });
  await box().press("Enter");
  const meter = panel.frame.getByRole("button", { name: /^Window: \d+%/ });
  await meter.waitFor();
  await window.command("Session: Set Budget");
  await box().fill("5");
  await box().press("Enter");
  await panel.frame.getByRole("button", { name: /^Budget: \S+ of \$5/ }).waitFor();
  await window.shotInEachTheme("meters");
  await meter.click();
  await pick("Compact Now");
  await window.notification("messages are summarised for the model").waitFor();
  await meter.click();
  await pick("Show the Summary");
  await window.page.locator(".tab.active", { hasText: /Untitled/ }).waitFor();
});
