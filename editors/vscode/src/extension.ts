/** Connects the parts of the extension, which are in other files. */
import * as vscode from "vscode";
import { Api } from "./api";
import { showAttentionStatus } from "./attentionStatus";
import { Changes } from "./changes/changes";
import { ChangeReview } from "./changes/review";
import { registerChat } from "./chat";
import { registerCommands } from "./commands";
import { EditorContext } from "./context";
import { Deletions } from "./deletions";
import { FindingActions } from "./findings/actions";
import { registerFindingCommands } from "./findings/commands";
import { ThreadComments } from "./findings/threadComments";
import { registerFindingHovers } from "./findings/hovers";
import { ShownFindings } from "./findings/shown";
import { FindingThreads } from "./findings/threads";
import { isChoosingModel } from "./modelSetup";
import { Installer } from "./installer";
import { Models } from "./models";
import { Drafts } from "./panel/drafts";
import { Images } from "./panel/images";
import { watchPanelContext } from "./panel/panelContext";
import { SessionPanels } from "./panel/panels";
import { SESSION_VIEW } from "./panel/places";
import { Permissions } from "./permissions";
import { PermissionsView } from "./permissionsView";
import { Pins } from "./pins";
import { problemOf } from "./problem";
import { QuestionDocuments } from "./questionDocuments";
import { Readiness, whyUnavailable } from "./readiness";
import { Secrets } from "./secrets";
import { Server } from "./server";
import { Sessions } from "./sessions";
import { SessionsView } from "./sessionsView";
import { showStatus } from "./serverStatus";
import { showViewProgress } from "./viewProgress";
import { watchWalkthrough } from "./walkthrough";

let running: Server | undefined;

export function activate(extension: vscode.ExtensionContext): void {
  const api = new Api();
  const sessions = new Sessions(api);
  const secrets = new Secrets(extension.secrets);
  const installer = new Installer(extension, () => server);
  const models = new Models(api);
  const server: Server = new Server(api, {
    bundled: installer,
    environment: () => secrets.environment(),
    show: (sessionId) => panels.show(sessionId),
    foldersChanged: () => {
      sessions.refresh();
    },
    diagnosed: (uri, diagnostics) => {
      shown.setDiagnostics(uri, diagnostics);
    },
  });
  api.explainUnavailable(() => whyUnavailable(server.state));
  const readiness = new Readiness({ api, server, sessions });
  const shown = new ShownFindings(api);
  const findings = new FindingActions(api, sessions, shown);
  const threads = new FindingThreads(findings, sessions, new ThreadComments(extension.workspaceState));
  const changes = new Changes(api, sessions);
  const review = new ChangeReview(api);
  const questions = new QuestionDocuments();
  const context = new EditorContext();
  const permissions = new Permissions(api, sessions);
  const permissionsView = new PermissionsView(api, readiness);
  permissions.onDidStore(() => {
    permissionsView.refresh();
  });
  const deletions = new Deletions();
  const drafts = new Drafts(extension.workspaceState);
  const images = new Images(extension.storageUri ?? extension.globalStorageUri, api);
  const panels: SessionPanels = new SessionPanels(extension.extensionUri, extension.workspaceState, {
    api,
    sessions,
    permissions,
    models,
    server,
    context,
    drafts,
    images,
    deletions,
    findings,
    changes,
    review,
    questions,
  });
  const pins = new Pins(extension.workspaceState);
  sessions.listAlways(() => pins.ids);
  const view = new SessionsView(sessions, panels, (id) => drafts.get(id) !== undefined, pins);
  running = server;

  extension.subscriptions.push(
    server,
    installer,
    models,
    sessions,
    context,
    panels,
    view,
    permissions.use(panels),
    permissionsView,
    shown,
    threads,
    changes,
    review,
    questions,
    registerFindingHovers(shown),
    registerFindingCommands(findings, threads, panels, readiness),
    showStatus(server),
    showViewProgress(server, sessions),
    showAttentionStatus(sessions),
    watchPanelContext(sessions, panels),
    watchWalkthrough(),
    registerChat({ api, models, readiness, sessions, view }, extension.extensionUri),
    registerCommands({
      api,
      server,
      readiness,
      installer,
      models,
      sessions,
      panels,
      permissions,
      view,
      pins,
      secrets,
      context,
      deletions,
      images,
    }),
    vscode.window.registerWebviewPanelSerializer(SESSION_VIEW, panels),
    sessions.onError((error) => {
      server.log.error(problemOf(error).text);
    }),
    shown.onError((error) => {
      server.log.error(problemOf(error).text);
    }),
    vscode.workspace.onDidGrantWorkspaceTrust(() => void server.trusted()),
    vscode.workspace.onDidChangeConfiguration((event) => {
      if (!isChoosingModel() && SETTINGS.some((name) => event.affectsConfiguration(name))) void offerRestart();
    }),
  );
  void server.restart();
}

/** Waits until the server has shut down. */
export async function deactivate(): Promise<void> {
  await running?.stop();
}

const SETTINGS = ["server.command", "participant", "agent", "model", "databaseUrl"].map((name) => `sessionls.${name}`);

let offered = false;

/** The server reads its settings at the start. A restart stops replies, so the person decides when to restart. */
async function offerRestart(): Promise<void> {
  if (offered) return;
  offered = true;
  const choice = await vscode.window.showInformationMessage(
    "The new setting takes effect when the sessionls server is restarted.",
    "Restart Now",
  );
  offered = false;
  if (choice === "Restart Now") await vscode.commands.executeCommand("session.restartServer");
}
