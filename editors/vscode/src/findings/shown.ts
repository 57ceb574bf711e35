/**
 * The open findings in Problems, and their ranges. The server publishes them as diagnostics that follow the code, which provide
 * existence and range. Everything else never changes and is requested once.
 */
import * as vscode from "vscode";
import type { Api } from "../api";
import { Emitter, type Disposable } from "../emitter";
import { problemOf } from "../problem";
import type { Finding } from "../protocol";

export interface ShownFinding {
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
  /** The ranges of the findings in each document, by URI. */
  private readonly places = new Map<string, ReadonlyMap<string, Place>>();
  private readonly known = new Map<string, Finding>();
  /** The sessions with a pending request, and whether to request again because of newer diagnostics. */
  private readonly pendingRequests = new Map<string, boolean>();
  private readonly changed = new Emitter<void>();
  private readonly failed = new Emitter<unknown>();
  private readonly subscriptions: Disposable[];

  readonly onDidChange = this.changed.event;
  /** The findings could not be requested. */
  readonly onError = this.failed.event;

  constructor(private readonly api: Api) {
    this.subscriptions = [
      // The first diagnostics may come before the server answers requests. The old threads stay until then, because a person may be
      // writing in them.
      api.onConnected(() => {
        this.requestUnknown();
        void this.forgetClosed();
      }),
      api.onDisconnected(() => {
        this.pendingRequests.clear();
      }),
    ];
  }

  dispose(): void {
    for (const subscription of this.subscriptions) subscription.dispose();
  }

  /** All diagnostics of the server for a document. */
  setDiagnostics(uri: vscode.Uri, diagnostics: readonly vscode.Diagnostic[]): void {
    const places = new Map<string, Place>();
    for (const diagnostic of diagnostics) {
      const data = dataOf(diagnostic);
      if (data !== undefined) places.set(data.findingId, { sessionId: data.sessionId, uri, range: diagnostic.range });
    }
    if (places.size > 0) this.places.set(uri.toString(), places);
    else this.places.delete(uri.toString());
    this.requestUnknown();
    this.changed.fire();
  }

  get(id: string): ShownFinding | undefined {
    const finding = this.known.get(id);
    if (finding === undefined) return undefined;
    for (const places of this.places.values()) {
      const place = places.get(id);
      if (place !== undefined) return { finding, uri: place.uri, range: place.range };
    }
    return undefined;
  }

  get all(): readonly ShownFinding[] {
    return [...this.places.values()].flatMap((places) =>
      [...places].flatMap(([id, { uri, range }]) => {
        const finding = this.known.get(id);
        return finding === undefined ? [] : [{ finding, uri, range }];
      }),
    );
  }

  /** Removes findings that were fixed or dismissed while no server was running, for which no diagnostics are published. */
  private async forgetClosed(): Promise<void> {
    const before = new Map(
      [...this.places.values()].flatMap((places) => [...places].map(([id, place]) => [id, place.sessionId])),
    );
    try {
      const requests = [...new Set(before.values())].map((sessionId) => this.openOf(sessionId));
      const open = new Set((await Promise.all(requests)).flat());
      for (const [document, places] of this.places) {
        const remaining = new Map([...places].filter(([id]) => open.has(id) || !before.has(id)));
        if (remaining.size > 0) this.places.set(document, remaining);
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

  /** Requests unknown findings, session by session. */
  private requestUnknown(): void {
    if (!this.api.ready) return;
    for (const places of this.places.values())
      for (const [id, { sessionId }] of places) if (!this.known.has(id)) void this.requestFindings(sessionId);
  }

  private async requestFindings(sessionId: string): Promise<void> {
    if (this.pendingRequests.has(sessionId)) {
      this.pendingRequests.set(sessionId, true);
      return;
    }
    this.pendingRequests.set(sessionId, false);
    try {
      const { findings } = await this.api.request("finding/list", { sessionId });
      for (const finding of findings) this.known.set(finding.id, finding);
    } catch (error) {
      this.pendingRequests.delete(sessionId);
      this.failed.fire(error);
      return;
    }
    const again = this.pendingRequests.get(sessionId) === true;
    this.pendingRequests.delete(sessionId);
    this.changed.fire();
    if (again) this.requestUnknown();
  }
}

export function findingIdOf(diagnostic: vscode.Diagnostic): string | undefined {
  return dataOf(diagnostic)?.findingId;
}

/** The server's data in a diagnostic. The language client keeps it, but VS Code's type does not include it. */
function dataOf(diagnostic: vscode.Diagnostic): { sessionId: string; findingId: string } | undefined {
  const data: unknown = "data" in diagnostic ? diagnostic.data : undefined;
  if (typeof data !== "object" || data === null) return undefined;
  const { sessionId, findingId } = data as { sessionId?: unknown; findingId?: unknown };
  return typeof sessionId === "string" && typeof findingId === "string" ? { sessionId, findingId } : undefined;
}
