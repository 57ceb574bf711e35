"""What all commands share: the two consoles, the terminal as an editor without buffers, and how errors are told."""

from __future__ import annotations

import json
import re
import sys
import traceback
from collections.abc import Awaitable, Callable, Sequence
from contextlib import AbstractContextManager, nullcontext
from typing import Any, Literal

from rich.console import Console
from rich.text import Text

from sessionls.sessions.errors import SessionlsError
from sessionls.sessions.ports import Buffer

__all__ = ["Terminal", "TerminalEditor", "Usage", "guarded", "safe"]

# C0 and C1 without line feed and tab: what a terminal would obey. A reply, a title or a file's name may hold anything.
_CONTROL = re.compile(r"[\x00-\x08\x0b-\x1f\x7f-\x9f]")
# What to do, where the words of an error speak to an editor.
_HINTS = {
    "sessionNotFound": "`sessionls sessions --all` lists those that exist.",
    "sessionPaused": "Go on with `sessionls resume SESSION`, or with a copy: `sessionls fork SESSION`.",
    "sessionArchived": "Bring it back with `sessionls unarchive SESSION`, or go on with a copy: `sessionls fork SESSION`.",
    "messageNotFound": "`sessionls show SESSION --ids` shows the ids of its messages.",
}


class Usage(Exception):
    """The command was called in a way that makes no sense: exit code 2."""

    def __init__(self, message: str, hint: str = "") -> None:
        super().__init__(message)
        self.message = message
        self.hint = hint


def safe(text: str) -> str:
    """The text without what a terminal would obey."""
    return _CONTROL.sub("\N{REPLACEMENT CHARACTER}", text.replace("\r\n", "\n"))


class Terminal:
    """`out` is for what was asked for, `err` for all else. Colours obey NO_COLOR, FORCE_COLOR and the kind of terminal."""

    def __init__(self) -> None:
        for stream in (sys.stdout, sys.stderr):
            # A pipe on Windows speaks a code page that cannot say everything.
            if not stream.isatty() and hasattr(stream, "reconfigure"):
                stream.reconfigure(encoding="utf-8", errors="replace")
        self.out = Console(highlight=False, markup=False, emoji=False)
        self.err = Console(highlight=False, markup=False, emoji=False, stderr=True)

    def write(self, text: str) -> None:
        """Plain text for a pipe, as it is."""
        sys.stdout.write(text)
        sys.stdout.flush()

    def json(self, data: Any) -> None:
        self.write(json.dumps(data, ensure_ascii=False, indent=2) + "\n")

    def busy(self, text: str) -> AbstractContextManager[object]:
        """A spinner on stderr while something takes long; nothing in a pipe."""
        return self.err.status(Text(text, style="dim")) if self.err.is_terminal else nullcontext()

    def note(self, text: str, style: str = "dim") -> None:
        """A word beside the result, on stderr."""
        self.err.print(Text(safe(text), style=style), soft_wrap=True)

    def fail(self, message: str, hint: str = "") -> None:
        words = Text("sessionls: ", style="bold red").append(safe(message), style="not bold default")
        self.err.print(words, soft_wrap=True)
        if hint:
            self.note(f"  {hint}")


class TerminalEditor:
    """The editor that a terminal is: one folder, no open buffers; positions count code points."""

    def __init__(self, folder: str) -> None:
        self._folder = folder

    @property
    def encoding(self) -> Literal["utf-8", "utf-16", "utf-32"]:
        return "utf-32"

    @property
    def folders(self) -> Sequence[str]:
        return (self._folder,)

    def buffer(self, uri: str) -> Buffer | None:  # noqa: ARG002
        return None


async def guarded(terminal: Terminal, work: Callable[[], Awaitable[int]]) -> int:
    """Do the work and give the exit code: 1 for an error and 2 for wrong usage, each told in a line and a hint."""
    try:
        return await work()
    except Usage as error:
        terminal.fail(error.message, error.hint)
        return 2
    except SessionlsError as error:
        terminal.fail(error.message, _HINTS.get(error.kind, error.hint))
        return 1
    except (KeyboardInterrupt, SystemExit, OSError):
        raise
    except Exception as error:  # noqa: BLE001  # the last resort: nobody should have to read a traceback
        place = traceback.extract_tb(error.__traceback__)[-1]
        terminal.fail(
            f"unexpected error: {type(error).__name__}: {error}",
            f"This is a fault of sessionls, in {place.name} (line {place.lineno}). Please report it with what you did.",
        )
        return 1
