"""The terminal application, and helpers for its commands."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import TYPE_CHECKING, Annotated, NoReturn

import typer

from sessionls import __version__
from sessionls.cli.terminal import Terminal, log_to_file, run_command

if TYPE_CHECKING:
    from sessionls.domain.model import Session
    from sessionls.sessions.service import Sessions

__all__ = ["All", "Json", "SessionArgument", "Trust", "app", "change_queued_message", "change_session", "do"]

app = typer.Typer(
    name="sessionls",
    help="Sessions with AI agents, in any editor and in the terminal.",
    no_args_is_help=True,
    add_completion=True,
    rich_markup_mode="markdown",
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)

SessionArgument = Annotated[str, typer.Argument(metavar="SESSION", help="The session's id, or its last 8 characters.")]
Json = Annotated[bool, typer.Option("--json", help="Print JSON.")]
All = Annotated[bool, typer.Option("--all", "-A", help="Include all folders, not only this one.")]
Trust = Annotated[bool, typer.Option("--trust", help="Allow agents that this folder defines.")]


def do(work: Callable[[Terminal], Awaitable[int]]) -> NoReturn:
    """Run a command and exit with the code that it returns."""
    terminal = Terminal()
    log_to_file()
    try:
        code = asyncio.run(run_command(terminal, lambda: work(terminal)))
    except KeyboardInterrupt:
        terminal.note("Cancelled.", "yellow")
        code = 130
    raise typer.Exit(code)


@app.callback(invoke_without_command=True)
def _root(version: Annotated[bool, typer.Option("--version", help="Print the version.")] = False) -> None:
    if version:
        typer.echo(f"sessionls {__version__}")
        raise typer.Exit


def change_queued_message(
    change: Callable[[Sessions, str, str], Awaitable[Session]], session: str, message: str, words: str
) -> NoReturn:
    """Change a queued message, and print `words`. `session` and `message` are the names that the person typed."""

    async def work(terminal: Terminal) -> int:
        from sessionls.cli.context import open_context
        from sessionls.cli.names import find_message, find_session

        async with open_context(terminal) as cli:
            found = await find_session(cli.sessions, session)
            queued = await find_message(cli.sessions, found.id, message)
            await change(cli.sessions, found.id, queued.id)
        terminal.note(words)
        return 0

    do(work)


def change_session(change: Callable[[Sessions, str], Awaitable[Session]], session: str, words: str) -> NoReturn:
    """Change a session, and print `words`, with `{id}`, `{agent}` and `{title}` replaced by those of the changed session."""

    async def work(terminal: Terminal) -> int:
        from sessionls.cli.context import open_context
        from sessionls.cli.names import find_session, short

        async with open_context(terminal) as cli:
            found = await find_session(cli.sessions, session)
            changed = await change(cli.sessions, found.id)
        terminal.note(words.format(id=short(changed.id), agent=changed.agent, title=changed.title))
        return 0

    do(work)
