"""Sends the history and the changes of one open session to the client, as `session/update` notifications."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

from acp import schema
from pydantic import BaseModel

from sessionls.acp_agent.tool_calls import (
    Content,
    diffs_of,
    finding_text,
    kind_of,
    locations_of,
    status_of,
    text_content,
    title_of,
)
from sessionls.domain import uris
from sessionls.domain.events import (
    AgentSwitched,
    AgentWorked,
    Edited,
    FindingReported,
    MessageSent,
    ReplyFinished,
    ReplyNoticed,
    ReplyStarted,
    StepFinished,
    ToolCalled,
    ToolFinished,
)
from sessionls.domain.model import (
    AgentAuthor,
    EditPart,
    Finding,
    FindingPart,
    ImageContext,
    Message,
    Part,
    Participant,
    PlanPart,
    ReasoningPart,
    Session,
    TextPart,
    ToolPart,
    Usage,
)
from sessionls.domain.stop_reasons import incomplete
from sessionls.ports.store import Delta, EventNotice, Notice, SessionNotice

__all__ = ["SessionView"]

_EDITING = ("edit_file", "create_file", "delete_file")


@dataclass
class _Call:
    """A tool call that was sent to the client. `edits` come before the tool's result."""

    part: ToolPart
    status: str
    edits: list[Content] = field(default_factory=list)


