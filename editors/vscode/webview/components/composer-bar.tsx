/** The bar below the composer's text: the agent, context, what waits, and the buttons for replies and for sending. */
import { useContext } from "preact/hooks";
import type { Agent, Session } from "../../src/panel/messages";
import { post } from "../host";
import { localKeys } from "../platformKeys";
import { AgentPicker } from "./agent-picker";
import { FocusComposer } from "./composer-focus";
import { Icon, IconButton } from "./icon";

interface ComposerBarProps {
  readonly session: Session;
  readonly agents: readonly Agent[];
  /** The agent for this message. */
  readonly chosen: string | undefined;
  /** Whether the role of the person here allows messages to agents. */
  readonly canWrite: boolean;
  readonly sendable: boolean;
  readonly onChooseAgent: (agent: string | undefined) => void;
  readonly onAddContext: () => void;
  readonly onSend: () => void;
}

export function ComposerBar({
  session,
  agents,
  chosen,
  canWrite,
  sendable,
  onChooseAgent,
  onAddContext,
  onSend,
}: ComposerBarProps) {
  return (
    <div class="composer-bar">
      {canWrite ? (
        <AgentPicker
          agents={agents}
          standard={session.agent}
          chosen={chosen === session.agent ? undefined : chosen}
          onChoose={onChooseAgent}
        />
      ) : (
        <span class="dim comments">
          <Icon name="comment" /> Comments only
        </span>
      )}
      <IconButton name="add" label="Add Context… (#)" onPress={onAddContext} class="add-context" />
      <IconButton
        name="file-media"
        label="Attach Image…"
        onPress={() => {
          post({ type: "chooseImage" });
        }}
      />
      <span class="spacer" />
      {/* Present before it has text: otherwise screen readers would not announce the text. */}
      <span class="dim waiting-count" role="status">
        {session.queued > 0 ? `${session.queued} waiting` : ""}
      </span>
      {canWrite && session.replying && <Act type="pause" icon="debug-pause" label={`Pause (${localKeys("Ctrl+K Ctrl+P")})`} />}
      {canWrite && session.replying && <Act type="cancel" icon="debug-stop" label="Cancel Reply (Escape)" />}
      <button
        type="button"
        class="send"
        disabled={!sendable}
        aria-label={canWrite ? "Send" : "Leave Comment"}
        title={
          !canWrite
            ? "Leave Comment (Enter)"
            : session.replying
              ? "Send after this reply (Enter), to this reply (Ctrl+Enter)"
              : "Send (Enter)"
        }
        onClick={onSend}
      >
        <Icon name="send" />
      </button>
    </div>
  );
}

function Act({ type, icon, label }: { readonly type: "pause" | "cancel"; readonly icon: string; readonly label: string }) {
  const toComposer = useContext(FocusComposer);
  return (
    <IconButton
      name={icon}
      label={label}
      onPress={() => {
        post({ type });
        toComposer();
      }}
    />
  );
}
