// The other extension of vscode-chat.test.mjs: it asks the available language models, as any extension may.
const fs = require("node:fs");
const path = require("node:path");
const { setTimeout } = require("node:timers");
const vscode = require("vscode");

exports.activate = (context) => {
  const run = async () => {
    const answers = await ask().catch((error) => ({ problem: String(error.stack) }));
    fs.writeFileSync(path.join(vscode.workspace.workspaceFolders[0].uri.fsPath, "asked.json"), JSON.stringify(answers));
  };
  context.subscriptions.push(vscode.commands.registerCommand("asker.ask", run));
};

async function ask() {
  const { User, Assistant } = vscode.LanguageModelChatMessage;
  const models = await vscode.lm.selectChatModels({ vendor: "sessionls" });
  const [model] = await vscode.lm.selectChatModels({ vendor: "sessionls", id: "openai/test" });
  const send = async (messages, options, token) => {
    const parts = [];
    for await (const part of (await model.sendRequest(messages, options, token)).stream) parts.push(part);
    return parts;
  };
  const streamed = await send([User(`slow: ${"word ".repeat(40).trim()}`)]);
  const tools = [{ name: "weather", description: "Tells it.", inputSchema: { type: "object", properties: { city: {} } } }];
  const question = User('tool: weather {"city": "Paris"}');
  const [call] = await send([question], { tools });
  const result = new vscode.LanguageModelToolResultPart(call.callId, [new vscode.LanguageModelTextPart("rain")]);
  const answer = await send([question, Assistant([call]), User([result])], { tools });
  const error = await send([User("fail: 401")]).catch((reason) => reason);
  const source = new vscode.CancellationTokenSource();
  setTimeout(() => source.cancel(), 1000);
  const cancelled = await send([User(`slow: ${"word ".repeat(400)}`)], {}, source.token).catch(() => []);
  return {
    models: models.map(({ id }) => id),
    text: streamed.map((part) => part.value).join(""),
    pieces: streamed.length,
    tokens: await model.countTokens("some words to count"),
    call: { name: call.name, input: call.input },
    toolAnswer: answer.map((part) => part.value).join(""),
    error: { code: error.code, message: error.message },
    cancelled: cancelled.length,
  };
}
