"""Shows a reply while it is written: as Markdown on a terminal, as plain text in a pipe."""

from __future__ import annotations

import asyncio
import re
from collections.abc import Awaitable, Callable
from typing import Protocol, TypeVar

from rich.console import RenderableType
from rich.live import Live
from rich.spinner import Spinner
from rich.text import Text

from sessionls.cli.render import finding_line, markdown, tool_line
from sessionls.cli.terminal import Terminal, safe
from sessionls.domain.events import (
    AgentWorked,
    FindingReported,
    PermissionAsked,
    ReplyFinished,
    ReplyStarted,
    StepFinished,
    ToolCalled,
    ToolFinished,
)
from sessionls.domain.model import Message, TextPart, ToolPart
from sessionls.domain.questions import answer_command
from sessionls.ports.store import Delta, EventNotice, Notice
from sessionls.sessions.service import Sessions

__all__ = ["ReplyStream", "stable_length"]

T = TypeVar("T")
_FENCE = re.compile(r" {0,3}(`{3,}|~{3,})")


class _View(Protocol):
    """Displays a reply. `part` is the index of the part that the text belongs to."""

    def status(self, text: str) -> None: ...
    def text(self, part: int, text: str) -> None: ...
    def line(self, text: Text) -> None: ...
    def close(self) -> None: ...


class ReplyStream:
    """Shows one reply of a session: the reply to `message_id`, or without it the next reply that starts or is resumed."""

    def __init__(self, terminal: Terminal, session_id: str, message_id: str | None = None, *, quiet: bool = False) -> None:
        self.message_id = message_id
        self.finished: asyncio.Future[Message] = asyncio.get_running_loop().create_future()
        """The reply, once it has ended or stopped."""
        self._can_ask = terminal.can_ask
        self._session_id = session_id
        self._reply_id: str | None = None
        self._shown_lengths: dict[int, int] = {}  # code points that were shown, by part
        self._view: _View = _SilentView() if quiet else _LiveView(terminal) if terminal.interactive else _PlainView(terminal)

    async def show_during(self, sessions: Sessions, work: Callable[[], Awaitable[T]]) -> T:
        """Show the reply while `work` runs, and return the result of `work`. Cancelling this cancels the work."""
        notices: asyncio.Queue[Notice] = asyncio.Queue()

        def on_notice(notice: Notice) -> None:
            self._track_reply(notice)
            notices.put_nowait(notice)

        stop = sessions.subscribe(on_notice)
        snapshot = await sessions.open(self._session_id, limit=20)
        if self.message_id is None:
            self._skip_shown_text(snapshot.messages)
        working = asyncio.ensure_future(work())
        drawing = asyncio.create_task(self._draw(notices))
        self._view.status("Waiting for the model …")
        try:
            # Drawing ends before the work only if it fails: the pipe was closed.
            await asyncio.wait({working, drawing}, return_when=asyncio.FIRST_COMPLETED)
            if not working.done():
                await drawing
            while not notices.empty():
                self._handle(notices.get_nowait())
            return await working
        finally:
            stop()
            for task in (working, drawing):
                task.cancel()
            await asyncio.gather(working, drawing, return_exceptions=True)
            self._view.close()

    def finish(self, reply: Message) -> None:
        """Show the text that no delta contained (a reply may end before its first delta)."""
        for index, part in enumerate(reply.parts):
            if isinstance(part, TextPart):
                self._show_text(index, self._shown_lengths.get(index, 0), part.text[self._shown_lengths.get(index, 0) :])
        self._view.close()

    def _skip_shown_text(self, messages: list[Message]) -> None:
        """Skip the earlier text of a resumed reply, which was already shown."""
        for message in messages:
            if message.role == "agent":
                parts = enumerate(message.parts)
                self._shown_lengths = {index: len(part.text) for index, part in parts if isinstance(part, TextPart)}

    async def _draw(self, notices: asyncio.Queue[Notice]) -> None:
        while True:
            self._handle(await notices.get())

    def _track_reply(self, notice: Notice) -> None:
        """Find out which reply to show, and notice that it ended."""
        match notice:
            case EventNotice(event=ReplyStarted() as event) if event.session_id == self._session_id:
                if self._reply_id is None and self.message_id in (None, event.reply_to):
                    self._reply_id = event.message_id
            case EventNotice(event=ReplyFinished() as event) if event.session_id == self._session_id:
                is_shown_reply = event.message.id == self._reply_id or self._reply_id is self.message_id is None
                if is_shown_reply and not self.finished.done():
                    self.finished.set_result(event.message)
            case _:
                pass

    def _handle(self, notice: Notice) -> None:
        match notice:
            case EventNotice(event=ReplyStarted() as event) if event.message_id == self._reply_id:
                self._view.status(f"{event.agent} · {event.model}")
            case Delta() if notice.message_id == self._reply_id:
                if notice.kind == "text":
                    self._show_text(notice.part, notice.offset, notice.text)
                else:
                    self._view.status("Thinking …")
            case EventNotice(event=StepFinished() as event) if event.message_id == self._reply_id:
                for part in event.parts:  # includes calls that have failed already
                    if isinstance(part, ToolPart) and part.status in ("failed", "denied"):
                        self._view.line(tool_line(part))
            case EventNotice(event=ToolCalled() | ToolFinished() as event) if event.message_id == self._reply_id:
                if isinstance(event, ToolCalled) or event.part.status in ("failed", "denied"):
                    self._view.line(tool_line(event.part))
            case EventNotice(event=AgentWorked() as event) if event.message_id == self._reply_id:
                for part in event.parts:
                    if isinstance(part, ToolPart) and part.status in ("running", "failed", "denied"):
                        self._view.line(Text("  " * len(event.path)) + tool_line(part))
            case EventNotice(event=PermissionAsked() as event) if event.message_id == self._reply_id and not self._can_ask:
                how = answer_command(event.session_id, event.request_id)
                self._view.line(
                    Text(safe(f"  {event.summary}: waits for permission. Answer in an editor, or: {how}"), style="yellow")
                )
            case EventNotice(event=FindingReported() as event) if event.finding.message_id == self._reply_id:
                self._view.line(finding_line(event.finding))
            case _:
                pass

    def _show_text(self, part: int, offset: int, text: str) -> None:
        new = text[max(0, self._shown_lengths.get(part, 0) - offset) :]
        if new:
            self._shown_lengths[part] = self._shown_lengths.get(part, 0) + len(new)
            self._view.text(part, new)


