/** VS Code's chat: the participant, and the models that the chat requires. */
import * as vscode from "vscode";
import { openLink } from "../panel/places";
import type { Services } from "../services";
import { OPEN_LINK } from "./linkedText";
import { registerModels } from "./models";
import { registerParticipant } from "./participant";

export function registerChat(
  needs: Pick<Services, "api" | "models" | "readiness" | "sessions" | "view">,
  extension: vscode.Uri,
): vscode.Disposable {
  return vscode.Disposable.from(
    registerModels(needs.api, needs.models),
    registerParticipant(needs, extension),
    vscode.commands.registerCommand(OPEN_LINK, async (href: unknown) => {
      if (typeof href === "string") await openLink(href);
    }),
  );
}
