/** Full-text search over all messages of the sessions of the open folders. */
import * as vscode from "vscode";
import type { Hit } from "../protocol";
import { problemOf } from "../problem";
import type { Services } from "../services";

const DELAY = 150; // milliseconds without a key before the search
const LIMIT = 50;

interface HitItem extends vscode.QuickPickItem {
  readonly hit?: Hit;
}

export function search({ api, panels }: Services): void {
  const picker = vscode.window.createQuickPick<HitItem>();
  picker.title = "Search Sessions";
  picker.placeholder = "Search in messages";
  picker.matchOnDescription = true;
  picker.matchOnDetail = true;
  let timer: NodeJS.Timeout | undefined;
  let round = 0;

  const find = async (query: string): Promise<void> => {
    const thisRound = ++round;
    picker.busy = true;
    const items = await api.request("session/search", { query, limit: LIMIT }).then(
      ({ hits }) => (hits.length === 0 ? [message("No message has these words.")] : hits.map(itemOf)),
      (error: unknown) => [message(problemOf(error).text)],
    );
    if (thisRound !== round) return; // the words have changed
    picker.busy = false;
    picker.items = items;
  };

  picker.onDidChangeValue((value) => {
    clearTimeout(timer);
    const query = value.trim();
    if (query === "") {
      round += 1;
      picker.busy = false;
      picker.items = [];
    } else {
      timer = setTimeout(() => void find(query), DELAY);
    }
  });
  picker.onDidAccept(() => {
    const [item] = picker.selectedItems;
    if (item?.hit === undefined) return;
    panels.reveal(item.hit.session.id, item.hit.messageId);
    picker.hide();
  });
  picker.onDidHide(() => {
    clearTimeout(timer);
    round += 1;
    picker.dispose();
  });
  picker.show();
}

// The server has filtered the results, so the picker must not filter again.
function itemOf(hit: Hit): HitItem {
  const { session, snippet } = hit;
  return {
    label: session.title,
    description: session.agent,
    detail: snippet.replace(/\s+/g, " "),
    hit,
    alwaysShow: true,
  };
}

function message(label: string): HitItem {
  return { label, alwaysShow: true };
}
