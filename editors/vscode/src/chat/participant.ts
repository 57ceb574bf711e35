/** `@session` in VS Code's chat: sends messages to a session and streams the replies back. */
import * as vscode from "vscode";
import { pickSession } from "../commands/choosing";
import { parseAgent } from "../agentName";
import { problemOf, type Problem } from "../problem";
import type { Context, Exchange, MessageParams, Session } from "../protocol";
import type { Services } from "../services";
import { editorDocuments } from "./documents";
import { ReplyStream } from "./replyStream";
import { OWN, VENDOR } from "./models";
import { contextOf } from "./references";
import { AGENTS, plain, chatMessage } from "./chatFormat";

const ID = "sessionls.session";
/** After a cancellation VS Code waits one second, then ignores further output. */
const CANCEL_TIMEOUT = 500; // milliseconds

type Needs = Pick<Services, "readiness" | "sessions" | "view">;

export function registerParticipant(needs: Needs, extension: vscode.Uri): vscode.Disposable {
  const participant = vscode.chat.createChatParticipant(ID, (request, { history }, stream, token) =>
    new Answer(needs, request, stream, token).run(history),
  );
  participant.iconPath = vscode.Uri.joinPath(extension, "media", "icon.png");
  return participant;
}

/** The response to one request. */
class Answer {
  private sessionId: string | undefined;

  constructor(
    private readonly needs: Needs,
    private readonly request: vscode.ChatRequest,
    private readonly stream: vscode.ChatResponseStream,
    private readonly token: vscode.CancellationToken,
  ) {}

  async run(history: vscode.ChatContext["history"]): Promise<vscode.ChatResult> {
    this.sessionId = sessionOf(history);
    let problem: Problem | undefined;
    try {
      await this.waitForServer();
      await this.answer();
    } catch (error) {
      problem = problemOf(error);
    }
    // The next request of the same chat finds the session with this, even if the present one fails.
    const metadata = this.sessionId === undefined ? {} : { sessionId: this.sessionId };
    if (problem === undefined || (problem.kind === "cancelled" && this.token.isCancellationRequested)) return { metadata };
    this.offerRemedies(problem);
    return { metadata, errorDetails: { message: problem.text } };
  }

  private async answer(): Promise<void> {
    const { command, prompt, references } = this.request;
    const { agents } = this.needs.sessions;
    const parsed = parseAgent(
      prompt,
      agents.map((agent) => agent.name),
    );
    const { context, unsupported } = await contextOf(references, editorDocuments);
    const message = chatMessage(command, parsed.text, context);
    const first = await this.findSession(message !== undefined);
    if (unsupported.length > 0)
      this.stream.markdown(`Not sent, because it is not text: ${unsupported.map(plain).join(", ")}.\n\n`);
    if (message === undefined) {
      if (command !== "open" && command !== "new") this.stream.markdown("Write a question for the agent, or attach context.");
    } else if (this.sessionId !== undefined) {
      await this.send(this.sessionId, message.text, message.context, parsed.agent ?? AGENTS[command ?? ""]);
    }
    if (first) this.offerSession();
  }

  /** The session for the message, not joined yet. True if this chat uses it for the first time. */
  private async findSession(needed: boolean): Promise<boolean> {
    const { sessions } = this.needs;
    if (this.request.command === "open") {
      await sessions.refreshList();
      const candidates = sessions.store.sessions.filter((session) => session.state !== "archived");
      const picked = await pickSession("Open Session", candidates);
      if (picked === undefined) return false;
      this.sessionId = picked.id;
      this.stream.markdown(`Messages go to **${plain(picked.title)}** from now on.\n\n`);
      return true;
    }
    if (this.request.command === "new") {
      this.sessionId = (await this.create()).id;
      this.stream.markdown("Messages go to a new session from now on.\n\n");
      return true;
    }
    if (this.sessionId !== undefined) {
      if (await this.exists(this.sessionId)) return false;
      this.stream.markdown("The session of this chat was deleted. This is a new one.\n\n");
    }
    if (!needed) return false;
    this.sessionId = (await this.create()).id;
    return true;
  }

