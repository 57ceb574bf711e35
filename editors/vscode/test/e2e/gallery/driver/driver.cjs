// The other extension of gallery.test.mjs: it runs commands and changes settings for the test without moving the focus, so an open
// menu stays open. It listens on loopback at the port that SESSIONLS_E2E_DRIVER names.
const http = require("node:http");
const process = require("node:process");
const vscode = require("vscode");

exports.activate = (context) => {
  const server = http.createServer((request, response) => {
    let body = "";
    request.on("data", (data) => (body += data));
    request.on("end", async () => {
      const { command, args = [], settings = {} } = JSON.parse(body);
      try {
        for (const [name, value] of Object.entries(settings))
          await vscode.workspace.getConfiguration().update(name, value, vscode.ConfigurationTarget.Global);
        if (command !== undefined) await vscode.commands.executeCommand(command, ...args);
        response.end();
      } catch (error) {
        response.writeHead(500).end(String(error.stack));
      }
    });
  });
  server.listen(Number(process.env.SESSIONLS_E2E_DRIVER), "127.0.0.1");
  context.subscriptions.push({ dispose: () => server.close() });
};
