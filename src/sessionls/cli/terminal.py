"""Shared by all commands: the two consoles, and the display of errors."""

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

__all__ = ["Terminal", "UsageError", "log_to_file", "run_command", "safe"]

log = logging.getLogger(__name__)

# Hints that replace those written for editors.
_HINTS = {
    "sessionNotFound": "`sessionls sessions --all` lists all sessions.",
    "sessionPaused": "Continue with `sessionls resume SESSION`, or in a copy: `sessionls fork SESSION`.",
    "sessionArchived": "Restore it with `sessionls unarchive SESSION`, or continue in a copy: `sessionls fork SESSION`.",
    "messageNotFound": "`sessionls show SESSION --ids` shows the ids of its messages.",
}


class UsageError(Exception):
    """The command was used incorrectly: exit code 2."""

    def __init__(self, message: str, hint: str = "") -> None:
        super().__init__(message)
        self.message = message
        self.hint = hint


def safe(text: str, *, prose: bool = False) -> str:
    """The text without control sequences for the terminal and without misleading characters (see `visible.py`)."""
    return shown(text, prose=prose)


class Terminal:
    """`out` is for the requested output, `err` for everything else. Colors follow NO_COLOR, FORCE_COLOR and the terminal."""

    def __init__(self) -> None:
        for stream in (sys.stdout, sys.stderr):
            # Pipes on Windows use a code page that lacks many characters.
            if not stream.isatty() and hasattr(stream, "reconfigure"):
                stream.reconfigure(encoding="utf-8", errors="replace")
        self.out = Console(highlight=False, markup=False, emoji=False)
        self.err = Console(highlight=False, markup=False, emoji=False, stderr=True)
        self.live: Live | None = None
        """The live display on stdout, while there is one."""

    @property
    def interactive(self) -> bool:
        """Whether stdout is a terminal. (Colors can be forced on a pipe, live displays cannot.)"""
        return sys.stdout.isatty()

    @property
    def can_ask(self) -> bool:
        """Whether a person can be asked."""
        return bool(sys.stdin.isatty() and sys.stderr.isatty())

    @contextmanager
    def paused_live(self) -> Iterator[None]:
        """Pause the live display, to ask a question."""
        live = self.live
        if live is not None:
            live.stop()
        try:
            yield
        finally:
            if live is not None and self.live is live:
                live.start()

    def write(self, text: str) -> None:
        """Write plain text for a pipe, without control sequences, since a pipe may end at a terminal."""
        sys.stdout.write(safe(text, prose=True))
        sys.stdout.flush()

    def json(self, data: Any) -> None:
        self.write(as_json(data) + "\n")

    def busy(self, text: str) -> AbstractContextManager[object]:
        """A spinner on stderr during long work; nothing in a pipe."""
        return self.err.status(Text(text, style="dim")) if sys.stderr.isatty() else nullcontext()

    def note(self, text: str, style: str = "dim") -> None:
        """Print a note on stderr."""
        self.err.print(Text(safe(text), style=style), soft_wrap=not sys.stderr.isatty())

    def print_error(self, error: SessionlsError) -> None:
        """Print an error in one line, and a hint for the terminal."""
        hint = _HINTS.get(error.kind, error.hint)
        if error.kind == "agentUnavailable" and "not trusted" in error.message:
            hint = "Read its definition. If you trust it, add --trust (or set trusted_folders)."
        self.fail(error.message, hint)

    def fail(self, message: str, hint: str = "") -> None:
        line = Text("sessionls: ", style="bold red").append(safe(message), style="not bold default")
        self.err.print(line, soft_wrap=not sys.stderr.isatty())
        if hint:
            self.note(f"  {hint}")


class _LogFile(RotatingFileHandler):
    """Writes warnings and tracebacks into a file of the data folder, if that exists, instead of the terminal."""

    def handleError(self, record: logging.LogRecord) -> None:  # noqa: N802
        pass


def _log_file() -> Path:
    from sessionls.settings.settings import Settings

    try:
        return Settings.load().data_dir / "terminal.log"
    except SessionlsError:
        return Path(os.devnull)


def log_to_file() -> None:
    """Log into a file instead of the terminal."""
    handler = _LogFile(_log_file(), maxBytes=1_000_000, backupCount=1, encoding="utf-8", delay=True)
    logging.basicConfig(level=logging.WARNING, handlers=[handler], format="%(asctime)s %(levelname)s %(name)s: %(message)s")


async def run_command(terminal: Terminal, work: Callable[[], Awaitable[int]]) -> int:
    """Do the work and return the exit code. Prints errors (exit code 1) and wrong usage (2) in one line with a hint."""
    try:
        return await work()
    except UsageError as error:
        terminal.fail(error.message, error.hint)
        return 2
    except SessionlsError as error:
        terminal.print_error(error)
        return 1
    except BrokenPipeError:
        raise
    except Exception as error:
        log.exception("unexpected")
        terminal.fail(
            f"unexpected error: {type(error).__name__}: {error}",
            f"This is a bug in sessionls. Please report it together with the log: {_log_file()}",
        )
        return 1
