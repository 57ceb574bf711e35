"""One message to an external agent: its updates become the parts of a reply, in the order in which they arrive.

Updates wait in a bounded queue, so an agent that sends more than can be stored is read more slowly. The stored amount is limited,
too; a notice says what was left out.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Awaitable, Callable, Coroutine, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal, Protocol

from sessionls.domain import transitions
from sessionls.domain.model import Part, PlanPart, ReasoningPart, TextPart, ToolPart
from sessionls.runtimes.acp.connection import AgentConnection
from sessionls.runtimes.acp.updates import (
    CallUpdate,
    Cost,
    DiffContent,
    ModeChanged,
    OptionsChanged,
    PlanChanged,
    TextChunk,
    Update,
)

__all__ = ["Outcome", "Reply", "Turn", "finish_uncancelled"]

_QUEUED = 256  # updates in the queue
_TEXT = 4_000_000  # characters of text in a reply
_CALLS = 2_000  # calls in a reply
_CHANGES = 20_000  # stored changes of calls and plans
_STORED = 32_000_000  # characters of the stored changes
_DIFFS = 32_000_000  # characters of the diffs of calls that have not ended


class Reply(Protocol):
    """The reply that a turn writes. `parts` are its current parts."""

    @property
    def parts(self) -> list[Part]: ...

    def draft(self, kind: Literal["text", "reasoning"], text: str, base: int) -> None: ...

    async def keep_text(self, first: int) -> None:
        """Keep the last part, at index `first`, which is complete."""

    async def keep_part(self, index: int, part: Part) -> None:
        """Keep the new or changed part at that index."""

    async def notice(self, text: str) -> None:
        """Add a notice for the people who read the reply."""

    async def changed_file(self, diff: DiffContent) -> None:
        """The agent reports that it changed a file by itself: record an edit if the file has that content."""


@dataclass(frozen=True, slots=True)
class Outcome:
    """How a turn ended: ACP's stop reason, and the tokens that the agent's session has used, if the agent reports them."""

    reason: str
    usage: Mapping[str, Any] | None


@dataclass
class _Call:
    index: int
    part: ToolPart
    diffs: tuple[DiffContent, ...] = ()


@dataclass
class Turn:
    """`on_request` handles the agent's requests, `on_configuration` changes of its modes and options, `on_cost` the cost
    of its session.
    """

    connection: AgentConnection
    session: str
    reply: Reply
    on_request: Callable[[str, Mapping[str, Any]], Awaitable[Any]]
    on_configuration: Callable[[ModeChanged | OptionsChanged], None]
    on_cost: Callable[[float], None]
    _queue: asyncio.Queue[Update | asyncio.Event] = field(default_factory=lambda: asyncio.Queue(_QUEUED), init=False)
    _lock: asyncio.Lock = field(default_factory=asyncio.Lock, init=False)
    _kind: Literal["text", "reasoning"] | None = field(default=None, init=False)
    _message: str | None = field(default=None, init=False)
    _pieces: list[str] = field(default_factory=list, init=False)
    _calls: dict[str, _Call] = field(default_factory=dict, init=False)
    _requests: set[asyncio.Task[Any]] = field(default_factory=set, init=False)
    _text_length: int = field(default=0, init=False)
    _change_count: int = field(default=0, init=False)
    _stored_length: int = field(default=0, init=False)
    _diff_length: int = field(default=0, init=False)  # characters of the diffs of calls that have not ended
    _limit_reported: bool = field(default=False, init=False)
    _writer: asyncio.Task[None] | None = field(default=None, init=False)
    _ending: bool = field(default=False, init=False)
    _ended: bool = field(default=False, init=False)

    # -- the listener ------------------------------------------------------------------------------------------------

    async def handle_update(self, update: Update) -> None:
        if not self._ended:
            await self._queue.put(update)

    async def handle_request(self, method: str, params: Mapping[str, Any]) -> Any:
        from acp.exceptions import RequestError

        async def answer() -> Any:
            assert self._writer is not None
            await self._wait_until_kept(self._writer)  # everything that it sent before this request is in the log first
            return await self.on_request(method, params)

        task = asyncio.create_task(answer())
        self._requests.add(task)
        try:
            return await task
        except asyncio.CancelledError:
            if not self._ending:
                raise
            if method == "session/request_permission":  # the protocol requires this answer
                return {"outcome": {"outcome": "cancelled"}}
            raise RequestError(-32800, "The message was cancelled.") from None
        finally:
            self._requests.discard(task)

    # -- the turn ----------------------------------------------------------------------------------------------------

    async def run(self, prompt: Sequence[Mapping[str, Any]]) -> Outcome:
        """Send the message and keep the updates until the turn ends.

        Cancelling this cancels the turn at the agent, which gets a moment to end it. Raises `AgentEnded` if the
        program ended; by then everything that it sent is in the log.
        """
        self.connection.listeners[self.session] = self
        self._writer = writing = asyncio.create_task(self._write())
        request = asyncio.create_task(
            self.connection.request("session/prompt", {"sessionId": self.session, "prompt": [dict(block) for block in prompt]})
        )
        try:
            await asyncio.wait((writing, request), return_when=asyncio.FIRST_COMPLETED)
            if not request.done():
                writing.result()  # storing failed: raise its error
            answer = request.result()
            await self._wait_until_kept(writing)
            reason = answer.get("stopReason")
            usage = answer.get("usage")
            return Outcome(reason if isinstance(reason, str) else "", usage if isinstance(usage, dict) else None)
        except asyncio.CancelledError:
            await finish_uncancelled(self._cancel(request))
            raise
        finally:
            await finish_uncancelled(self._end(writing, request))

    async def _cancel(self, request: asyncio.Task[Any]) -> None:
        """Ask the agent to stop, answer its open requests, and give it a moment to end the turn."""
        self._ending = True
        for waiting in list(self._requests):
            waiting.cancel()
        with contextlib.suppress(TimeoutError):  # it may not even read the message
            async with asyncio.timeout(self.connection.timeouts.cancel):
                await self.connection.notify("session/cancel", {"sessionId": self.session})
                await asyncio.wait((request,))

    async def _end(self, writing: asyncio.Task[None], request: asyncio.Task[Any]) -> None:
        self._ending, stuck = True, not request.done()
        request.cancel()
        for waiting in list(self._requests):
            waiting.cancel()
        with contextlib.suppress(Exception):  # this was already raised when the turn ended
            await self._wait_until_kept(writing)
        del self.connection.listeners[self.session]
        writing.cancel()
        await asyncio.gather(writing, request, *self._requests, return_exceptions=True)
        self._ended = True
        while not self._queue.empty():  # otherwise the connection would wait until the queue has space, and read nothing more
            self._queue.get_nowait()
        try:
            async with self._lock:
                await self._end_text()
        finally:
            if stuck:  # otherwise it would continue with this message unnoticed
                await self.connection.close()

    async def _wait_until_kept(self, writing: asyncio.Task[None]) -> None:
        """Wait until all updates up to now are kept, however many follow. If keeping them failed, raises that error."""
        mark = asyncio.Event()
        reached = asyncio.ensure_future(self._wait_for_mark(mark))
        try:
            await asyncio.wait((reached, writing), return_when=asyncio.FIRST_COMPLETED)
            if writing.done():
                writing.result()
        finally:
            reached.cancel()

    async def _wait_for_mark(self, mark: asyncio.Event) -> None:
        await self._queue.put(mark)
        await mark.wait()

    async def end_calls(self, status: Literal["done", "failed"]) -> None:
        """After the turn: give this status to calls that the agent never reported as ended."""
        async with self._lock:
            for call in self._calls.values():
                if call.part.status in ("waiting", "running"):
                    result = transitions.UNKNOWN_OUTCOME if status == "failed" else call.part.result
                    await self._keep_call(call, call.part.model_copy(update={"status": status, "result": result}))

    # -- writing the reply --------------------------------------------------------------------------------------------

    async def _write(self) -> None:
        while True:
            update = await self._queue.get()
            if isinstance(update, asyncio.Event):
                update.set()
                continue
            async with self._lock:
                await self._apply(update)

    @contextlib.asynccontextmanager
    async def between_parts(self) -> Any:
        """Keep the text so far, and let nothing else change the parts meanwhile."""
        async with self._lock:
            await self._end_text()
            yield

    async def _apply(self, update: Update) -> None:
        match update:
            case TextChunk():
                await self._add_text(update)
            case CallUpdate():
                await self._end_text()
                await self._apply_call(update)
            case PlanChanged():
                await self._end_text()
                await self._apply_plan(update)
            case ModeChanged() | OptionsChanged():
                self.on_configuration(update)
            case Cost():
                if update.dollars is not None:
                    self.on_cost(update.dollars)

    async def _add_text(self, update: TextChunk) -> None:
        if self._text_length + len(update.text) > _TEXT:
            await self._leave_out(f"The agent wrote more than {_TEXT:,} characters; the rest is left out.")
            return
        if update.kind != self._kind or (update.message and self._message and update.message != self._message):
            await self._end_text()
            self._kind = update.kind
        self._message = update.message or self._message
        self._text_length += len(update.text)
        self._pieces.append(update.text)
        self.reply.draft(update.kind, update.text, 0)

    async def _end_text(self) -> None:
        if self._kind is None:
            return
        text, kind = "".join(self._pieces), self._kind
        self._kind, self._pieces = None, []
        first = len(self.reply.parts)
        self.reply.parts.append(TextPart(text=text) if kind == "text" else ReasoningPart(text=text))
        await self.reply.keep_text(first)

    async def _apply_call(self, update: CallUpdate) -> None:
        call = self._calls.get(update.call_id)
        if call is None:
            if len(self._calls) >= _CALLS:
                await self._leave_out(f"The agent made more than {_CALLS:,} calls; the others are left out.")
                return
            part = ToolPart(call_id=update.call_id, name=update.kind or "other", arguments={}, status="waiting")
            call = _Call(len(self.reply.parts), part)
            self._calls[update.call_id] = call
            new = True
        else:
            new = False
        if update.diffs:
            self._set_diffs(call, update.diffs)
        part = _with_update(call.part, update)
        if part == call.part and not new:
            return
        important = new or part.status != call.part.status or part.title != call.part.title
        ended = part.status in ("done", "failed") and part.status != call.part.status
        if important or part.status in ("done", "failed"):
            await self._keep_call(call, part)
        else:  # kept together with the next change
            call.part = part
        if ended and part.status == "done":
            for diff in call.diffs:
                await self.reply.changed_file(diff)
            self._set_diffs(call, ())

    def _set_diffs(self, call: _Call, diffs: tuple[DiffContent, ...]) -> None:
        """Remember the diffs of a call until it ends. If there are too many, the changed files are found on disk."""
        self._diff_length += _length(diffs) - _length(call.diffs)
        call.diffs = diffs
        if self._diff_length > _DIFFS:
            self._diff_length -= _length(diffs)
            call.diffs = ()

    async def _apply_plan(self, update: PlanChanged) -> None:
        parts = self.reply.parts
        index = next((index for index, part in enumerate(parts) if isinstance(part, PlanPart)), len(parts))
        part = PlanPart(entries=list(update.entries))
        if index < len(parts) and parts[index] == part:
            return
        if update.left_out:
            await self.reply.notice(f"The agent's plan has {update.left_out} more entries, which are left out.")
        if await self._may_keep(sum(len(entry.content) for entry in part.entries)):
            await self.reply.keep_part(index, part)

    async def _keep_call(self, call: _Call, part: ToolPart) -> None:
        call.part = part
        if await self._may_keep(len(part.result or "") + len(str(part.arguments))):
            await self.reply.keep_part(call.index, part)

    async def _may_keep(self, length: int) -> bool:
        self._change_count += 1
        self._stored_length += length
        if self._change_count > _CHANGES or self._stored_length > _STORED:
            await self._leave_out("The agent changed its calls and plans too often; the last changes are left out.")
            return False
        return True

    async def _leave_out(self, notice: str) -> None:
        if not self._limit_reported:
            self._limit_reported = True
            await self.reply.notice(notice)


async def finish_uncancelled(work: Coroutine[Any, Any, None]) -> None:
    """Finish the work, even if this task is cancelled meanwhile, once or several times. Only for work that takes bounded time."""
    task = asyncio.create_task(work)
    cancelled = False
    while not task.done():
        try:
            await asyncio.shield(task)
        except asyncio.CancelledError:
            cancelled = True
    task.result()
    if cancelled:
        raise asyncio.CancelledError


_STATUS: Mapping[str, Literal["waiting", "running", "done", "failed"]] = {
    "pending": "waiting",
    "in_progress": "running",
    "completed": "done",
    "failed": "failed",
}


def _length(diffs: Sequence[DiffContent]) -> int:
    return sum(len(diff.new) + len(diff.old or "") for diff in diffs)


def _with_update(part: ToolPart, update: CallUpdate) -> ToolPart:
    fields: dict[str, Any] = {}
    if update.title is not None:
        fields["title"] = update.title
    if update.kind is not None:
        fields["name"] = update.kind
    # A call that has ended does not start again.
    if update.status is not None and not (part.status in ("done", "failed") and update.status in ("pending", "in_progress")):
        fields["status"] = _STATUS[update.status]
    arguments = dict(part.arguments)
    if update.arguments is not None:
        arguments = update.arguments
    elif update.locations and "paths" not in arguments and not arguments:
        arguments = {"paths": list(update.locations)}
    if arguments != part.arguments:
        fields["arguments"] = arguments
    text = update.text
    if text is None and update.diffs:
        names = ", ".join(dict.fromkeys(diff.path for diff in update.diffs))
        text = f"Changed {names}."
    if text is not None:
        fields["result"] = text
    return part.model_copy(update=fields) if fields else part
