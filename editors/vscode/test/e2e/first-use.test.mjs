// From nothing to a reply: the server that the .vsix brings is installed, a model is set up, the walkthrough shows the steps.
// Each part has its own editor, on a machine that lacks something different.
import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import fs from "node:fs";
import http from "node:http";
import os from "node:os";
import path from "node:path";
import { after, before, describe } from "node:test";
import { temporaryFolder } from "./cleanup.mjs";
import { freePort, python, startEditor, startModel, step, until } from "./editor.mjs";
import { cache } from "./setup.mjs";

let model, editor, window, panel;
const it = (name, run) => step(name, () => window, run);
/** A test of a notification that was shown before it. */
const itContinues = (name, run) => step(name, () => window, run, { keepNotifications: true });
const windows = process.platform === "win32";
const { folder: bin, remove: removeBin } = temporaryFolder("bin");
const files = { "notes.md": "# Notes\n" };
const INSTALLING = 8 * 60_000; // milliseconds

async function start(more) {
  editor = await startEditor({ files, model, ...more });
  await more.prepare?.(editor);
  window = await editor.window();
  panel = window.panel;
}

before(async () => {
  model = await startModel();
});

after(async () => {
  await model?.stop();
  removeBin();
});

const stop = async () => {
  await editor?.stop();
  editor = window = undefined;
};

/** A folder for PATH with one program, `python3`, which runs this shell script. */
function fakePython(name, script) {
  const folder = path.join(bin, name);
  fs.mkdirSync(folder);
  fs.writeFileSync(path.join(folder, "python3"), `#!/bin/sh\n${script}\n`, { mode: 0o755 });
  return folder;
}

const notification = (text) => window.notification(text).first();
const welcome = () => window.page.locator(".welcome-view-content");
const showSessions = async () => {
  await window.page.locator(".activitybar").getByRole("tab", { name: "Sessions" }).click();
};
/** Where the extension keeps the environments that it makes. */
const environments = () => {
  const folder = path.join(editor.tmp, "data/User/globalStorage/sessionls.sessionls/server");
  return fs.existsSync(folder) ? fs.readdirSync(folder) : [];
};

describe(
  "without a server",
  { skip: !process.env.SESSIONLS_E2E_VSIX && "the .vsix brings it: SESSIONLS_E2E_VSIX names none" },
  () => {
    before(async () => {
      const base = execFileSync(python, ["-c", "import sys; print(sys._base_executable)"], { encoding: "utf8" }).trim();
      // A Python by another name, so that what is installed beside it is not on the PATH.
      const PATH = windows ? path.dirname(base) : fakePython("good", `exec ${base} "$@"`);
      const pip = [".config/pip/pip.conf", ".pip/pip.conf"]
        .map((name) => path.join(os.homedir(), name))
        .find((file) => fs.existsSync(file));
      const env = { PATH, PIP_CACHE_DIR: path.join(cache, "pip"), ...(pip && { PIP_CONFIG_FILE: pip }) };
      await start({ machine: {}, env });
    });
    after(stop);

    itContinues("installing the server is offered in a notification and in the view, with its size", async () => {
      await notification("The sessionls server is not installed yet")
        .getByRole("button", { name: "Install the Server" })
        .waitFor();
      await window.shot("install-offered-dark");
      await showSessions();
      await welcome().getByText("downloads about 90 MB").waitFor();
      await welcome().getByRole("button", { name: "Install the Server" }).waitFor();
      await window.shotInEachTheme("install-welcome");
    });

    it("a cancelled installation leaves nothing behind", async () => {
      await welcome().getByRole("button", { name: "Install the Server" }).click();
      await notification("Installing the sessionls server")
        .getByText(/\(\d+ of \d+\)/)
        .waitFor({ timeout: 120_000 });
      await welcome().getByText("The server is being installed").waitFor();
      await window.shot("installing-dark");
      await notification("Installing the sessionls server").getByRole("button", { name: "Cancel" }).click();
      await welcome().getByRole("button", { name: "Install the Server" }).waitFor();
      await until(() => environments().length === 0, "the partial environment to be removed");
    });

    it("the server is installed, and a session answers", async () => {
      await welcome().getByRole("button", { name: "Install the Server" }).click();
      await notification("is installed and running").waitFor({ timeout: INSTALLING });
      await window.shot("installed-dark");
      assert.match(environments().join(), /^\d[\w.]*-[0-9a-f]{12}$/);
      await window.command("Session: New");
      await panel.text.waitFor();
      assert.match(await (await panel.ask("say: hello from the bundled server")).innerText(), /hello from the bundled server/);
    });

    it("after a reload the installed server is used without asking again", async () => {
      await window.reload();
      await panel.replies.getByText("hello from the bundled server").waitFor({ timeout: 60_000 });
      await panel.ask("say: and again");
      assert.equal(await notification("not installed").count(), 0);
    });
  },
);

