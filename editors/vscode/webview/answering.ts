/** Which model answers a message in a session that names none, and why none can. Pure. */
import type { Agent, Models, Session } from "../src/panel/messages";

export interface Answering {
  /** Not there where no model can be told, or none can answer. */
  readonly model?: string;
  /** Who chose it. */
  readonly by: "session" | "agent" | "default";
  /** Why it cannot answer. */
  readonly problem?: string;
}

/** `models` is not there before the server has said which models can answer: then nothing is wrong with any. */
export function answering(session: Session, agents: readonly Agent[], models: Models | undefined): Answering {
  const agent = agents.find((one) => one.name === session.agent)?.model;
  const [model, by] = session.model !== undefined ? ([session.model, "session"] as const) : ([agent ?? "", "agent"] as const);
  if (model !== "") {
    const problem = models?.unable[model];
    return { model, by, ...(problem !== undefined && { problem: `${model} cannot answer. ${problem}` }) };
  }
  if (models === undefined) return { by: "default" };
  if (models.default !== undefined) return { model: models.default, by: "default" };
  return {
    by: "default",
    problem: models.problem ?? "No model can answer yet. Set a provider's key, or start Ollama on this machine.",
  };
}
