/** Installs the extension's copy of the server on request, with a Python of the system and packages from pip. */
import { spawn } from "node:child_process";
import * as path from "node:path";
import * as readline from "node:readline";
import * as vscode from "vscode";
import { Environments, findBundle, type Bundle, type Program, type Tools } from "./bundled";
import { findPython, HAS_SESSIONLS, type FoundPython } from "./discovery";
import { stepOf, whyFailed } from "./pip";
import { Problem, problemOf } from "./problem";
import type { Server } from "./server";
import { searchEnvironment } from "./searchEnvironment";

export const INSTALL = "Install the Server";
const GET = "Get Python";
const CHOOSE = "Choose a Python…";
const OUTPUT = "Show Output";
const PYTHON_PAGE = "https://www.python.org/downloads/";
/** The end of pip's output that is kept to find the reason of a failure. */
const OUTPUT_LINES = 200;

export class Installer implements vscode.Disposable {
  private readonly found: Promise<{ readonly bundle: Bundle; readonly environments: Environments } | undefined>;
  private running: Promise<void> | undefined;
  private cancellation: vscode.CancellationTokenSource | undefined;

  constructor(
    extension: vscode.ExtensionContext,
    private readonly server: () => Server,
  ) {
    const store = path.join(extension.globalStorageUri.fsPath, "server");
    this.found = findBundle(vscode.Uri.joinPath(extension.extensionUri, "dist", "server").fsPath).then((bundle) => {
      void vscode.commands.executeCommand("setContext", "sessionls.canInstall", bundle !== undefined);
      return bundle && { bundle, environments: new Environments(store, bundle, process.platform === "win32") };
    });
  }

  /** Cancels an installation because the window closes. */
  dispose(): void {
    this.cancellation?.cancel();
  }

  /** The Python of the environment, which may not exist yet; undefined if the extension has no copy of the server. */
  async python(): Promise<string | undefined> {
    return (await this.found)?.environments.python;
  }

  /** The problem if no server is found. */
  async missing(): Promise<Problem> {
    const found = await this.found;
    if (found === undefined) {
      return new Problem(
        "serverNotThere",
        "The sessionls server is not installed.",
        "It is a Python program (3.11 or newer). Set the command that starts it in sessionls.server.command.",
      );
    }
    const updating = await found.environments.hasOther();
    return new Problem(
      "serverNotFound",
      updating ? "This version needs a new installation of the sessionls server." : "The sessionls server is not installed yet.",
      "It is a Python program. Installing it downloads about 90 MB of packages with your pip's settings into this extension's own folder.",
    );
  }

  /** Called when the server runs: locks its environment for this window, and removes environments that no window needs. */
  async used(program: string): Promise<void> {
    const found = await this.found;
    if (found?.environments.python !== program) return;
    await found.environments.lock();
    await found.environments.removeUnused();
  }

  /** Installs the server and starts it. A call during an installation waits for that. */
  install(): Promise<void> {
    this.running ??= this.attempt().finally(() => {
      this.running = undefined;
    });
    return this.running;
  }

  /** Lets the person choose a Python, and installs with it. */
  async choosePython(): Promise<void> {
    const [file] =
      (await vscode.window.showOpenDialog({ title: "Choose a Python, 3.11 or newer", openLabel: "Choose This Python" })) ?? [];
    if (file === undefined) return;
    // The setting belongs to the machine: with a remote VS Code it is stored there.
    await vscode.workspace.getConfiguration("sessionls").update("server.python", file.fsPath, vscode.ConfigurationTarget.Global);
    await this.install();
  }

  private async attempt(): Promise<void> {
    const server = this.server();
    if (server.state.kind === "ready") {
      void vscode.window.showInformationMessage(`The sessionls server is already running: ${server.state.found}.`);
      return;
    }
    const found = await this.found;
    if (found === undefined) throw await this.missing();
    const python = await findPython(searchEnvironment(() => this.python()));
    if (python.kind !== "found") {
      void this.showPythonProblem(python);
      return;
    }
    const before = server.state;
    server.installing();
    try {
      await this.make(found, python);
    } catch (error) {
      server.installationFailed(before);
      const problem = problemOf(error);
      if (problem.kind === "cancelled") return;
      server.log.error(problem.text);
      void this.offerAgain(problem);
      return;
    }
    await server.restart();
    const after = this.server().state;
    if (after.kind === "ready")
      void vscode.window.showInformationMessage(`The sessionls server ${after.version} is installed and running.`);
  }

