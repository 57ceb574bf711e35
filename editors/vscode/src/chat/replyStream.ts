/** Follows the reply to one message in the store, and writes new content to VS Code's chat. */
import * as vscode from "vscode";
import type { Question } from "../folding/openSession";
import type { Message, MessageParams } from "../protocol";
import type { Sessions } from "../sessions";
import { vscodeRange } from "./documents";
import { OPEN_LINK } from "./linkedText";
import { ChatRenderer, type Piece } from "./chatRenderer";

/** Text that arrives within this time is written together. */
const BATCH_INTERVAL = 20; // milliseconds

// The messages that requests follow, so that two simultaneous messages with the same text are not mixed up.
const followed = new Set<string>();

export class ReplyStream {
  private readonly renderer = new ChatRenderer();
  private readonly subscription: { dispose(): void };
  private timer: NodeJS.Timeout | undefined;
  private messageId: string | undefined;
  private readonly known: ReadonlySet<string>;

  /** Joins the session of a message that is about to be sent. Call `dispose` afterwards. */
  static async of(sessions: Sessions, params: MessageParams, stream: vscode.ChatResponseStream): Promise<ReplyStream> {
    await sessions.join(params.sessionId);
    return new ReplyStream(sessions, params, stream);
  }

  private constructor(
    private readonly sessions: Sessions,
    private readonly params: MessageParams,
    private readonly stream: vscode.ChatResponseStream,
  ) {
    this.known = new Set(this.messages.map((message) => message.id));
    this.subscription = sessions.store.onDidChangeOpen(({ sessionId }) => {
      if (sessionId === params.sessionId) this.scheduleShow();
    });
  }

  dispose(): void {
    this.subscription.dispose();
    clearTimeout(this.timer);
    if (this.messageId !== undefined) followed.delete(this.messageId);
    leave(this.sessions, this.params.sessionId);
  }

  /** Writes everything that has arrived so far. */
  show(): void {
    clearTimeout(this.timer);
    this.timer = undefined;
    const message = this.message();
    if (message === undefined) return;
    const reply = this.messages.find((candidate) => candidate.replyTo === message.id);
    if (reply !== undefined) this.write(this.renderer.step(reply, this.questions(reply)));
    else if (message.status === "queued") this.write(this.renderer.waiting());
  }

  /** Writes the rest of the reply, which has ended or stopped. */
  end(reply: Message): void {
    this.write(this.renderer.end(reply, this.sessions.store.session(reply.sessionId)));
  }

  private scheduleShow(): void {
    this.timer ??= setTimeout(() => {
      this.show();
    }, BATCH_INTERVAL);
  }

  private get messages(): readonly Message[] {
    return this.sessions.store.open(this.params.sessionId)?.messages ?? [];
  }

  /** The message in the session: the first new one with the same text that no other request follows. */
  private message(): Message | undefined {
    const found = this.messages.find((candidate) =>
      this.messageId === undefined ? this.isOurs(candidate) : candidate.id === this.messageId,
    );
    if (found !== undefined) {
      this.messageId = found.id;
      followed.add(found.id);
    }
    return found;
  }

  private isOurs({ id, role, agent, parts }: Message): boolean {
    const [first] = parts;
    return (
      role === "participant" &&
      !this.known.has(id) &&
      !followed.has(id) &&
      agent === this.params.agent &&
      first?.kind === "text" &&
      first.text === this.params.text
    );
  }

  private questions(reply: Message): readonly Question[] {
    const { asking = [] } = this.sessions.store.open(this.params.sessionId)?.session ?? {};
    return asking.filter(({ messageId }) => messageId === reply.id);
  }

  private write(pieces: readonly Piece[]): void {
    for (const piece of pieces) {
      switch (piece.kind) {
        case "markdown":
          if (piece.text !== "") this.stream.markdown(withLinks(piece.text));
          break;
        case "progress":
          this.stream.progress(piece.text);
          break;
        case "place": {
          const uri = vscode.Uri.parse(piece.uri);
          this.stream.anchor(piece.range ? new vscode.Location(uri, vscodeRange(piece.range)) : uri, piece.title);
          break;
        }
        case "question":
          this.stream.button({ command: "session.open", title: "Open Session to Answer", arguments: [this.params.sessionId] });
          break;
      }
    }
  }
}

/** Markdown whose links may open a file. No other command of a link runs. */
function withLinks(text: string): vscode.MarkdownString {
  const markdown = new vscode.MarkdownString(text);
  markdown.isTrusted = { enabledCommands: [OPEN_LINK] };
  return markdown;
}

function leave(sessions: Sessions, sessionId: string): void {
  sessions.leave(sessionId).catch(() => undefined); // without a server there is nothing to leave
}
