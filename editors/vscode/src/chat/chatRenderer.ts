/**
 * Renders a reply for VS Code's chat while it is written. The chat can only be appended to, so this remembers what was rendered and
 * returns what is new. Pure.
 */
import type { Question } from "../folding/openSession";
import type { Finding, Message, Part, Range, Session } from "../protocol";
import { decodePart, incomplete, pauseText } from "../format";
import { toolLine, toolText } from "../toolLine";
import { plain } from "./chatFormat";
import { LinkedText } from "./linkedText";

export type Piece =
  | { readonly kind: "markdown"; readonly text: string }
  | { readonly kind: "progress"; readonly text: string }
  /** A link to a position in a document. */
  | { readonly kind: "place"; readonly uri: string; readonly range?: Range; readonly title: string }
  /** An agent waits for permission, which is answered elsewhere. */
  | { readonly kind: "question" };

const SEVERITIES: Readonly<Record<Finding["severity"], string>> = { 1: "Error", 2: "Warning", 3: "Information", 4: "Hint" };

export class ChatRenderer {
  /** For each part, its text as far as it is rendered, or its rendered state. */
  private readonly rendered: (LinkedText | string)[] = [];
  private readonly shownQuestions = new Set<string>();
  private waitingShown = false;
  private started = false;

  /** The message is queued after another reply. */
  waiting(): Piece[] {
    if (this.waitingShown) return [];
    this.waitingShown = true;
    return [{ kind: "progress", text: "Waiting for the previous reply" }];
  }

  /** The new content of the reply. */
  step(reply: Message, questions: readonly Question[] = []): Piece[] {
    const parts = this.parts(reply, false);
    return [...parts, ...questions.flatMap((question) => this.question(question))];
  }

  /** The new content of a reply that has ended or stopped, and how it ended. */
  end(reply: Message, session?: Session): Piece[] {
    const pieces = this.parts(reply, true);
    const paused = reply.status === "paused" && session !== undefined ? pauseText(session) : undefined;
    const state = paused ?? STATES[reply.status] ?? incomplete(reply);
    const notices = (reply.notices ?? []).map((notice) => this.paragraph(`*${plain(notice)}*`));
    return [...pieces, ...notices, ...(state === undefined ? [] : [this.paragraph(`*${state}*`)])];
  }

  private parts({ parts }: Message, ended: boolean): Piece[] {
    return parts.flatMap((part, index) => this.part(part, index, ended || index < parts.length - 1));
  }

  private part(part: Part, index: number, ended: boolean): Piece[] {
    const before = this.rendered[index];
    switch (part.kind) {
      case "text": {
        const rendered = typeof before === "object" ? before : new LinkedText();
        const text = rendered.next(part.text, ended);
        if (text === "") return [];
        this.rendered[index] = rendered;
        return [before === undefined ? this.paragraph(text) : { kind: "markdown", text }];
      }
      case "reasoning":
        if (part.text.trim() === "") return [];
        return this.once(index, "reasoning", () => [{ kind: "progress", text: "Reasoning" }]);
      case "tool":
        return this.once(index, part.status, () => this.tool(part));
      case "finding":
        return this.once(index, "finding", () => this.finding(part.finding));
      case "edit":
        return this.once(index, "edit", () => [
          this.paragraph(part.applied ? "Changed " : "Not changed: "),
          { kind: "place", uri: part.uri, title: basename(part.uri) },
          { kind: "markdown", text: part.summary === "" ? "" : ` (${plain(part.summary)})` },
        ]);
      case "plan": {
        const done = part.entries.filter((entry) => entry.status === "completed").length;
        const now = part.entries.find((entry) => entry.status === "inProgress");
        const progress = `Plan: ${done} of ${part.entries.length} done${now ? `, now ${plain(now.content)}` : ""}`;
        return this.once(index, progress, () => [{ kind: "progress", text: progress }]);
      }
    }
  }

  private once(index: number, state: string, pieces: () => Piece[]): Piece[] {
    if (this.rendered[index] === state) return [];
    this.rendered[index] = state;
    return pieces();
  }

  private tool(part: Extract<Part, { kind: "tool" }>): Piece[] {
    const line = toolLine(part);
    switch (part.status) {
      case "running":
        return [{ kind: "progress", text: plain(toolText(line)) }];
      case "failed":
      case "denied":
        return [this.paragraph(`*${part.status === "denied" ? "⊘" : "✗"} ${plain(toolText(line))}.*`)];
      case "waiting":
      case "done":
        return [];
    }
  }

  private finding(finding: Finding): Piece[] {
    const line = finding.range.start.line + 1;
    return [
      this.paragraph(`**${SEVERITIES[finding.severity]}:** ${plain(finding.title)} `),
      { kind: "place", uri: finding.uri, range: finding.range, title: `${basename(finding.uri)}:${line}` },
    ];
  }

  private question({ requestId, agent, summary }: Question): Piece[] {
    if (this.shownQuestions.has(requestId)) return [];
    this.shownQuestions.add(requestId);
    return [this.paragraph(`**${plain(agent === "" ? "The agent" : agent)} asks:** ${plain(summary)}`), { kind: "question" }];
  }

  /** Text that starts a new paragraph. */
  private paragraph(text: string): Piece {
    const first = !this.started;
    this.started = true;
    return { kind: "markdown", text: first ? text : `\n\n${text}` };
  }
}

const STATES: Readonly<Partial<Record<Message["status"], string>>> = {
  paused: "The session is paused. Resume it to continue this reply.",
  interrupted: "The reply was interrupted. Nothing is lost: resume the session to continue it.",
  cancelled: "Cancelled.",
};

function basename(uri: string): string {
  return decodePart(uri.replace(/[?#].*$/, "").replace(/^.*\//, ""));
}
