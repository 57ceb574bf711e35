/** The connection between the page and the extension host. */
import type { FromPage, FromView, PageState } from "../src/panel/messages";

interface Api {
  postMessage(message: FromPage): void;
  getState(): PageState | undefined;
  setState(state: PageState): void;
}

declare function acquireVsCodeApi(): Api;

const api = acquireVsCodeApi();
const page = document.getElementById("root")?.dataset["page"] ?? "";

export function post(message: FromView): void {
  api.postMessage({ ...message, page });
}

export function loadState(): PageState | undefined {
  return api.getState();
}

export function saveState(state: PageState): void {
  api.setState(state);
}
