"""Turns the entries of a session into messages for a model.

A model gets its agent's instructions, a summary of compacted messages, then each message with its context, and each reply.
Replies of the current agent become assistant messages with tool calls. Replies of other agents become quotations in plain text,
so that nothing of another agent's style, such as the form of its tool calls, influences this one.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from sessionls.domain.agent import Definition
from sessionls.domain.model import (
    AgentAuthor,
    Context,
    ImageContext,
    KeptReasoning,
    Message,
    Part,
    Participant,
    PlanPart,
    ReasoningPart,
    TextPart,
    ToolPart,
)
from sessionls.domain.state import Entry
from sessionls.ports.models import tool_call
from sessionls.sessions.prompt.images import image_part, joined_content, size_of
from sessionls.sessions.prompt.native_reasoning import as_sent

__all__ = [
    "ModelMessages",
    "Prompt",
    "TranscriptOptions",
    "estimate_tokens",
    "for_model",
    "instructions",
    "join_adjacent",
    "may_have_images",
    "plain",
    "plan_lines",
    "with_reply",
]

ModelMessages = list[dict[str, Any]]


class Prompt(ModelMessages):
    """Messages for a model with alternating roles. `size`: how many characters they have as JSON. `mixed`: how many of them have
    a list of parts as content, which may be images.

    Adding to a prompt costs time in proportion to the addition, not to the prompt.
    """

    size = 0
    mixed = 0

    @classmethod
    def of(cls, messages: ModelMessages) -> Prompt:
        return cls().followed_by(messages)

    def followed_by(self, messages: ModelMessages) -> Prompt:
        """A copy of the prompt that continues with these messages."""
        last = self[-1:]
        added = join_adjacent([*last, *messages])
        prompt = Prompt(self)
        prompt[len(self) - len(last) :] = added
        prompt.size = self.size - _size(last) + _size(added)
        prompt.mixed = self.mixed - _mixed(last) + _mixed(added)
        return prompt

    def preceded_by(self, message: dict[str, Any]) -> Prompt:
        """A copy of the prompt that begins with this message, which must have another role than the next."""
        prompt = Prompt([message, *self])
        prompt.size = _size([message]) + self.size
        prompt.mixed = _mixed([message]) + self.mixed
        return prompt


CONTINUE = (
    "Your reply was interrupted at this point. Continue exactly where it stops. Do not repeat any of it, "
    "and do not mention the interruption."
)
_NO_RESULT = "The call was stopped before it ended. It is unknown whether it had any effect: check before you repeat it."


@dataclass(frozen=True, slots=True)
class TranscriptOptions:
    """How to write the transcript: for which agent, with or without tools, and how to render contexts."""

    agent: str
    tools: bool
    render: Callable[[Context], str]


def instructions(definition: Definition, workspace: str, names: Sequence[str]) -> str:
    """The system message. It stays the same from message to message, so that a provider can cache it."""
    sections = [definition.prompt.strip()]
    if workspace.strip():
        sections.append(workspace.strip())
    if len(names) > 1:
        people = ", ".join(names)
        sections.append(
            f"Several participants share this session: {people}. Each message begins with the name of its author in square "
            "brackets. Answer the author of the last message, and do not begin your reply with a name."
        )
    return "\n\n".join(sections)


def for_model(
    entries: Sequence[Entry], options: TranscriptOptions, *, summary: str | None = None, named: bool = False
) -> ModelMessages:
    """The messages for a model, without the system message. `named`: begin each message with its author."""
    messages: ModelMessages = []
    if summary:
        messages.append({"role": "user", "content": f"Summary of the session until here:\n\n{summary}"})
    steered: dict[str, list[Message]] = {}
    ids = {entry.message.id for entry in entries}  # a fork may end before the reply that a message steered
    for entry in entries:
        message = entry.message
        if message.steered is not None and message.steered.message_id in ids:
            steered.setdefault(message.steered.message_id, []).append(message)
        elif isinstance(message.author, Participant):
            messages.append(_participant(message, message.author, options, named=named))
        else:
            messages.extend(_reply(message, message.author, steered.pop(message.id, []), options, named=named))
            if message.status in ("cancelled", "failed", "interrupted"):
                messages.append({"role": "user", "content": f"(The reply above was {message.status} before it was finished.)"})
    return join_adjacent(messages)


def with_reply(
    earlier: ModelMessages, reply: Message, steered: Sequence[Message], options: TranscriptOptions, *, named: bool
) -> Prompt:
    """The messages for the next step of a reply: those before it, and the reply so far."""
    assert isinstance(reply.author, AgentAuthor)
    before = earlier if isinstance(earlier, Prompt) else Prompt.of(earlier)
    so_far = list(_reply(reply, reply.author, steered, options, named=named))
    if (so_far or before)[-1]["role"] == "assistant":  # it stopped in the middle of its text
        so_far.append({"role": "user", "content": CONTINUE})
    return before.followed_by(so_far)


def _participant(message: Message, author: Participant, options: TranscriptOptions, *, named: bool) -> dict[str, Any]:
    pieces: list[str | dict[str, Any]] = []
    for context in message.context or ():
        pieces.append(options.render(context))
        if isinstance(context, ImageContext):
            pieces.append(image_part(context, context.title or context.uri or "of this message"))
    pieces.append(f"[{author.name}] {message.text}" if named else message.text)
    return {"role": "user", "content": joined_content(pieces)}


def _reply(
    reply: Message, author: AgentAuthor, steered: Sequence[Message], options: TranscriptOptions, *, named: bool
) -> Iterator[dict[str, Any]]:
    begin = 0
    for message in steered:
        assert message.steered is not None and isinstance(message.author, Participant)
        yield from _reply_messages(reply.parts[begin : message.steered.part], author, options)
        yield _participant(message, message.author, options, named=named)
        begin = message.steered.part
    yield from _reply_messages(reply.parts[begin:], author, options)


def _reply_messages(parts: Sequence[Part], author: AgentAuthor, options: TranscriptOptions) -> Iterator[dict[str, Any]]:
    has_calls = any(isinstance(part, ToolPart) for part in parts)
    if author.agent == options.agent and (options.tools or not has_calls):
        yield from _own_steps(parts)
    elif text := plain(parts):
        yield {"role": "user", "content": f'<reply agent="{author.agent}">\n{text}\n</reply>'}


def _own_steps(parts: Sequence[Part]) -> Iterator[dict[str, Any]]:
    """The steps of a reply: text, tool calls and their results, and the reasoning that its provider wants back."""
    text: list[str] = []
    calls: list[ToolPart] = []
    native: KeptReasoning | None = None
    for part in parts:
        if not isinstance(part, TextPart | ToolPart | ReasoningPart):
            continue
        if calls and (not isinstance(part, ToolPart) or part.step != calls[-1].step):
            yield from _step_messages(text, calls, native)
            text, calls, native = [], [], None
        if isinstance(part, TextPart):
            text.append(part.text)
        elif isinstance(part, ToolPart):
            calls.append(part)
        else:
            native = part.native or native
    if text or calls:
        yield from _step_messages(text, calls, native)


def _step_messages(text: Sequence[str], calls: Sequence[ToolPart], native: KeptReasoning | None) -> Iterator[dict[str, Any]]:
    answer: dict[str, Any] = {"role": "assistant", "content": "\n\n".join(text)}
    if native is not None:
        answer["native_reasoning"] = as_sent(native)
    if calls:
        answer["tool_calls"] = [tool_call(call.call_id, call.name, call.arguments) for call in calls]
    if calls or answer["content"].strip():
        yield answer
    for call in calls:
        yield {"role": "tool", "tool_call_id": call.call_id, "content": _NO_RESULT if call.result is None else call.result}


def plain(parts: Sequence[Part]) -> str:
    """Parts as plain text: text itself, and a mention of each tool call, finding and edit."""
    texts: list[str] = []
    for part in parts:
        match part.kind:
            case "text":
                texts.append(part.text)
            case "tool":
                texts.append(
                    f"(used {part.name}: {part.title})"
                    if part.title
                    else f"(used {part.name} with {json.dumps(part.arguments, ensure_ascii=False)[:200]})"
                )
            case "finding":
                finding = part.finding
                texts.append(f"(finding in {finding.uri}, line {finding.range.start.line + 1}: {finding.title}. {finding.body})")
            case "edit":
                texts.append(f"({'edited' if part.applied else 'proposed an edit of'} {part.uri}: {part.summary})")
            case "plan":
                texts.append("(planned)\n" + "\n".join(plan_lines(part)))
            case "reasoning":
                pass
    return "\n\n".join(text for text in texts if text.strip())


def plan_lines(part: PlanPart) -> list[str]:
    """A plan as a Markdown checklist: one line for each entry."""
    marks = {"pending": " ", "inProgress": "~", "completed": "x"}
    return [f"- [{marks[entry.status]}] {entry.content}" for entry in part.entries]


def join_adjacent(messages: ModelMessages) -> ModelMessages:
    """Join adjacent messages of one role: several providers require that roles alternate."""
    joined: ModelMessages = []
    for message in messages:
        last = joined[-1] if joined else None
        is_text = "tool_calls" not in message and message["role"] != "tool"
        if last is not None and is_text and last["role"] == message["role"] and "tool_calls" not in last:
            joined[-1] = {**last, **message, "content": joined_content([last["content"], message["content"]])}
        else:
            joined.append(message)
    return joined


def estimate_tokens(messages: Sequence[Mapping[str, Any]]) -> int:
    """An estimate of the tokens: one for every three characters of the JSON, which is a safe estimate for code."""
    return (messages.size if isinstance(messages, Prompt) else _size(messages)) // 3


def may_have_images(messages: Sequence[Mapping[str, Any]]) -> bool:
    return bool(messages.mixed if isinstance(messages, Prompt) else _mixed(messages))


def _mixed(messages: Sequence[Mapping[str, Any]]) -> int:
    return sum(isinstance(message.get("content"), list) for message in messages)


def _size(messages: Sequence[Mapping[str, Any]]) -> int:
    return sum(map(size_of, messages))
