"""Asks the person at a terminal for permission."""

from __future__ import annotations

import asyncio
import os
import sys

from rich.text import Text

from sessionls.cli.terminal import Terminal, safe
from sessionls.domain.permission import Answer, Question

__all__ = ["ask_person"]

_MAX_LINES = 80  # lines that are shown
_ANSWERS: dict[str, Answer] = {"y": "once", "yes": "once", "s": "session", "session": "session", "n": "deny", "no": "deny"}
_SHORT_PROMPT = "  [y]es · [n]o: "
_PROMPT = "  [y]es, once · yes for this [s]ession: {scope}, in replies to your messages · [n]o: "


async def ask_person(terminal: Terminal, question: Question) -> Answer | None:
    """The person's answer; None at the end of the input."""
    lines = safe(question.detail or "").splitlines()
    more = [f"… {len(lines) - _MAX_LINES} more lines"] if len(lines) > _MAX_LINES else []
    with terminal.paused_live():
        terminal.err.print(Text(f"{safe(question.agent)} asks: {safe(question.summary)}", style="bold yellow"))
        for line in (*lines[:_MAX_LINES], *more):
            terminal.err.print(Text(f"  {line}", style="green" if line[:1] == "+" else "red" if line[:1] == "-" else "dim"))
        _discard_typed_input()
        while True:
            prompt = _PROMPT.format(scope=safe(question.scope)) if question.scope else _SHORT_PROMPT
            terminal.err.print(Text(prompt, style="yellow"), end="")
            try:
                typed = await _read_line()
            except asyncio.CancelledError:
                terminal.err.print()
                terminal.err.print(Text("  The request was answered elsewhere or withdrawn.", style="dim"))
                raise
            if typed is None:
                terminal.err.print()
                return None
            if (answer := _ANSWERS.get(typed.strip().lower())) is not None:
                return answer


def _discard_typed_input() -> None:
    """Discard input that was typed before the question."""
    if sys.platform == "win32":
        import msvcrt

        while msvcrt.kbhit():  # type: ignore[attr-defined,unused-ignore]
            msvcrt.getwch()  # type: ignore[attr-defined,unused-ignore]
    else:
        import termios

        termios.tcflush(sys.stdin.fileno(), termios.TCIFLUSH)


async def _read_line() -> str | None:
    """Read a line without a thread, because a blocked thread could not be stopped. None at the end of the input."""
    if sys.platform == "win32":
        return await _read_line_on_windows()
    loop = asyncio.get_running_loop()
    source = sys.stdin.fileno()
    ready = asyncio.Event()
    loop.add_reader(source, ready.set)
    try:
        await ready.wait()
    finally:
        loop.remove_reader(source)
    data = await asyncio.to_thread(os.read, source, 1000)
    return data.decode("utf-8", "replace") if data else None


async def _read_line_on_windows() -> str | None:
    import msvcrt

    typed = ""
    while True:
        while msvcrt.kbhit():  # type: ignore[attr-defined,unused-ignore]
            key = msvcrt.getwche()  # type: ignore[attr-defined,unused-ignore]
            if key in "\r\n":
                return typed
            if key == "\x1a":
                return None
            typed = typed[:-1] if key == "\b" else typed + key
        await asyncio.sleep(0.05)
