// The other extension of vscode-chat.test.mjs: it asks the language models that are there, as any extension may.
const fs = require("node:fs");
const path = require("node:path");
const { setTimeout } = require("node:timers");
const vscode = require("vscode");

exports.activate = (context) => {
  const run = async () => {
    const got = await ask().catch((error) => ({ problem: String(error.stack) }));
    fs.writeFileSync(path.join(vscode.workspace.workspaceFolders[0].uri.fsPath, "asked.json"), JSON.stringify(got));
  };
  context.subscriptions.push(vscode.commands.registerCommand("asker.ask", run));
};

async function ask() {
  const { User, Assistant } = vscode.LanguageModelChatMessage;
  const models = await vscode.lm.selectChatModels({ vendor: "sessionls" });
  const [model] = await vscode.lm.selectChatModels({ vendor: "sessionls", id: "openai/test" });
  const parts = async (messages, options, token) => {
    const found = [];
    for await (const part of (await model.sendRequest(messages, options, token)).stream) found.push(part);
    return found;
  };
  const words = await parts([User(`slow: ${"word ".repeat(40).trim()}`)]);
  const tools = [{ name: "weather", description: "Tells it.", inputSchema: { type: "object", properties: { city: {} } } }];
  const question = User('tool: weather {"city": "Paris"}');
  const [call] = await parts([question], { tools });
  const result = new vscode.LanguageModelToolResultPart(call.callId, [new vscode.LanguageModelTextPart("rain")]);
  const after = await parts([question, Assistant([call]), User([result])], { tools });
  const error = await parts([User("fail: 401")]).catch((one) => one);
  const source = new vscode.CancellationTokenSource();
  setTimeout(() => source.cancel(), 1000);
  const cut = await parts([User(`slow: ${"word ".repeat(400)}`)], {}, source.token).catch(() => []);
  return {
    models: models.map((one) => one.id),
    text: words.map((part) => part.value).join(""),
    pieces: words.length,
    tokens: await model.countTokens("some words to count"),
    call: { name: call.name, input: call.input },
    told: after.map((part) => part.value).join(""),
    error: { code: error.code, message: error.message },
    cancelled: cut.length,
  };
}
