"""Asking the person at a terminal for permission, and answering what was asked elsewhere."""

from __future__ import annotations

import asyncio
import os
import sys
from collections.abc import Sequence
from typing import TYPE_CHECKING

from rich.text import Text

from sessionls.domain.permission import Answer, Question

if TYPE_CHECKING:
    from sessionls.cli.context import Door
    from sessionls.cli.terminal import Terminal

__all__ = ["answer_open", "ask_person"]

_DETAIL = 80  # lines that are shown
_ANSWERS: dict[str, Answer] = {"y": "once", "yes": "once", "s": "session", "session": "session", "n": "deny", "no": "deny"}
_SHORT_WORDS = "  [y]es · [n]o: "
_WORDS = "  [y]es, once · yes for this [s]ession: {scope}, in replies to your messages · [n]o: "


async def ask_person(terminal: Terminal, question: Question) -> Answer | None:
    """Their answer; None where the input has ended."""
    from sessionls.cli.terminal import safe

    lines = safe(question.detail or "").splitlines()
    more = [f"… {len(lines) - _DETAIL} more lines"] if len(lines) > _DETAIL else []
    with terminal.still():
        terminal.err.print(Text(f"{safe(question.agent)} asks: {safe(question.summary)}", style="bold yellow"))
        for line in (*lines[:_DETAIL], *more):
            terminal.err.print(Text(f"  {line}", style="green" if line[:1] == "+" else "red" if line[:1] == "-" else "dim"))
        _forget_typed()
        while True:
            words = _WORDS.format(scope=safe(question.scope)) if question.scope else _SHORT_WORDS
            terminal.err.print(Text(words, style="yellow"), end="")
            try:
                line_ = await _line()
            except asyncio.CancelledError:
                terminal.err.print()
                terminal.err.print(Text("  It was answered elsewhere, or withdrawn.", style="dim"))
                raise
            if line_ is None:
                terminal.err.print()
                return None
            if (answer := _ANSWERS.get(line_.strip().lower())) is not None:
                return answer


_DONE: dict[Answer, str] = {"once": "Allowed once", "session": "Allowed for this session", "deny": "Denied"}


async def answer_open(door: Door, session: str, words: Sequence[str]) -> int:
    """Answer an open question of a session: `words` are its id (needed where several are open) and the decision."""
    from sessionls.cli.names import find_session, short
    from sessionls.cli.terminal import Usage

    *named, word = words
    decision = next((one for one in _DONE if one == word.lower()), None)
    if decision is None or len(named) > 1:
        raise Usage(f"{' '.join(words)!r} is no answer.", "sessionls answer SESSION [REQUEST] once|session|deny")
    found = await find_session(door.sessions, session)
    open_ = found.asking or []
    chosen = [one for one in open_ if not named or _names(named[0].lower(), one.request_id)]
    if len(chosen) > 1:
        listed = "; ".join(f"{short(one.request_id)} ({one.agent}: {one.summary})" for one in chosen)
        raise Usage(f"{len(chosen)} questions are open in this session.", f"Name one of them: {listed}")
    # An id that is none of an open question: the session says why it cannot be answered.
    request_id = chosen[0].request_id if chosen else named[0] if named else None
    await door.sessions.answer(found.id, request_id, decision)
    if chosen:
        scope = f" ({chosen[0].scope}, in replies to your messages)" if decision == "session" and chosen[0].scope else ""
        door.terminal.note(f"{_DONE[decision]}: {chosen[0].summary}{scope}")
    return 0


def _names(name: str, request_id: str) -> bool:
    return len(name) >= 4 and (request_id.endswith(name) or request_id.startswith(name))


def _forget_typed() -> None:
    """What was typed before the question is no answer to it."""
    if sys.platform == "win32":
        import msvcrt

        while msvcrt.kbhit():  # type: ignore[attr-defined,unused-ignore]
            msvcrt.getwch()  # type: ignore[attr-defined,unused-ignore]
    else:
        import termios

        termios.tcflush(sys.stdin.fileno(), termios.TCIFLUSH)


async def _line() -> str | None:
    """A line from the terminal, waited for without a thread that could not be stopped; None at the end of the input."""
    if sys.platform == "win32":
        return await _line_on_windows()
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


async def _line_on_windows() -> str | None:
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