class SessionView:
    """`send` gets each update. `own`: messages that this client sent and therefore shows already.

    Methods may be called more than once for the same content (first the history, then events). The client gets it once.
    """

    def __init__(
        self,
        session: Session,
        me: Participant,
        send: Callable[[BaseModel], None],
        *,
        switched: Callable[[], None],
        window: Callable[[str], int | None],
    ) -> None:
        self.session = session
        self.own: set[str] = set()
        self._me = me
        self._send = send
        self._switched = switched
        self._window = window
        self._shown: set[str] = set()  # messages of participants, notices and findings
        self._texts: dict[tuple[str, int], int] = {}  # the number of code points sent, by part
        self._calls: dict[str, _Call] = {}
        self._last: tuple[str, int] | None = None  # the part that was sent last, if nothing followed it
        self._spent: dict[str, Usage] = {}
        self._used_of: tuple[int, int] | None = None  # tokens of the newest step and of its model's context window
        self._models: dict[str, str] = {}
        self._planned: PlanPart | None = None
        self.images: dict[str, str] = {}  # base64, by sha256: those of the messages that are sent next

    # -- history -----------------------------------------------------------------------------------------------------

    def message(self, message: Message) -> None:
        """Send everything of a message that the client does not have yet."""
        if message.role == "participant":
            self._from_participant(message)
            return
        if isinstance(message.author, AgentAuthor):
            self._models[message.id] = message.author.model
        for index, part in enumerate(message.parts):
            self._part(message.id, index, part)
        self._notices(message.id, message.notices or ())
        if message.status not in ("queued", "replying"):
            self._show_ending(message)

    def _from_participant(self, message: Message) -> None:
        if message.id in self._shown:
            return
        self._shown.add(message.id)
        self._last = None
        if message.id in self.own:
            return
        name = message.author.name if isinstance(message.author, Participant) and message.author.id != self._me.id else ""
        head = f"@{message.agent} " if message.agent else ""
        self._chunk(
            schema.UserMessageChunk, "user_message_chunk", message.id, f"{f'**{name}:** ' if name else ''}{head}{message.text}"
        )
        for context in message.context or ():
            if isinstance(context, ImageContext):
                self._image(message.id, context)
        self._last = None

    def _image(self, message_id: str, context: ImageContext) -> None:
        data = self.images.pop(context.sha256 or "", None)
        if data is None:
            name = context.title or context.uri or "image"
            self._chunk(schema.UserMessageChunk, "user_message_chunk", message_id, f"\n\n[image: {name}]")
            return
        content = schema.ImageContentBlock(type="image", data=data, mime_type=context.mime_type or "image/png", uri=context.uri)
        self._send(schema.UserMessageChunk(session_update="user_message_chunk", content=content, message_id=message_id))

    def skip(self, messages: Sequence[Message]) -> None:
        """Treat these messages as sent: from now on only additions are sent."""
        send, self._send = self._send, lambda _: None
        try:
            for message in messages:
                self.message(message)
        finally:
            self._send, self._last = send, None

    # -- notices -----------------------------------------------------------------------------------------------------

    def notice(self, notice: Notice) -> None:
        match notice:
            case Delta():
                self._append_text(notice.message_id, notice.part, notice.kind, notice.offset, notice.text)
            case SessionNotice(session=Session() as session):
                self._changed(session)
            case EventNotice(event=MessageSent() as event):
                self.message(event.message)
            case EventNotice(event=ReplyStarted() as event):
                self._models[event.message_id] = event.model
            case EventNotice(event=StepFinished() as event):
                for index, part in enumerate(event.parts, event.index):
                    self._part(event.message_id, index, part)
                if event.usage is not None:
                    self._used(event.message_id, event.usage)
            case EventNotice(event=ToolCalled() | ToolFinished() as event):
                self._part(event.message_id, event.index, event.part)
            case EventNotice(event=AgentWorked() as event):
                for index, part in enumerate(event.parts, event.index):
                    self._part(event.message_id, index, part, tuple(event.path))
            case EventNotice(event=FindingReported() as event):
                self._finding(event.finding.message_id, event.finding)
            case EventNotice(event=Edited() as event):
                edit = EditPart(uri=event.uri, summary=event.summary, applied=event.applied, patch=event.patch)
                self._edit(event.message_id, edit)
            case EventNotice(event=ReplyNoticed() as event):
                self._notices(event.message_id, event.notices)
            case EventNotice(event=ReplyFinished() as event):
                self.message(event.message)
                usage = event.message.usage
                if usage is not None and usage != self._spent.get(event.message.id):  # its last step has no separate event
                    self._used(event.message.id, usage)
            case EventNotice(event=AgentSwitched()):
                self._switched()
            case _:
                pass

    def _changed(self, session: Session) -> None:
        before, self.session = self.session, session
        if session.title != before.title:
            self.send_title()
        if session.usage.cost != before.usage.cost:
            self._send_usage()

    def mute(self) -> None:
        """Send nothing more: another view replaces this one."""
        self._send = lambda _: None

    def update(self, update: BaseModel) -> None:
        self._send(update)

    def send_title(self) -> None:
        self._send(
            schema.SessionInfoUpdate(
                session_update="session_info_update", title=self.session.title, updated_at=self.session.updated_at
            )
        )

    def say(self, text: str, message_id: str | None = None) -> None:
        """Show a text of ours as a separate paragraph of the agent."""
        before = "\n\n" if self._last is not None else ""
        self._chunk(schema.AgentMessageChunk, "agent_message_chunk", message_id, f"{before}{text}")
        self._last = ("", -1)

    # -- parts -------------------------------------------------------------------------------------------------------

    def _part(self, message_id: str, index: int, part: Part, path: tuple[int, ...] = ()) -> None:
        match part:
            case TextPart() | ReasoningPart() if not path:
                self._append_text(message_id, index, part.kind, 0, part.text)
            case ToolPart():
                self._call(message_id, part, path)
                for below, inner in enumerate(part.parts or ()):
                    self._part(message_id, below, inner, (*path, index))
            case FindingPart():
                self._finding(message_id, part.finding)
            case EditPart():
                self._edit(message_id, part)
            case PlanPart() if not path:
                self._plan(part)
            case _:
                pass

    def _plan(self, part: PlanPart) -> None:
        """Replace the previous plan with the newest one."""
        if part == self._planned:
            return
        self._planned, self._last = part, None
        entries = [
            schema.PlanEntry(
                content=entry.content,
                priority=entry.priority or "medium",
                status="in_progress" if entry.status == "inProgress" else entry.status,
            )
            for entry in part.entries
        ]
        self._send(schema.AgentPlanUpdate(session_update="plan", entries=entries))

    def _append_text(self, message_id: str, index: int, kind: str, offset: int, text: str) -> None:
        key = message_id, index
        sent = self._texts.get(key, 0)
        new = text[max(0, sent - offset) :]
        if not new:
            return
        self._texts[key] = sent + len(new)
        separator = "\n\n" if self._last not in (None, key) else ""
        if kind == "text":
            self._chunk(schema.AgentMessageChunk, "agent_message_chunk", message_id, separator + new)
            self._last = key
        else:
            self._chunk(schema.AgentThoughtChunk, "agent_thought_chunk", message_id, new)
            self._last = None

    def _chunk(self, kind: Any, name: str, message_id: str | None, text: str) -> None:
        content = schema.TextContentBlock(type="text", text=text)
        self._send(kind(session_update=name, content=content, message_id=message_id))

    def _call(self, message_id: str, part: ToolPart, path: tuple[int, ...]) -> None:
        key = call_key(message_id, part.call_id, path)
        call, status = self._calls.get(key), status_of(part)
        self._last = None
        if call is None:
            self._calls[key] = call = _Call(part, status)
            prefix = "" if not path else "↳ "
            self._send(
                schema.ToolCallStart(
                    session_update="tool_call",
                    tool_call_id=key,
                    title=f"{prefix}{title_of(part)}",
                    kind=kind_of(part.name),
                    status=status,
                    locations=locations_of(part, self.session.workspace_folders) or None,
                    raw_input=dict(part.arguments) or None,
                    content=self._content(call) or None,
                )
            )
        elif call.status != status:
            call.part, call.status = part, status
            self._progress(key, call)

    def _progress(self, key: str, call: _Call) -> None:
        self._send(
            schema.ToolCallProgress(
                session_update="tool_call_update",
                tool_call_id=key,
                status=status_of(call.part),
                content=self._content(call) or None,
            )
        )

    def _content(self, call: _Call) -> list[Content]:
        """The edits, and the tool's result if it adds something to them."""
        result = call.part.result if not call.edits or call.part.status != "done" else None
        return [*call.edits, *([text_content(result)] if result else [])]

    def _edit(self, message_id: str, part: EditPart) -> None:
        """Show an edit with the call that made it, which is the newest call on that file."""
        known = f"{message_id}/{part.model_dump_json()}"
        if known in self._shown:
            return
        self._shown.add(known)
        for call_id, call in reversed(self._calls.items()):
            if not call_id.startswith(f"{message_id}:") or call.part.name not in _EDITING or call.edits:
                continue
            locations = locations_of(call.part, self.session.workspace_folders)
            if not locations or uris.uri_key(uris.from_path(locations[0].path)) != uris.uri_key(part.uri):
                continue
            call.edits = diffs_of(part)
            self._progress(call_id, call)
            return
        status = "completed" if part.applied else "failed"
        key = f"{message_id}:edit-{len(self._shown)}"
        self._single(key, part.summary or "Edit", "edit", status, diffs_of(part), part.uri, None)

    def _finding(self, message_id: str, finding: Finding) -> None:
        if finding.id in self._shown:
            return
        self._shown.add(finding.id)
        title = finding_text(finding).partition("\n")[0]
        content: list[Content] = [text_content(finding_text(finding))]
        self._single(
            f"{message_id}:{finding.id}", title, "other", "completed", content, finding.uri, finding.range.start.line + 1
        )

    def _single(self, key: str, title: str, kind: Any, status: Any, content: list[Content], uri: str, line: int | None) -> None:
        path = uris.to_path(uri)
        self._last = None
        self._send(
            schema.ToolCallStart(
                session_update="tool_call",
                tool_call_id=key,
                title=title,
                kind=kind,
                status=status,
                content=content,
                locations=[schema.ToolCallLocation(path=path, line=line)] if path is not None else None,
            )
        )

    # -- end and usage of a reply -----------------------------------------------------------------------------------------------

    def _notices(self, message_id: str, notices: Sequence[str]) -> None:
        for words in notices:
            key = f"{message_id}/{words}"
            if key not in self._shown:
                self._shown.add(key)
                self.say(f"> {words}", message_id)

    def _show_ending(self, reply: Message) -> None:
        """Show how the reply ended, unless it is complete."""
        words = incomplete(reply)
        if (
            reply.status == "failed" and reply.error is not None and reply.reply_to not in self.own
        ):  # else the response has the error
            words = f"The reply failed: {reply.error.message}"
        elif reply.status in ("paused", "interrupted"):
            words = f"The reply is {reply.status}. Send /resume to continue it."
        elif reply.status == "cancelled":
            words = "The reply was cancelled."
        if words:
            self._notices(reply.id, [words])

    def _used(self, message_id: str, usage: Usage) -> None:
        """Track how full the model's context window is: the tokens that its newest step read and wrote."""
        step = usage - self._spent.get(message_id, Usage())
        self._spent[message_id] = usage
        if size := self._window(self._models.get(message_id, "")):
            self._used_of = step.input_tokens + step.output_tokens, size
            self._send_usage()

    def _send_usage(self) -> None:
        if self._used_of is None:
            return
        (used, size), cost = self._used_of, self.session.usage.cost
        total = schema.Cost(amount=cost, currency="USD") if cost is not None else None
        self._send(schema.UsageUpdate(session_update="usage_update", used=used, size=size, cost=total))

    # -- questions ---------------------------------------------------------------------------------------------------

    def waiting_call(self, message_id: str, tool: str, taken: set[str]) -> tuple[str, ToolPart] | None:
        """The call that a question is about: the first waiting call of that tool that has no other question."""
        for key, call in self._calls.items():
            if key.startswith(f"{message_id}:") and call.part.name == tool and call.status == "pending" and key not in taken:
                return key, call.part
        return None


def call_key(message_id: str, call_id: str, path: tuple[int, ...]) -> str:
    """The id of a tool call for the client. A model's own ids are at most unique within one reply."""
    return ":".join([message_id, *map(str, path), call_id])
