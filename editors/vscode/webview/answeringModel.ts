/** The model that answers a message without its own model, or why none is available. Pure. */
import type { Agent, Models, Session } from "../src/panel/messages";

export interface AnsweringModel {
  /** Absent if the model is unknown or none is available. */
  readonly model?: string;
  /** Where it was chosen. */
  readonly by: "session" | "agent" | "default";
  /** Why it is not available. */
  readonly problem?: string;
}

/** `models` is absent until the server has listed its models. Until then, none has a problem. */
export function answeringModel(session: Session, agents: readonly Agent[], models: Models | undefined): AnsweringModel {
  const agent = agents.find((agent) => agent.name === session.agent)?.model;
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
