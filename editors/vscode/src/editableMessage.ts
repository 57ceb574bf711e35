/** Converts a sent message to a draft that can be edited and sent again. Pure. */
import { textOf } from "./format";
import type { Context, Message } from "./protocol";

/** The context without the server's additions, so that documents are read again. */
export function freshContext(context: Context): Context {
  switch (context.kind) {
    case "selection":
      return { kind: "selection", uri: context.uri, range: context.range };
    case "file":
      return { kind: "file", uri: context.uri };
    case "diagnostics":
      return {
        kind: "diagnostics",
        uri: context.uri,
        ...(context.range !== undefined && { range: context.range }),
        ...(context.diagnostics !== undefined && { diagnostics: context.diagnostics }),
      };
    case "symbol":
      return {
        kind: "symbol",
        uri: context.uri,
        name: context.name,
        ...(context.range !== undefined && { range: context.range }),
      };
    case "diff":
      return {
        kind: "diff",
        ...(context.base !== undefined && { base: context.base }),
        ...(context.staged !== undefined && { staged: context.staged }),
      };
    case "session":
      return {
        kind: "session",
        sessionId: context.sessionId,
        ...(context.messageId !== undefined && { messageId: context.messageId }),
      };
    case "image":
      return {
        kind: "image",
        ...(context.uri !== undefined && { uri: context.uri }),
        ...(context.uri === undefined && context.sha256 !== undefined && { sha256: context.sha256 }),
        ...(context.title !== undefined && { title: context.title }),
      };
    case "text":
      return { kind: "text", title: context.title, text: context.text };
  }
}

export interface EditableMessage {
  readonly text: string;
  readonly agent?: string;
  readonly context: readonly Context[];
}

export function editableMessage(message: Message): EditableMessage {
  return {
    text: textOf(message),
    ...(message.agent !== undefined && { agent: message.agent }),
    context: (message.context ?? []).map(freshContext),
  };
}
