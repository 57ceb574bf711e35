/** The people of a session, and the notices for people who may not write in it or have lost access. */
import type { Session } from "../../src/panel/messages";
import { accessOf, ownerNames, peopleOf, roleOf, type ListedPerson } from "../../src/people";
import type { Draft, View } from "../../src/panel/messages";
import { namesText } from "../../src/sessionTree";
import { post } from "../host";
import { Button } from "./button";
import { Icon } from "./icon";

interface PeopleProps {
  readonly view: View;
  readonly me: string | undefined;
}

/** Shows who is here and who has access. A click opens the full list. */
export function People({ view, me }: PeopleProps) {
  const { session, participants } = view;
  const access = accessOf(session, me);
  const others = participants.filter(({ id }) => id !== me);
  if (access === undefined && others.length === 0) return null;
  const role = roleOf(session, me);
  const people = peopleOf(session, participants, me);
  const label = [
    `People: ${access?.text ?? "whoever can open the database"}`,
    ...(role === undefined ? [] : [`You are ${role === "owner" ? "an owner" : `a ${role}`}`]),
    others.length === 0 ? "Nobody else is here now" : `Here now: ${others.map(({ name }) => name).join(", ")}`,
  ].join(". ");
  const text =
    others.length === 0
      ? access?.short
      : namesText(
          others.map(({ name }) => name),
          2,
        );
  return (
    <button
      type="button"
      class="choice people"
      title={[`${label}.`, "", ...people.map(line)].join("\n")}
      aria-label={`${label}. Share…`}
      onClick={() => {
        post({ type: "command", command: "share" });
      }}
    >
      <Icon name={access?.icon ?? "organization"} />
      {others.length > 0 && <span class="here-dot" aria-hidden="true" />}
      <span class="choice-words">{text}</span>
      <Icon name="chevron-down" />
    </button>
  );
}

function line({ name, role, here, you }: ListedPerson): string {
  return `${name}${you ? " (you)" : ""}${role === undefined ? "" : `: ${role}`}${here ? ", here now" : ""}`;
}

/** Replaces the composer for people who may only read. Their draft is kept, and can be sent in a fork. */
export function ReadOnly({ session, draft }: { readonly session: Session; readonly draft: Draft }) {
  const owners = ownerNames(session);
  const ask = owners.length === 0 ? "" : ` Ask ${namesText(owners, 2)} for another role, or go on in a fork of your own.`;
  return (
    <div class="bar read-only" role="group" aria-label="Composer">
      <Icon name="eye" />
      <span>
        You may read this session, not write in it.
        <span class="dim">{ask}</span>
      </span>
      <span class="buttons">
        <Button
          label={draft.text === "" ? "Fork" : "Fork with Your Draft"}
          onPress={() => {
            post(draft.text === "" ? { type: "fork" } : { type: "fork", draft });
          }}
        />
      </span>
    </div>
  );
}

/** Replaces the page for people who have lost access. */
export function AccessLost({ title, draft }: { readonly title: string; readonly draft: Draft }) {
  return (
    <main class="panel">
      <div class="empty" role="alert">
        <Icon name="lock" />
        <p>
          You no longer have access to <strong>{title}</strong>.
        </p>
        <p class="dim">Somebody changed who it is shared with. If they share it with you again, it appears here.</p>
        {draft.text !== "" && (
          <div class="unsent">
            <p>What you wrote and did not send:</p>
            <textarea readOnly rows={4} aria-label="Your draft" value={draft.text} />
            <Button
              label="Copy"
              onPress={() => {
                post({ type: "copy", text: draft.text });
              }}
            />
          </div>
        )}
      </div>
    </main>
  );
}
