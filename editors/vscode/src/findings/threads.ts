/** Shows each finding in Problems as a comment thread at its code. */
import * as vscode from "vscode";
import type { OpenSession } from "../folding/openSession";
import { problemOf } from "../problem";
import type { Sessions } from "../sessions";
import { extensionOf, textOf } from "../format";
import type { FindingActions } from "./actions";
import type { ThreadComment, ThreadComments } from "./threadComments";
import type { ShownFinding } from "./shown";
import { answerOf, labelOf, markdownOf, plain, withoutImages } from "./findingFormat";

const CONTROLLER = "sessionls.findings";
const SETTING = "sessionls.findings.threads";

export class FindingThreads implements vscode.Disposable {
  private controller: vscode.CommentController | undefined;
  private readonly threads = new Map<string, vscode.CommentThread>();
  private readonly rendered = new WeakMap<vscode.CommentThread, readonly ThreadComment[]>();
  private readonly subscriptions: vscode.Disposable[];

  constructor(
    private readonly actions: FindingActions,
    private readonly sessions: Sessions,
    /** The comments of each finding, kept while its code is temporarily missing. */
    private readonly comments: ThreadComments,
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
    for (const subscription of this.subscriptions) subscription.dispose();
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
    const question: ThreadComment = { author: "You", text: withoutImages(text), at: Date.now() };
    const answer: ThreadComment = { author: shown.finding.agent, text: "*Writing…*", at: Date.now(), pending: true };
    const show = (): void => {
      this.comments.put(findingId, question, answer);
      this.update();
    };
    show();
    void this.comments.save();
    const progress = this.follow(shown.finding.sessionId, text, (activity) => {
      answer.text = `*${activity}*`;
      show();
    });
    try {
      const { reply } = await this.actions.reply(shown, text);
      if (reply !== undefined && "agent" in reply.author) answer.author = reply.author.agent;
      answer.text = reply === undefined ? "*Sent. No agent answers a message to people.*" : answerOf(reply);
    } catch (error) {
      const problem = problemOf(error);
      answer.text = plain(problem.text);
      answer.label = problem.messageAccepted || problem.kind === "serverLost" ? "no reply" : "not sent";
    } finally {
      progress.dispose();
    }
    answer.at = Date.now();
    delete answer.pending;
    show();
    await this.comments.save();
  }

  /** Reports the progress of a message until it is disposed. */
  private follow(sessionId: string, text: string, report: (activity: string) => void): vscode.Disposable {
    const { store } = this.sessions;
    let last = "";
    const subscription = store.onDidChangeOpen((change) => {
      const state = change.sessionId === sessionId ? store.open(sessionId) : undefined;
      if (state === undefined) return;
      const activity = activityOf(state, text);
      if (activity !== last) report(activity);
      last = activity;
    });
    const joined = this.sessions.join(sessionId);
    joined.catch(() => undefined);
    return new vscode.Disposable(() => {
      subscription.dispose();
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
    for (const [id, entry] of shown) {
      const thread = this.threads.get(id) ?? this.create(controller, entry);
      // VS Code redraws a thread whenever a property is set, even if it has not changed.
      if (thread.range?.isEqual(entry.range) !== true) thread.range = entry.range;
      const replies = this.comments.get(id);
      if (this.rendered.get(thread) === replies) continue;
      this.rendered.set(thread, replies);
      thread.comments = [firstOf(entry), ...replies.map(commentOf)];
    }
  }

  private create(controller: vscode.CommentController, one: ShownFinding): vscode.CommentThread {
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
function activityOf(state: OpenSession, text: string): string {
  const openQuestion = state.session.asking?.at(-1);
  if (openQuestion !== undefined) return `Waiting for your permission: ${plain(openQuestion.summary)}. The session asks.`;
  const own = state.messages.findLast((message) => message.role === "participant" && textOf(message) === text);
  return own?.status === "queued" ? "Waiting for the previous reply…" : "Writing…";
}

function firstOf({ finding, uri }: ShownFinding): vscode.Comment {
  const document = vscode.workspace.textDocuments.find((one) => one.uri.toString() === uri.toString());
  return {
    author: { name: finding.agent },
    body: markdown(markdownOf(finding, document?.languageId ?? extensionOf(uri.path))),
    mode: vscode.CommentMode.Preview,
  };
}

function commentOf({ author, text, label, at }: ThreadComment): vscode.Comment {
  return {
    author: { name: author },
    body: markdown(text),
    mode: vscode.CommentMode.Preview,
    timestamp: new Date(at),
    ...(label !== undefined && { label }),
  };
}

/** Text of agents: without HTML, and without command links. */
function markdown(source: string): vscode.MarkdownString {
  const text = new vscode.MarkdownString(source);
  text.isTrusted = false;
  text.supportHtml = false;
  return text;
}
