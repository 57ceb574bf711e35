/** The door to the extension host. */
import type { FromView, Kept } from "../src/panel/messages";

interface Api {
  postMessage(message: FromView): void;
  getState(): Kept | undefined;
  setState(state: Kept): void;
}

declare function acquireVsCodeApi(): Api;

const api = acquireVsCodeApi();

export function tell(message: FromView): void {
  api.postMessage(message);
}

export function kept(): Kept | undefined {
  return api.getState();
}

export function keep(state: Kept): void {
  api.setState(state);
}
