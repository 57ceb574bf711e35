/** How much of its model's context window and of its budget a session uses. */
import type { Session, WindowUse } from "../../src/panel/messages";
import { cost, tokenCount } from "../displayFormat";
import { post } from "../host";

export function Meters({ session, use }: { readonly session: Session; readonly use: WindowUse | undefined }) {
  const { budget, usage } = session;
  return (
    <>
      {use?.window !== undefined && <WindowMeter use={use} window={use.window} />}
      {budget !== undefined && (
        <Meter
          label="Budget"
          text={`${cost(usage.cost ?? 0)} of ${cost(budget)}`}
          title={`Models have cost ${cost(usage.cost ?? 0)} of this session's budget of ${cost(budget)}. Set Budget…`}
          share={budget === 0 ? 1 : (usage.cost ?? 0) / budget}
          command="setBudget"
        />
      )}
    </>
  );
}

function WindowMeter({ use, window }: { readonly use: WindowUse; readonly window: number }) {
  const share = use.used / window;
  const summarised = use.summarised > 0 ? ` ${use.summarised} messages are summarised for it.` : "";
  return (
    <Meter
      label="Window"
      text={`${Math.round(share * 100)}% of ${tokenCount(window)}`}
      title={`About ${tokenCount(use.used)} of the ${tokenCount(window)} tokens of the model's window.${summarised} Show More…`}
      share={share}
      command="showWindow"
    />
  );
}

interface MeterProps {
  readonly label: string;
  readonly text: string;
  readonly title: string;
  /** 1 is full. */
  readonly share: number;
  readonly command: "setBudget" | "showWindow";
}

/** The share from which the meter is highlighted. */
const HIGH = 0.8;

function Meter({ label, text, title, share, command }: MeterProps) {
  return (
    <button
      type="button"
      class="choice meter"
      title={title}
      aria-label={`${label}: ${text}. ${title}`}
      onClick={() => {
        post({ type: "command", command });
      }}
    >
      <span class="meter-bar" aria-hidden="true">
        <span
          class={`meter-used ${share >= HIGH ? "high" : ""}`}
          style={{ width: `${Math.min(100, Math.max(2, share * 100))}%` }}
        />
      </span>
      <span class="choice-words">{text}</span>
    </button>
  );
}
