/** The connection between the page and the extension host. */
import type { FromPage, FromView, Kept } from "../src/panel/messages";

interface Api {
  postMessage(message: FromPage): void;
  getState(): Kept | undefined;
  setState(state: Kept): void;
}

declare function acquireVsCodeApi(): Api;

const api = acquireVsCodeApi();
const page = document.getElementById("root")?.dataset["page"] ?? "";

export function post(message: FromView): void {
  api.postMessage({ ...message, page });
}

export function loadState(): Kept | undefined {
  return api.getState();
}

export function saveState(state: Kept): void {
  api.setState(state);
}
