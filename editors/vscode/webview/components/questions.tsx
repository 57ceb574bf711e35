/** Questions for permission with their visible detail, and the answers. */
import { useContext, useLayoutEffect, useRef, useState } from "preact/hooks";
import type { Decision, Question } from "../../src/panel/messages";
import { watchCutOff } from "../cutOff";
import { post } from "../host";
import { localKeys } from "../platformKeys";
import { isPatch } from "../patchLines";
import { Badge, Button } from "./button";
import { FocusComposer } from "./composer-focus";
import { Icon } from "./icon";
import { PatchLines } from "./patch-lines";

const riskIcons = { read: "eye", write: "edit", execute: "terminal", network: "globe" } as const;

interface QuestionsProps {
  readonly questions: readonly Question[];
  /** Whether the role of the person here allows an answer. */
  readonly answerable: boolean;
}

export function Questions({ questions, answerable }: QuestionsProps) {
  return (
    <div class="questions">
      {questions.map((question, index) => (
        <QuestionCard key={question.requestId} question={question} first={index === 0} answerable={answerable} />
      ))}
    </div>
  );
}

/** `first`: keyboard shortcuts answer this one. */
function QuestionCard({
  question,
  first,
  answerable,
}: Pick<QuestionsProps, "answerable"> & { question: Question; first: boolean }) {
  const { requestId, agent, summary, detail = "", scope, risk } = question;
  const labelId = `question-${requestId}`;
  const box = useRef<HTMLPreElement>(null);
  const buttons = useRef<HTMLDivElement>(null);
  const [isCutOff, setCutOff] = useState(false);
  useLayoutEffect(() => (box.current && buttons.current ? watchCutOff(box.current, buttons.current, setCutOff) : undefined), []);
  const patch = isPatch(detail);
  const deny = <Answer question={question} decision="deny" label="Deny" keys={first ? "Ctrl+K Ctrl+D" : undefined} />;
  return (
    <section
      class="card question"
      role="alertdialog"
      aria-label={agent === "" ? "Permission" : `Permission for ${agent}`}
      aria-describedby={`${labelId} ${labelId}-scope`}
    >
      <header>
        <Icon name={riskIcons[risk]} />
        <strong id={labelId}>{summary}</strong>
        {agent !== "" && <span class="dim">{agent}</span>}
        <Badge>{risk}</Badge>
      </header>
      {detail !== "" && (
        // Focusable, so that the keyboard can scroll a long text.
        <pre class="plain" ref={box} tabIndex={isCutOff ? 0 : -1} aria-label="Details">
          {patch ? <PatchLines patch={detail} /> : detail}
        </pre>
      )}
      {/* Explains the second button before it is pressed. */}
      {answerable && scope !== undefined && scope !== "" && (
        <p class="question-scope dim" tabIndex={0} id={`${labelId}-scope`}>
          For this session: {scope}, in replies to your messages
        </p>
      )}
      <div class="buttons" ref={buttons}>
        {/* If the text is cut off, the first button does not allow it. */}
        {(isCutOff || patch) && (
          <Button
            label={patch ? "Open Diff" : "Show All"}
            spoken={`${patch ? "Open Diff" : "Show All"}: ${summary}`}
            secondary={!isCutOff}
            onPress={() => {
              post({ type: "showQuestion", requestId });
            }}
          />
        )}
        {!answerable && <span class="dim">An owner answers this, or whoever sent the message.</span>}
        {answerable && isCutOff && deny}
        {answerable && (
          <Answer
            question={question}
            decision="once"
            label="Allow Once"
            primary={!isCutOff}
            keys={first ? "Ctrl+K Ctrl+Y" : undefined}
          />
        )}
        {answerable && scope !== "" && (
          <Answer
            question={question}
            decision="session"
            label="Allow for This Session"
            keys={first ? "Ctrl+K Ctrl+Shift+Y" : undefined}
          />
        )}
        {answerable && !isCutOff && deny}
        {/* Asks again: a single key never allows something permanently. */}
        {answerable && scope !== undefined && scope !== "" && (
          <Button
            label="Always…"
            spoken={`Always allow: ${summary}`}
            title="Allow it permanently, in this folder or in all folders"
            secondary
            onPress={() => {
              post({ type: "alwaysAllow", requestId });
            }}
          />
        )}
      </div>
    </section>
  );
}

interface AnswerProps {
  readonly question: Question;
  readonly decision: Decision;
  readonly label: string;
  readonly primary?: boolean;
  readonly keys: string | undefined;
}

function Answer({ question, decision, label, primary = false, keys }: AnswerProps) {
  const toComposer = useContext(FocusComposer);
  return (
    <Button
      label={label}
      spoken={`${label}: ${question.summary}`}
      title={keys === undefined ? undefined : `${label} (${localKeys(keys)})`}
      secondary={!primary}
      onPress={() => {
        post({ type: "answer", requestId: question.requestId, decision });
        toComposer();
      }}
    />
  );
}
