/**
 * The open findings that stand in Problems, and where. The server publishes them as diagnostics that follow their code: from
 * those come existence and place, and all else, which never changes, is asked for once.
 */
import * as vscode from "vscode";
import type { Api } from "../api";
import { Emitter, type Disposable } from "../emitter";
import { problemOf } from "../problem";
import type { Finding } from "../protocol";

export interface Shown {
  readonly finding: Finding;
  readonly uri: vscode.Uri;
  readonly range: vscode.Range;
}

interface Place {
  readonly sessionId: string;
  readonly uri: vscode.Uri;
  readonly range: vscode.Range;
}

export class ShownFindings {
  /** The places of each document, by its URI, of each finding. */
  private readonly places = new Map<string, ReadonlyMap<string, Place>>();
  private readonly known = new Map<string, Finding>();
  /** The sessions that are asked, and whether to ask again: something came up that the answer may not know yet. */
  private readonly asking = new Map<string, boolean>();
  private readonly changed = new Emitter<void>();
  private readonly failed = new Emitter<unknown>();
  private readonly subscriptions: Disposable[];

  readonly onDidChange = this.changed.event;
  /** What they are could not be asked for. */
  readonly onError = this.failed.event;

  constructor(private readonly api: Api) {
    this.subscriptions = [
      // The first diagnostics may come before requests are answered. Those of the server before stay until then: what a person
      // writes below a finding stays with them.
      api.onConnected(() => {
        this.ask();
        void this.forgetClosed();
      }),
      api.onDisconnected(() => {
        this.asking.clear();
      }),
    ];
  }

  dispose(): void {
    for (const one of this.subscriptions) one.dispose();
  }

  /** The server's diagnostics of a document, all of them. */
  take(uri: vscode.Uri, diagnostics: readonly vscode.Diagnostic[]): void {
    const places = new Map<string, Place>();
    for (const diagnostic of diagnostics) {
      const meant = dataOf(diagnostic);
      if (meant !== undefined) places.set(meant.findingId, { sessionId: meant.sessionId, uri, range: diagnostic.range });
    }
    if (places.size > 0) this.places.set(uri.toString(), places);
    else this.places.delete(uri.toString());
    this.ask();
    this.changed.fire();
  }

  get(id: string): Shown | undefined {
    const finding = this.known.get(id);
    if (finding === undefined) return undefined;
    for (const places of this.places.values()) {
      const place = places.get(id);
      if (place !== undefined) return { finding, uri: place.uri, range: place.range };
    }
    return undefined;
  }

  get all(): readonly Shown[] {
    return [...this.places.values()].flatMap((places) =>
      [...places].flatMap(([id, { uri, range }]) => {
        const finding = this.known.get(id);
        return finding === undefined ? [] : [{ finding, uri, range }];
      }),
    );
  }

  /** Of findings that were fixed or dismissed while no server ran, none publishes anything. */
  private async forgetClosed(): Promise<void> {
    const before = new Map([...this.places.values()].flatMap((places) => [...places].map(([id, one]) => [id, one.sessionId])));
    try {
      const asked = [...new Set(before.values())].map((sessionId) => this.openOf(sessionId));
      const open = new Set((await Promise.all(asked)).flat());
      for (const [document, places] of this.places) {
        const left = new Map([...places].filter(([id]) => open.has(id) || !before.has(id)));
        if (left.size > 0) this.places.set(document, left);
        else this.places.delete(document);
      }
    } catch (error) {
      this.failed.fire(error);
    }
    this.changed.fire();
  }

  private async openOf(sessionId: string): Promise<string[]> {
    try {
      const { findings } = await this.api.request("finding/list", { sessionId, state: "open" });
      return findings.map((finding) => finding.id);
    } catch (error) {
      if (problemOf(error).kind === "sessionNotFound") return [];
      throw error;
    }
  }

  /** Asks what the findings are that are not known, session by session. */
  private ask(): void {
    if (!this.api.ready) return;
    for (const places of this.places.values())
      for (const [id, { sessionId }] of places) if (!this.known.has(id)) void this.askFor(sessionId);
  }

  private async askFor(sessionId: string): Promise<void> {
    if (this.asking.has(sessionId)) {
      this.asking.set(sessionId, true);
      return;
    }
    this.asking.set(sessionId, false);
    try {
      const { findings } = await this.api.request("finding/list", { sessionId });
      for (const finding of findings) this.known.set(finding.id, finding);
    } catch (error) {
      this.asking.delete(sessionId);
      this.failed.fire(error);
      return;
    }
    const again = this.asking.get(sessionId) === true;
    this.asking.delete(sessionId);
    this.changed.fire();
    if (again) this.ask();
  }
}

/** What the server put into a diagnostic. The language client keeps it there; VS Code's own type does not name it. */
function dataOf(diagnostic: vscode.Diagnostic): { sessionId: string; findingId: string } | undefined {
  const data: unknown = "data" in diagnostic ? diagnostic.data : undefined;
  if (typeof data !== "object" || data === null) return undefined;
  const { sessionId, findingId } = data as { sessionId?: unknown; findingId?: unknown };
  return typeof sessionId === "string" && typeof findingId === "string" ? { sessionId, findingId } : undefined;
}