describe(
  "without a Python, in a workspace that is not trusted",
  { skip: (!process.env.SESSIONLS_E2E_VSIX || windows) && "needs the .vsix, and a shell" },
  () => {
    const started = path.join(bin, "started");
    before(async () => {
      const workspacePython = ".venv/bin/python";
      await start({
        machine: {},
        trusted: false,
        files: { ...files, [workspacePython]: `#!/bin/sh\ntouch ${started}\nexit 1\n` },
        env: { PATH: fakePython("old", "exit 1") },
        prepare: ({ folder }) => fs.chmodSync(path.join(folder, workspacePython), 0o755),
      });
    });
    after(stop);

    itContinues("the notification says how to continue, and no program of the workspace is started", async () => {
      await notification("not installed yet").getByRole("button", { name: "Install the Server" }).click();
      const choices = notification("The server needs Python 3.11 or newer, which was not found");
      await choices.waitFor();
      for (const name of ["Get Python", "Choose a Python…", "Open Settings"])
        await choices.getByRole("button", { name }).waitFor();
      await window.shot("no-python-dark");
      assert.equal(fs.existsSync(started), false);
    });

    itContinues("a chosen Python is used, and saved in the machine's settings", async () => {
      const base = execFileSync(python, ["-c", "import sys; print(sys._base_executable)"], { encoding: "utf8" }).trim();
      await notification("The server needs Python").getByRole("button", { name: "Choose a Python…" }).click();
      const box = window.page.locator(".quick-input-widget:visible input").first();
      await until(async () => (await box.inputValue()).endsWith("/folder/"), "the dialog to stand where it begins");
      await box.fill(base);
      await window.shot("choose-python-dark");
      await box.press("Enter");
      await notification("Installing the sessionls server").waitFor();
      const settings = JSON.parse(fs.readFileSync(path.join(editor.tmp, "data/Machine/settings.json"), "utf8"));
      assert.deepEqual(settings, { "sessionls.server.python": base });
      await notification("Installing the sessionls server").getByRole("button", { name: "Cancel" }).click();
      await until(() => environments().length === 0, "the partial environment to be removed");
      assert.equal(fs.existsSync(started), false);
    });
  },
);

/** A model server that lists one model, whose requests fail. */
async function startBroken() {
  const server = http.createServer((request, response) => {
    response.writeHead(request.url.endsWith("/models") ? 200 : 500, { "content-type": "application/json" });
    response.end(
      JSON.stringify(request.url.endsWith("/models") ? { data: [{ id: "broken" }] } : { error: { message: "Out of order." } }),
    );
  });
  await new Promise((resolve) => server.listen(0, "127.0.0.1", resolve));
  const stopServer = () => {
    server.close();
    server.closeAllConnections();
  };
  return { url: `http://127.0.0.1:${server.address().port}/v1`, stop: stopServer };
}

