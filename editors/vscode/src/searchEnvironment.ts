/** Where to search for the server and for Python, from VS Code and the system. */
import { execFile } from "node:child_process";
import { access, constants } from "node:fs/promises";
import * as path from "node:path";
import * as vscode from "vscode";
import { textOfSetting, listOfSetting } from "./settings";
import type { SearchEnvironment } from "./discovery";

const TIMEOUT = 10_000; // milliseconds

/** In an untrusted workspace its folders are not searched, even if PATH contains them. */
export function searchEnvironment(bundled: SearchEnvironment["bundled"]): SearchEnvironment {
  const all = (vscode.workspace.workspaceFolders ?? [])
    .filter((folder) => folder.uri.scheme === "file")
    .map((folder) => folder.uri.fsPath);
  const { isTrusted } = vscode.workspace;
  const paths = (process.env["PATH"] ?? "").split(path.delimiter).filter((folder) => path.isAbsolute(folder));
  return {
    setting: listOfSetting("server.command"),
    path: isTrusted ? paths : paths.filter((folder) => !all.some((own) => isInside(folder, own))),
    folders: isTrusted ? all : [],
    windows: process.platform === "win32",
    python: textOfSetting("server.python") ?? "",
    bundled,
    isProgram: (file) =>
      access(file, constants.X_OK).then(
        () => true,
        () => false,
      ),
    succeeds: (program, args) =>
      new Promise((resolve) => {
        execFile(program, [...args], { timeout: TIMEOUT, windowsHide: true }, (error) => {
          resolve(error === null);
        });
      }),
  };
}

function isInside(file: string, folder: string): boolean {
  const relative = path.relative(folder, file);
  return relative === "" || (!relative.startsWith("..") && !path.isAbsolute(relative));
}
