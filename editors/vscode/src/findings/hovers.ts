/** Findings in hovers. VS Code shows a problem's message as plain text, so that is only the title; the hover has the rest. */
import * as vscode from "vscode";
import { detailsOf } from "./findingFormat";
import { findingIdOf, type ShownFindings } from "./shown";

/** The server's diagnostics as VS Code shows them: those of findings with their title alone. */
export function withTitles(diagnostics: readonly vscode.Diagnostic[]): vscode.Diagnostic[] {
  for (const diagnostic of diagnostics) {
    if (findingIdOf(diagnostic) !== undefined) diagnostic.message = diagnostic.message.split("\n", 1)[0] ?? diagnostic.message;
  }
  return [...diagnostics];
}

export function registerFindingHovers(shown: ShownFindings): vscode.Disposable {
  return vscode.languages.registerHoverProvider("*", {
    provideHover(document, position) {
      const uri = document.uri.toString();
      const entries = shown.all.filter((entry) => entry.uri.toString() === uri && entry.range.contains(position));
      const texts = entries.map(({ finding }) => detailsOf(finding, document.languageId)).filter((text) => text !== "");
      // A new Markdown text is not trusted: it has no HTML, and no links to commands.
      return texts.length === 0 ? undefined : new vscode.Hover(texts.map((text) => new vscode.MarkdownString(text)));
    },
  });
}
