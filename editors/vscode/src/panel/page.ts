/** The HTML of the panel's page. Its content security policy allows only the extension's own files. */
import { randomBytes } from "node:crypto";
import * as vscode from "vscode";

/** The page includes `token` in all its messages. */
export function page(webview: vscode.Webview, dist: vscode.Uri, token: string): string {
  const nonce = randomBytes(16).toString("base64url");
  const file = (name: string) => webview.asWebviewUri(vscode.Uri.joinPath(dist, name)).toString();
  // Mermaid measures its diagrams with its own style sheet. Styles are harmless here: they cannot load anything, and `sanitize`
  // removes those that an agent wrote.
  const policy = `default-src 'none'; script-src 'nonce-${nonce}'; style-src ${webview.cspSource} 'unsafe-inline'; font-src ${webview.cspSource}; img-src data:`;
  // Scripts that the page loads when there is something to draw.
  const drawing = ["formulas", "mermaid", "diagrams"].map((name) => `data-${name}="${file(`${name}.js`)}"`).join(" ");
  return `<!DOCTYPE html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta http-equiv="Content-Security-Policy" content="${policy}">
<meta name="viewport" content="width=device-width, initial-scale=1">
<link rel="stylesheet" href="${file("webview.css")}">
<title>Session</title>
</head>
<body>
<div id="root" data-page="${token}" ${drawing}></div>
<script nonce="${nonce}" src="${file("webview.js")}"></script>
</body>
</html>`;
}

/** The page of a side bar without a session: links to commands, without scripts. */
export function emptyPage(webview: vscode.Webview, dist: vscode.Uri): string {
  const style = webview.asWebviewUri(vscode.Uri.joinPath(dist, "webview.css")).toString();
  return `<!DOCTYPE html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta http-equiv="Content-Security-Policy" content="default-src 'none'; style-src ${webview.cspSource}; font-src ${webview.cspSource}">
<link rel="stylesheet" href="${style}">
<title>Session</title>
</head>
<body>
<main class="empty">
<p>No session is shown here.</p>
<p><a class="link" href="command:session.openInSecondarySideBar">Open a Session…</a></p>
<p><a class="link" href="command:session.new">New Session</a></p>
</main>
</body>
</html>`;
}
