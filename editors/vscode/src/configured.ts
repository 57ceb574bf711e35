/** The settings as they are meant, whatever somebody wrote there: VS Code hands over values of any type. */
import * as vscode from "vscode";

/** A setting that is a text; undefined where it is empty, or is none. */
export function textOfSetting(name: string): string | undefined {
  const value: unknown = vscode.workspace.getConfiguration("sessionls").get(name);
  const text = typeof value === "string" ? value.trim() : "";
  return text === "" ? undefined : text;
}

/** A setting that is a list of words; one text alone is a list of one. */
export function wordsOfSetting(name: string): readonly string[] {
  const value: unknown = vscode.workspace.getConfiguration("sessionls").get(name);
  if (Array.isArray(value)) return value.filter((word): word is string => typeof word === "string");
  const text = textOfSetting(name);
  return text === undefined ? [] : [text];
}
