/** Shows each finding in Problems as a comment thread at its code. */
import * as vscode from "vscode";
import type { OpenSession } from "../folding";
import { problemOf } from "../problem";
import type { Sessions } from "../sessions";
import { extensionOf, textOf } from "../format";
import type { FindingActions } from "./actions";
import type { ThreadComment, ThreadComments } from "./threadComments";
import type { Shown } from "./shown";
import { answerOf, labelOf, markdownOf, plain, safe } from "./findingFormat";

const CONTROLLER = "sessionls.findings";
const SETTING = "sessionls.findings.threads";

export class FindingThreads implements vscode.Disposable {
  private controller: vscode.CommentController | undefined;
  private readonly threads = new Map<string, vscode.CommentThread>();
  private readonly drawn = new WeakMap<vscode.CommentThread, readonly ThreadComment[]>();
  private readonly subscriptions: vscode.Disposable[];

  constructor(
    private readonly actions: FindingActions,
    private readonly sessions: Sessions,
    /** The comments of each finding, kept while its code is temporarily missing. */
    private readonly said: ThreadComments,
  ) {
    const toggle = (): void => {
      if (vscode.workspace.getConfiguration().get<boolean>(SETTING, true)) this.start();
      else this.stop();
    };
    this.subscriptions = [
      actions.shown.onDidChange(() => {
        this.update();
      }),
      vscode.workspace.onDidChangeConfiguration((event) => {
        if (event.affectsConfiguration(SETTING)) toggle();
      }),
    ];
    toggle();
  }

  dispose(): void {
    for (const one of this.subscriptions) one.dispose();
    this.stop();
  }

  /** The finding of a thread. */
  findingOf(thread: vscode.CommentThread): string | undefined {
    for (const [id, one] of this.threads) if (one === thread) return id;
    return undefined;
  }

  /** Sends a person's comment below a finding, and shows the reply there. */
  async reply(findingId: string, text: string): Promise<void> {
    const shown = this.actions.shown.get(findingId);
    if (shown === undefined || text.trim() === "") return;
    const own: ThreadComment = { author: "You", words: safe(text), at: Date.now() };
    const answer: ThreadComment = { author: shown.finding.agent, words: "*Writing…*", at: Date.now(), pending: true };
    const say = (): void => {
      this.said.put(findingId, own, answer);
      this.update();
    };
    say();
    void this.said.keep();
    const following = this.follow(shown.finding.sessionId, text, (doing) => {
      answer.words = `*${doing}*`;
      say();
    });
    try {
      const { reply } = await this.actions.reply(shown, text);
      if (reply !== undefined && "agent" in reply.author) answer.author = reply.author.agent;
      answer.words = reply === undefined ? "*Sent. No agent answers a message to people.*" : answerOf(reply);
    } catch (error) {
      const problem = problemOf(error);
      answer.words = plain(problem.words);
      answer.label = problem.messageKept || problem.kind === "serverLost" ? "no reply" : "not sent";
    } finally {
      following.dispose();
    }
    answer.at = Date.now();
    delete answer.pending;
    say();
    await this.said.keep();
  }

  /** Reports the progress of a message until it is disposed. */
  private follow(sessionId: string, text: string, tell: (doing: string) => void): vscode.Disposable {
    const { store } = this.sessions;
    let last = "";
    const listening = store.onDidChangeOpen((change) => {
      const state = change.sessionId === sessionId ? store.open(sessionId) : undefined;
      if (state === undefined) return;
      const doing = doingOf(state, text);
      if (doing !== last) tell(doing);
      last = doing;
    });
    const joined = this.sessions.join(sessionId);
    joined.catch(() => undefined);
    return new vscode.Disposable(() => {
      listening.dispose();
      joined.then(() => this.sessions.leave(sessionId)).catch(() => undefined);
    });
  }

  private start(): void {
    if (this.controller !== undefined) return;
    this.controller = vscode.comments.createCommentController(CONTROLLER, "Findings");
    this.controller.options = { prompt: "Reply to the agent…", placeHolder: "A question or a remark" };
    this.update();
  }

  private stop(): void {
    this.threads.clear();
    this.controller?.dispose();
    this.controller = undefined;
  }

  /** Updates the threads. */
  private update(): void {
    const { controller } = this;
    if (controller === undefined) return;
    const shown = new Map(this.actions.shown.all.map((one) => [one.finding.id, one]));
    for (const [id, thread] of [...this.threads]) {
      const now = shown.get(id);
      if (now?.uri.toString() === thread.uri.toString()) continue;
      this.threads.delete(id);
      thread.dispose();
    }
    for (const [id, one] of shown) {
      const thread = this.threads.get(id) ?? this.create(controller, one);
      // VS Code redraws a thread whenever a property is set, even if it has not changed.
      if (thread.range?.isEqual(one.range) !== true) thread.range = one.range;
      const replies = this.said.of(id);
      if (this.drawn.get(thread) === replies) continue;
      this.drawn.set(thread, replies);
      thread.comments = [firstOf(one), ...replies.map(commentOf)];
    }
  }

  private create(controller: vscode.CommentController, one: Shown): vscode.CommentThread {
    const thread = controller.createCommentThread(one.uri, one.range, []);
    thread.label = labelOf(one.finding);
    thread.state = vscode.CommentThreadState.Unresolved;
    thread.collapsibleState = vscode.CommentThreadCollapsibleState.Collapsed;
    thread.contextValue = one.finding.suggestion === undefined ? "open" : "open.suggestion";
    this.threads.set(one.finding.id, thread);
    return thread;
  }
}

/** The progress of a message. */
function doingOf(state: OpenSession, text: string): string {
  const asked = state.session.asking?.at(-1);
  if (asked !== undefined) return `Waiting for your permission: ${plain(asked.summary)}. The session asks.`;
  const own = state.messages.findLast((message) => message.role === "participant" && textOf(message) === text);
  return own?.status === "queued" ? "Waiting for the previous reply…" : "Writing…";
}

function firstOf({ finding, uri }: Shown): vscode.Comment {
  const document = vscode.workspace.textDocuments.find((one) => one.uri.toString() === uri.toString());
  return {
    author: { name: finding.agent },
    body: markdown(markdownOf(finding, document?.languageId ?? extensionOf(uri.path))),
    mode: vscode.CommentMode.Preview,
  };
}

function commentOf({ author, words, label, at }: ThreadComment): vscode.Comment {
  return {
    author: { name: author },
    body: markdown(words),
    mode: vscode.CommentMode.Preview,
    timestamp: new Date(at),
    ...(label !== undefined && { label }),
  };
}

/** Text of agents: without HTML, and without command links. */
function markdown(words: string): vscode.MarkdownString {
  const made = new vscode.MarkdownString(words);
  made.isTrusted = false;
  made.supportHtml = false;
  return made;
}
