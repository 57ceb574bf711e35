"""The terminal commands, one short function for each."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NoReturn

from sessionls.cli.commands import database, messages, people, permissions, sessions, setup
from sessionls.cli.commands.base import app

__all__ = ["app", "database", "messages", "people", "permissions", "run", "sessions", "setup"]


def run(arguments: Sequence[str]) -> NoReturn:
    """Run the command and exit: 0 done, 1 an error, 2 wrong usage, 130 cancelled."""
    app(list(arguments), prog_name="sessionls")
    raise SystemExit(0)
