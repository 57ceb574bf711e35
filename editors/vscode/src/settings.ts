/** Reads settings leniently, because VS Code returns values of any type. */
import * as vscode from "vscode";

/** A text setting; undefined if it is empty or not a string. */
export function textOfSetting(name: string): string | undefined {
  const value: unknown = vscode.workspace.getConfiguration("sessionls").get(name);
  const text = typeof value === "string" ? value.trim() : "";
  return text === "" ? undefined : text;
}

/** A list of strings; a single string is a list of one. */
export function listOfSetting(name: string): readonly string[] {
  const value: unknown = vscode.workspace.getConfiguration("sessionls").get(name);
  if (Array.isArray(value)) return value.filter((word): word is string => typeof word === "string");
  const text = textOfSetting(name);
  return text === undefined ? [] : [text];
}