describe("without a model", () => {
  const KEY = "sk-test-7f3a9c51e2b84d06";
  let ollama, port;
  before(async () => {
    port = await freePort();
    const providers = ["ANTHROPIC", "OPENAI", "GEMINI", "GOOGLE", "MISTRAL", "DEEPSEEK", "GROQ", "OPENROUTER", "OR", "XAI"];
    await start({
      env: {
        ...Object.fromEntries(providers.map((name) => [`${name}_API_KEY`, undefined])),
        SESSIONLS_MODEL: undefined,
        SESSIONLS_EMBEDDED: "false",
        OLLAMA_API_BASE: `http://127.0.0.1:${port}`,
      },
    });
  });
  after(async () => {
    await stop();
    ollama?.close();
  });

  const modelButton = (name) => panel.frame.locator(".session-head").getByRole("button", { name });

  it("the panel says that no model can answer", async () => {
    await window.command("Session: New");
    await panel.frame.getByText("No model can answer yet").waitFor();
    await modelButton("The default model: none").waitFor();
    await window.shotInEachTheme("no-model");
  });

  it("a started Ollama is found automatically", async () => {
    ollama = http.createServer((_request, response) => response.end(JSON.stringify({ models: [{ name: "qwen3" }] })));
    await new Promise((resolve) => ollama.listen(port, "127.0.0.1", resolve));
    await modelButton("The default model: ollama/qwen3").waitFor({ timeout: 60_000 });
    assert.equal(await panel.frame.getByText("No model can answer yet").count(), 0);
    await new Promise((resolve) => {
      ollama.close(resolve);
      ollama.closeAllConnections();
    });
    await window.reload();
    await panel.frame.getByText("No model can answer yet").waitFor({ timeout: 60_000 });
  });

  it("with an entered key a session answers", async () => {
    await panel.frame.getByRole("button", { name: "Set Up a Model…" }).click();
    const rows = window.page.locator(".quick-input-list .monaco-list-row");
    await rows.filter({ hasText: "OpenAI" }).first().waitFor();
    await window.shot("set-up-model-dark");
    const box = window.page.locator(".quick-input-widget:visible input").first();
    await box.fill("OpenAI");
    await rows.filter({ hasText: "OpenAI" }).last().click();
    await window.page.getByText("OpenAI: Key").waitFor();
    await box.fill("two words");
    await window.page.getByText("A key contains no spaces").waitFor();
    await box.fill(KEY);
    await window.page.getByText("It is kept in VS Code's secret storage").waitFor();
    await window.shot("key-dark");
    await box.press("Enter");
    await notification("OpenAI can answer now: sessions use openai/").waitFor({ timeout: 60_000 });
    await modelButton(/The default model: openai\//).waitFor();
    await window.shot("key-set-dark");
    assert.match(await (await panel.ask("say: with a key")).innerText(), /with a key/);
  });

  it("the key is in no file: no setting, no log, no session", () => {
    const leaks = [];
    const searchFolder = (folder) => {
      for (const entry of fs.readdirSync(folder, { withFileTypes: true })) {
        const file = path.join(folder, entry.name);
        if (entry.isDirectory()) searchFolder(file);
        else if (entry.isFile() && fs.readFileSync(file).includes(KEY)) leaks.push(path.relative(editor.tmp, file));
      }
    };
    searchFolder(editor.tmp);
    assert.deepEqual(leaks, []);
  });

  it("the key is kept after a reload of the window", async () => {
    await window.reload();
    await modelButton(/The default model: openai\//).waitFor({ timeout: 60_000 });
    await panel.ask("say: still with a key");
  });

  it("the session's model and agent are switched in its header", async () => {
    await modelButton(/The default model/).click();
    const rows = window.page.locator(".quick-input-list .monaco-list-row");
    await rows.filter({ hasText: "No model for this session" }).first().waitFor();
    await window.shot("switch-model-dark");
    await rows
      .filter({ hasText: /^openai\// })
      .nth(1)
      .click();
    await modelButton(/Model of this session: openai\//).waitFor();
    await modelButton("Agent of this session: code").click();
    await rows.filter({ hasText: "review" }).first().click();
    await modelButton("Agent of this session: review").waitFor();
    await modelButton(/The default model: openai\//).waitFor();
    await window.shotInEachTheme("header");
  });

  it("an own endpoint is set up: its models are listed, and it is tested before it is reported to work", async () => {
    const rows = window.page.locator(".quick-input-list .monaco-list-row");
    const box = window.page.locator(".quick-input-widget:visible input").first();
    const enter = async (title, text) => {
      await window.page.locator(".quick-input-title", { hasText: title }).waitFor();
      await box.fill(text);
      await box.press("Enter");
    };
    const begin = async (address) => {
      await rows.filter({ hasText: "OpenAI's interface" }).click();
      await enter("Own Endpoint: Address", address);
      await enter("Own Endpoint: Key", "");
    };
    await window.command("Session: Set Up a Model…");
    await rows.filter({ hasText: "Own Endpoint" }).click();
    await begin("http://127.0.0.1:9/v1");
    const unreachable = notification("Nothing answers at 127.0.0.1:9");
    await unreachable.waitFor();
    await window.shot("endpoint-silent-dark");
    await unreachable.getByRole("button", { name: "Change…" }).click();
    const broken = await startBroken();
    await begin(broken.url);
    await rows.filter({ hasText: "broken" }).first().click();
    const failed = notification("did not answer");
    await failed.waitFor({ timeout: 90_000 });
    await window.shot("endpoint-failed-dark");
    // What was there before is used, whether or not the person answers.
    await modelButton(/The default model: openai\//).waitFor();
    assert.doesNotMatch(fs.readFileSync(path.join(editor.tmp, "data/User/settings.json"), "utf8"), /custom_openai/);
    broken.stop();
    await failed.getByRole("button", { name: "Change…" }).click();
    await begin(model.url);
    await rows.filter({ hasText: "test" }).first().waitFor();
    await window.shot("endpoint-models-dark");
    await rows.filter({ hasText: "test" }).first().click();
    await notification("It is now the default model").waitFor({ timeout: 60_000 });
    await modelButton("The default model: custom_openai/test").waitFor({ timeout: 60_000 });
    assert.match(await (await panel.ask("say: from my own server")).innerText(), /from my own server/);
  });

  it("the walkthrough shows its steps, and marks those that are done", async () => {
    await window.page.setViewportSize({ width: 1500, height: 850 });
    await window.command("Session: Get Started");
    const page = window.page.locator(".gettingStartedContainer");
    await page.getByRole("heading", { name: "Get Started with Sessions", level: 2 }).waitFor();
    const steps = page.locator("button.getting-started-step");
    await steps.filter({ hasText: "Request a review" }).waitFor();
    assert.equal(await steps.count(), 7);
    for (const name of ["Install the server", "Set up a model", "Start a session"])
      await steps.filter({ hasText: name }).locator(".codicon-getting-started-step-checked").waitFor();
    for (const name of [
      "Install the server",
      "Set up a model",
      "Start a session",
      "Add context",
      "Ask another agent",
      "Pause, resume",
      "Request a review",
    ]) {
      await steps.filter({ hasText: name }).click();
      await window.shot(`walkthrough-${name.split(/\W/)[0].toLowerCase()}-dark`);
    }
  });
});
