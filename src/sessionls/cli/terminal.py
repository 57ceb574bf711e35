"""What all commands share: the two consoles, and how errors are shown."""

from __future__ import annotations

import logging
import os
import sys
from collections.abc import Awaitable, Callable, Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext
from logging.handlers import RotatingFileHandler
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.live import Live
from rich.text import Text

from sessionls.domain.errors import SessionlsError
from sessionls.domain.visible import as_json, shown

__all__ = ["Terminal", "UsageError", "keep_log", "run_command", "safe"]

log = logging.getLogger(__name__)

# What to do, where the words of an error speak to an editor.
_HINTS = {
    "sessionNotFound": "`sessionls sessions --all` lists those that exist.",
    "sessionPaused": "Go on with `sessionls resume SESSION`, or with a copy: `sessionls fork SESSION`.",
    "sessionArchived": "Bring it back with `sessionls unarchive SESSION`, or go on with a copy: `sessionls fork SESSION`.",
    "messageNotFound": "`sessionls show SESSION --ids` shows the ids of its messages.",
}


class UsageError(Exception):
    """The command was called in a way that makes no sense: exit code 2."""

    def __init__(self, message: str, hint: str = "") -> None:
        super().__init__(message)
        self.message = message
        self.hint = hint


def safe(text: str, *, prose: bool = False) -> str:
    """The text with nothing in it that a terminal would obey or that would mislead whoever reads it (see `visible.py`)."""
    return shown(text, prose=prose)


class Terminal:
    """`out` is for what was asked for, `err` for all else. Colours obey NO_COLOR, FORCE_COLOR and the kind of terminal."""

    def __init__(self) -> None:
        for stream in (sys.stdout, sys.stderr):
            # A pipe on Windows speaks a code page that cannot say everything.
            if not stream.isatty() and hasattr(stream, "reconfigure"):
                stream.reconfigure(encoding="utf-8", errors="replace")
        self.out = Console(highlight=False, markup=False, emoji=False)
        self.err = Console(highlight=False, markup=False, emoji=False, stderr=True)
        self.live: Live | None = None
        """What moves on stdout, while it does."""

    @property
    def interactive(self) -> bool:
        """Whether someone watches stdout. (Colours may be forced on a pipe; what moves may not.)"""
        return sys.stdout.isatty()

    @property
    def asks(self) -> bool:
        """Whether someone is there to be asked."""
        return bool(sys.stdin.isatty() and sys.stderr.isatty())

    @contextmanager
    def paused_live(self) -> Iterator[None]:
        """Nothing moves meanwhile: for a question."""
        live = self.live
        if live is not None:
            live.stop()
        try:
            yield
        finally:
            if live is not None and self.live is live:
                live.start()

    def write(self, text: str) -> None:
        """Plain text for a pipe. A pipe may end at a terminal: there is nothing in it that one would obey."""
        sys.stdout.write(safe(text, prose=True))
        sys.stdout.flush()

    def json(self, data: Any) -> None:
        self.write(as_json(data) + "\n")

    def busy(self, text: str) -> AbstractContextManager[object]:
        """A spinner on stderr while something takes long; nothing in a pipe."""
        return self.err.status(Text(text, style="dim")) if sys.stderr.isatty() else nullcontext()

    def note(self, text: str, style: str = "dim") -> None:
        """A word beside the result, on stderr."""
        self.err.print(Text(safe(text), style=style), soft_wrap=not sys.stderr.isatty())

    def tell(self, error: SessionlsError) -> None:
        """An error in a line and a hint, the hint in the terminal's words."""
        hint = _HINTS.get(error.kind, error.hint)
        if error.kind == "agentUnavailable" and "not trusted" in error.message:
            hint = "Read its definition, and if you agree with it add --trust (or set trusted_folders)."
        self.fail(error.message, hint)

    def fail(self, message: str, hint: str = "") -> None:
        words = Text("sessionls: ", style="bold red").append(safe(message), style="not bold default")
        self.err.print(words, soft_wrap=not sys.stderr.isatty())
        if hint:
            self.note(f"  {hint}")


class _Log(RotatingFileHandler):
    """Warnings and tracebacks go into a file of the data folder, where that exists: nobody should have to read them."""

    def handleError(self, record: logging.LogRecord) -> None:  # noqa: N802
        pass


def _log_file() -> Path:
    from sessionls.settings.settings import Settings

    try:
        return Settings.load().data_dir / "terminal.log"
    except SessionlsError:
        return Path(os.devnull)


def keep_log() -> None:
    """Log into a file, not onto the terminal."""
    handler = _Log(_log_file(), maxBytes=1_000_000, backupCount=1, encoding="utf-8", delay=True)
    logging.basicConfig(level=logging.WARNING, handlers=[handler], format="%(asctime)s %(levelname)s %(name)s: %(message)s")


async def run_command(terminal: Terminal, work: Callable[[], Awaitable[int]]) -> int:
    """Do the work and give the exit code: 1 for an error and 2 for wrong usage, each told in a line and a hint."""
    try:
        return await work()
    except UsageError as error:
        terminal.fail(error.message, error.hint)
        return 2
    except SessionlsError as error:
        terminal.tell(error)
        return 1
    except BrokenPipeError:
        raise
    except Exception as error:
        log.exception("unexpected")
        terminal.fail(
            f"unexpected error: {type(error).__name__}: {error}",
            f"This is a fault of sessionls. Please report it, with what {_log_file()} says of it.",
        )
        return 1
