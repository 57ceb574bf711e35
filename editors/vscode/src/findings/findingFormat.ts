/** Formats a finding for its comment thread, and for an agent. Pure. */
import type { Finding, Message } from "../protocol";
import { codeBlock, incomplete, textOf } from "../format";

const SEVERITIES = { 1: "Error", 2: "Warning", 3: "Information", 4: "Hint" } as const;

/** The heading of a finding: its severity and rule. */
export function labelOf({ severity, rule }: Finding): string {
  return rule === undefined ? SEVERITIES[severity] : `${SEVERITIES[severity]} · ${rule}`;
}

/** Title, body and suggestion as Markdown. `language` colours the suggestion. */
export function markdownOf(finding: Finding, language: string): string {
  return [`**${plain(finding.title)}**`, detailsOf(finding, language)].filter((piece) => piece !== "").join("\n\n");
}

/** Body and suggestion as Markdown, for places that already show the title. */
export function detailsOf({ body, suggestion }: Finding, language: string): string {
  const pieces = [withoutImages(body)];
  if (suggestion !== undefined)
    pieces.push(suggestion.trim() === "" ? "*Suggestion: remove it.*" : `Suggestion:\n\n${codeBlock(suggestion, language)}`);
  return pieces.filter((piece) => piece !== "").join("\n\n");
}

/** The text of a reply, or how it ended if it has no text. */
export function answerOf(reply: Message): string {
  const edits = reply.parts.filter((part) => part.kind === "edit" && part.applied).length;
  const pieces = [withoutImages(textOf(reply))];
  if (edits > 0) pieces.push(`*${edits === 1 ? "One edit was" : `${edits} edits were`} made.*`);
  const outcome = OUTCOMES[reply.status] ?? incomplete(reply);
  if (reply.error !== undefined) pieces.push(plain([reply.error.message, reply.error.hint].filter(Boolean).join(" ")));
  else if (outcome !== undefined) pieces.push(`*${outcome}*`);
  const text = pieces.filter((piece) => piece !== "").join("\n\n");
  return text === "" ? "*The reply has no text. The session shows the work.*" : text;
}

const OUTCOMES: Partial<Readonly<Record<Message["status"], string>>> = {
  paused: "The session is paused. Resume it to continue the reply.",
  interrupted: "The reply was interrupted. It can be resumed in the session.",
  cancelled: "The reply was cancelled.",
};

/** The finding as text for an agent. The code is sent as context. */
export function findingText({ title, body, rule, suggestion }: Finding): string {
  const sections = [title, body, rule === undefined ? "" : `Rule: ${rule}`];
  if (suggestion !== undefined) sections.push(`Suggested replacement:\n${suggestion}`);
  return sections.filter((piece) => piece !== "").join("\n\n");
}

/** Text escaped for Markdown. */
export function plain(text: string): string {
  return text.replace(/[\\`*_{}[\]()#+\-.!|<>~&$:]/g, "\\$&").replace(/\s+/g, " ");
}

/** Markdown of a person or an agent without images: VS Code would load them, which could leak data to other servers. */
export function withoutImages(markdown: string): string {
  const couldShow = markdown.includes("![") && /\](\(|\[|:)/.test(markdown);
  return (couldShow ? markdown.replaceAll("![", "!\u200b[") : markdown).trim();
}