  private async make({ bundle, environments }: { bundle: Bundle; environments: Environments }, base: Program): Promise<void> {
    const options = {
      location: vscode.ProgressLocation.Notification,
      title: "Installing the sessionls server",
      cancellable: true,
    };
    await vscode.window.withProgress(options, async (progress, token) => {
      const cancellation = new vscode.CancellationTokenSource();
      this.cancellation = cancellation;
      token.onCancellationRequested(() => {
        cancellation.cancel();
      });
      progress.report({ message: "creating the environment" });
      let count = 0;
      const onLine = (line: string): void => {
        const step = stepOf(line);
        if (step === undefined) return;
        if (step.kind === "installing") {
          progress.report({ message: "installing the packages", increment: 5 });
          return;
        }
        count += 1;
        const message = count <= bundle.packages ? `${step.name} (${count} of ${bundle.packages})` : step.name;
        progress.report({ message, increment: 85 / bundle.packages });
      };
      this.server().log.info(`Installing the server with ${[base.program, ...base.args].join(" ")}`);
      await environments.create(base, this.tools(cancellation.token, onLine));
    });
  }

  private tools(token: vscode.CancellationToken, onLine: (line: string) => void): Tools {
    const { log } = this.server();
    const environment = searchEnvironment(() => this.python());
    return {
      works: (python) => environment.succeeds(python, ["-I", "-c", HAS_SESSIONLS]),
      run: (program, args, cwd) =>
        runIn(program, args, cwd, token, (line) => {
          log.info(line);
          onLine(line);
        }),
    };
  }

  private async offerAgain({ text }: Problem): Promise<void> {
    const choice = await vscode.window.showErrorMessage(text, "Try Again", CHOOSE, OUTPUT);
    if (choice === "Try Again") await this.install();
    if (choice === CHOOSE) await this.choosePython();
    if (choice === OUTPUT) this.server().log.show();
  }

  private async showPythonProblem(python: FoundPython): Promise<void> {
    const choice = await vscode.window.showErrorMessage(pythonProblemText(python), GET, CHOOSE, "Open Settings");
    if (choice === GET) await vscode.env.openExternal(vscode.Uri.parse(PYTHON_PAGE));
    if (choice === CHOOSE) await this.choosePython();
    if (choice === "Open Settings") await vscode.commands.executeCommand("workbench.action.openSettings", "sessionls.server");
  }
}

function pythonProblemText(python: FoundPython): string {
  switch (python.kind) {
    case "badSetting":
      return `The server needs Python 3.11 or newer, but ${python.program} in the setting sessionls.server.python is not one. Choose another.`;
    case "noVenv":
      return `${python.program} cannot create the virtual environment for the server: its \`venv\` module is missing. On Debian and Ubuntu, install the package python3-venv, or choose another Python.`;
    default:
      return "The server needs Python 3.11 or newer, which was not found. Install it or choose its location, then install the server again.";
  }
}

/** Runs a program in the person's environment, and reports each line of its output. Cancelling ends it and its descendants. */
function runIn(
  program: string,
  args: readonly string[],
  cwd: string,
  token: vscode.CancellationToken,
  onLine: (line: string) => void,
): Promise<void> {
  const windows = process.platform === "win32";
  return new Promise((resolve, reject) => {
    if (token.isCancellationRequested) {
      reject(new Problem("cancelled", "Cancelled."));
      return;
    }
    // pip must install into the environment, whatever its settings.
    const env = { ...process.env, PIP_USER: "0", PIP_PROGRESS_BAR: "off" };
    const child = spawn(program, [...args], {
      cwd,
      env,
      detached: !windows,
      windowsHide: true,
      stdio: ["ignore", "pipe", "pipe"],
    });
    const output: string[] = [];
    for (const stream of [child.stdout, child.stderr]) {
      readline.createInterface({ input: stream }).on("line", (line) => {
        output.push(line);
        if (output.length > OUTPUT_LINES) output.shift();
        onLine(line);
      });
    }
    const cancelling = token.onCancellationRequested(() => {
      // A negative id means all processes of the group. On Windows, the environment's Python ends with the one that it starts.
      if (windows || child.pid === undefined) child.kill();
      else process.kill(-child.pid, "SIGTERM");
    });
    child.once("error", (error) => {
      cancelling.dispose();
      reject(new Problem("installFailed", `${program} could not be started: ${error.message}.`, "Choose another Python."));
    });
    child.once("close", (code) => {
      cancelling.dispose();
      if (token.isCancellationRequested) reject(new Problem("cancelled", "Cancelled."));
      else if (code === 0) resolve();
      else reject(whyFailed(output));
    });
  });
}
