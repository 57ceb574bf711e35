/** What the session is: its agent, where it comes from, who takes part, what it cost. */
import type { View } from "../../src/panel/messages";
import { tell } from "../host";
import { usageOf } from "../words";
import { Icon, IconButton } from "./icon";

export function Header({ view }: { readonly view: View }) {
  const { session, participants } = view;
  const usage = usageOf(session);
  return (
    <header class="session-head">
      <h1 title={session.title}>{session.title}</h1>
      <div class="session-facts">
        <span title="The session's default agent">
          <Icon name="sparkle" /> {session.agent}
          {session.model !== undefined && <span class="dim"> {session.model}</span>}
        </span>
        {session.parent && (
          <button
            type="button"
            class="link"
            onClick={() => {
              tell({ type: "showParent" });
            }}
          >
            <Icon name="repo-forked" /> forked
          </button>
        )}
        {participants.length > 1 && (
          <span title={`Here now: ${participants.map((one) => one.name).join(", ")}`}>
            <Icon name="organization" /> {participants.map((one) => one.name).join(", ")}
          </span>
        )}
        {usage !== "" && <span class="dim">{usage}</span>}
        <span class="spacer" />
        {session.state === "active" && !session.replying && (
          <IconButton
            name="debug-pause"
            label="Pause Session"
            onPress={() => {
              tell({ type: "pause" });
            }}
          />
        )}
        <IconButton
          name="repo-forked"
          label="Fork Session"
          onPress={() => {
            tell({ type: "fork" });
          }}
        />
      </div>
    </header>
  );
}