class _SilentView:
    def status(self, text: str) -> None: ...
    def text(self, part: int, text: str) -> None: ...
    def line(self, text: Text) -> None: ...
    def close(self) -> None: ...


class _PlainView:
    """For a pipe: the text on stdout, with a blank line between parts; everything else on stderr."""

    def __init__(self, terminal: Terminal) -> None:
        self._terminal = terminal
        self._part: int | None = None
        self._in_line = False

    def status(self, text: str) -> None: ...

    def text(self, part: int, text: str) -> None:
        separator = "\n\n" if self._part not in (None, part) else ""
        self._part, self._in_line = part, True
        self._terminal.write(separator + text)

    def line(self, text: Text) -> None:
        self._terminal.note(text.plain)

    def close(self) -> None:
        if self._in_line:
            self._terminal.write("\n")
            self._in_line = False


class _LiveView:
    """For a terminal: finished blocks are printed as Markdown; the block being written is redrawn as it grows."""

    def __init__(self, terminal: Terminal) -> None:
        self._terminal = terminal
        self._console = terminal.out
        self._spinner = Spinner("dots", style="dim")
        self._part: int | None = None
        self._pending = ""
        self._live: Live | None = None

    def status(self, text: str) -> None:
        self._spinner.update(text=Text(safe(text), style="dim"))
        if self._live is None:
            self._live = Live(console=self._console, get_renderable=self._current, transient=True, refresh_per_second=12)
            self._live.start()
            self._terminal.live = self._live

    def text(self, part: int, text: str) -> None:
        if self._part not in (None, part):
            self._print(len(self._pending))
        self._part = part
        self._pending += text
        self._print(stable_length(self._pending))

    def line(self, text: Text) -> None:
        self._print(len(self._pending))
        self._console.print(text)

    def close(self) -> None:
        if self._live is not None:
            self._terminal.live = None
            self._live.stop()
            self._live = None
        self._print(len(self._pending))

    def _print(self, length: int) -> None:
        ready, self._pending = self._pending[:length], self._pending[length:]
        if ready.strip():
            self._console.print(markdown(ready))

    def _current(self) -> RenderableType:
        return markdown(self._pending) if self._pending.strip() else self._spinner


def stable_length(text: str) -> int:
    """The length of the text's beginning whose rendering cannot change when more text is added.

    It ends at a blank line outside fenced code that is followed by unindented text (indented text may continue a list).
    """
    length = position = 0
    fence = ""
    blank = False
    for line in text.splitlines(keepends=True):
        if blank and not fence and line[0] not in " \t\r\n":
            length = position
        match = _FENCE.match(line)
        if match and not fence:
            fence = match[1]
        elif match and match[1].startswith(fence) and not line.strip().strip(fence[0]):
            fence = ""
        blank = not line.strip()
        position += len(line)
    return length