  private async exists(sessionId: string): Promise<boolean> {
    try {
      await this.needs.sessions.act("session/get", sessionId);
      return true;
    } catch (error) {
      if (problemOf(error).kind === "sessionNotFound") return false;
      throw error;
    }
  }

  /** For the folder of the open file, or else for all folders. */
  private create(): Promise<Session> {
    const uri = vscode.window.activeTextEditor?.document.uri;
    const folder = uri === undefined ? undefined : vscode.workspace.getWorkspaceFolder(uri);
    return this.needs.sessions.create(folder === undefined ? {} : { workspaceFolder: folder.uri.toString() });
  }

  private async send(sessionId: string, text: string, context: readonly Context[], agent: string | undefined): Promise<void> {
    const { sessions } = this.needs;
    const { model } = this.request;
    const params: MessageParams = {
      sessionId,
      text,
      ...(agent !== undefined && { agent }),
      ...(model.vendor === VENDOR && model.id !== OWN && { model: model.id }),
      ...(context.length > 0 && { context: [...context] }),
    };
    const replyStream = await ReplyStream.of(sessions, params, this.stream);
    try {
      const exchange = await this.unlessCancelled(sessions.message(params, this.token));
      if (exchange === undefined) return;
      if (exchange.reply === undefined) return; // it was for people
      replyStream.end(exchange.reply);
      if (exchange.reply.status === "paused" || exchange.reply.status === "interrupted") {
        if (sessions.store.session(sessionId)?.pauseReason === "budget")
          this.stream.button({ command: "session.setBudget", title: "Set Budget…", arguments: [sessionId] });
        this.offerResume();
      }
    } catch (error) {
      replyStream.show();
      const problem = problemOf(error);
      if (problem.kind !== "cancelled") throw error;
      if (!this.token.isCancellationRequested) this.stream.markdown("\n\n*Cancelled.*");
    } finally {
      replyStream.dispose();
      this.needs.view.seen(sessionId);
    }
  }

  /** The result, or undefined if the person no longer waits. */
  private async unlessCancelled(work: Promise<Exchange>): Promise<Exchange | undefined> {
    const cancelled = new Promise<undefined>((resolve) => {
      this.token.onCancellationRequested(() => setTimeout(resolve, CANCEL_TIMEOUT, undefined));
    });
    return Promise.race([work, cancelled]);
  }

  /** Waits for a server that is starting. Throws a `Problem` if none is running. */
  private async waitForServer(): Promise<void> {
    const { readiness } = this.needs;
    if (!readiness.ready) this.stream.progress("Waiting for the sessionls server to start");
    await readiness.wait(this.token);
  }

  private offerRemedies(problem: Problem): void {
    switch (problem.kind) {
      case "serverNotFound":
        this.button("session.installServer", "Install the Server");
        return;
      case "serverStopped":
      case "serverNotThere":
        this.button("session.restartServer", "Restart Server");
        this.button("session.showOutput", "Show Output");
        return;
      case "sessionPaused":
        this.offerResume();
        break;
      case "sessionArchived":
        this.button("session.unarchive", "Unarchive", this.sessionId);
        break;
      case "modelUnavailable":
        this.button("session.setUpModel", "Set Up a Model");
        break;
    }
    this.offerSession();
  }

  private offerResume(): void {
    this.button("session.resume", "Resume", this.sessionId);
  }

  private offerSession(): void {
    if (this.sessionId !== undefined) this.button("session.open", "Open Session", this.sessionId);
  }

  private button(command: string, title: string, argument?: string): void {
    this.stream.button({ command, title, ...(argument !== undefined && { arguments: [argument] }) });
  }
}

/** The session that this chat used last. */
function sessionOf(history: vscode.ChatContext["history"]): string | undefined {
  for (const turn of [...history].reverse()) {
    if (!(turn instanceof vscode.ChatResponseTurn) || turn.participant !== ID) continue;
    const id: unknown = turn.result.metadata?.["sessionId"];
    if (typeof id === "string") return id;
  }
  return undefined;
}
