"""Commands that send messages, and that answer, stop and resume replies."""

from __future__ import annotations

from typing import Annotated, Literal

import typer

from sessionls.cli.commands.base import Json, SessionArgument, Trust, app, change_queued_message, change_session, do
from sessionls.cli.terminal import Terminal


@app.command()
def ask(
    words: Annotated[
        list[str],
        typer.Argument(
            metavar="[FILE[:LINE-LINE]]… TEXT",
            help="Files or line ranges, other sessions (session:ID), and then the text (`-`: from stdin).",
        ),
    ],
    session: Annotated[str | None, typer.Option("--session", "-s", help="Continue this session.")] = None,
    newest: Annotated[bool, typer.Option("--continue", "-c", help="Continue this folder's newest session.")] = False,
    agent: Annotated[str | None, typer.Option("--agent", "-a", help="The agent for this message.")] = None,
    model: Annotated[str | None, typer.Option("--model", "-m", help="The model for this message.")] = None,
    diff: Annotated[str | None, typer.Option("--diff", metavar="REV", help="Also send the changes since this revision.")] = None,
    title: Annotated[str | None, typer.Option("--title", help="The title of a new session.")] = None,
    budget: Annotated[
        float | None, typer.Option("--budget", min=0, max=1e9, help="How many US dollars models may cost in the session.")
    ] = None,
    as_json: Json = False,
    trust: Trust = False,
) -> None:
    """Send a message, and show the reply while it is written.

    Starts a new session without `--session` or `--continue`. Ctrl+C cancels the reply and keeps the text so far.
    """

    async def work(terminal: Terminal) -> int:
        from sessionls.cli.ask import AskOptions
        from sessionls.cli.ask import ask as send
        from sessionls.cli.context import open_context

        options = AskOptions(words, session, newest, agent, model, diff, title, as_json, budget)
        async with open_context(terminal, trust=trust) as cli:
            return await send(cli, options)

    do(work)


@app.command()
def review(
    paths: Annotated[list[str] | None, typer.Argument(metavar="[PATH]…", help="Files or folders (default: all changes).")] = None,
    diff: Annotated[str | None, typer.Option("--diff", metavar="REV", help="The changes since this revision.")] = None,
    staged: Annotated[bool, typer.Option("--staged", help="The staged changes.")] = False,
    agent: Annotated[list[str] | None, typer.Option("--agent", "-a", help="An agent that reviews; can be repeated.")] = None,
    form: Annotated[Literal["text", "json", "sarif"], typer.Option("--format", "-f", help="The format.")] = "text",
    fail_on: Annotated[
        Literal["error", "warning", "info", "hint", "never"],
        typer.Option("--fail-on", help="Exit with 1 for findings of this severity or worse."),
    ] = "error",
    scan: Annotated[bool, typer.Option("--scan/--no-scan", help="Run the installed scanners first.")] = True,
    trust: Trust = False,
) -> None:
    """Review files or changes: scanners first, then agents. The session can be opened in the editor afterwards.

    Exit codes: 0 no such findings, 1 findings of the `--fail-on` severity or worse, 2 wrong usage, 3 an agent or a scanner
    failed.
    """

    async def work(terminal: Terminal) -> int:
        from sessionls.cli.context import open_context
        from sessionls.cli.review import ReviewOptions, run_review

        options = ReviewOptions(tuple(paths or ()), diff, staged, tuple(agent or ()), form, fail_on, scan)
        async with open_context(terminal, trust=trust) as cli:
            return await run_review(cli, options)

    do(work)


@app.command()
def resume(session: SessionArgument, trust: Trust = False) -> None:
    """Resume a session, and continue a reply that stopped."""

    async def work(terminal: Terminal) -> int:
        from sessionls.cli.ask import resume as resume_reply
        from sessionls.cli.context import open_context

        async with open_context(terminal, trust=trust) as cli:
            return await resume_reply(cli, session)

    do(work)


@app.command()
def answer(
    session: SessionArgument,
    words: Annotated[
        list[str],
        typer.Argument(metavar="[REQUEST] ANSWER", help="The request's id, if several are open; then once, session or deny."),
    ],
) -> None:
    """Answer a waiting permission request of any process; `sessionls show` lists them.

    `session` also allows it for later replies to your own messages in that session.
    """

    async def work(terminal: Terminal) -> int:
        from sessionls.cli.answer import answer_request
        from sessionls.cli.context import open_context

        async with open_context(terminal) as cli:
            return await answer_request(cli, session, words)

    do(work)


@app.command()
def cancel(session: SessionArgument) -> None:
    """Cancel the current reply, or one that stopped, in any editor."""
    change_session(lambda sessions, found: sessions.cancel(found), session, "Cancelled.")


@app.command()
def withdraw(
    session: SessionArgument,
    message: Annotated[str, typer.Argument(metavar="MESSAGE", help="The end of the message's id (see `sessionls show --ids`).")],
) -> None:
    """Withdraw a queued message."""
    change_queued_message(
        lambda sessions, found, waiting: sessions.withdraw(found, waiting), session, message, "The message was withdrawn."
    )


@app.command()
def now(
    session: SessionArgument,
    message: Annotated[str, typer.Argument(metavar="MESSAGE", help="The end of the message's id (see `sessionls show --ids`).")],
) -> None:
    """Cancel the current reply, and answer this queued message now."""
    change_queued_message(
        lambda sessions, found, waiting: sessions.send_now(found, waiting),
        session,
        message,
        "The message is answered next, in the process that sent it.",
    )


@app.command()
def pause(session: SessionArgument) -> None:
    """Pause a session. The current reply stops at the next safe point and keeps its work."""
    change_session(lambda sessions, found: sessions.pause(found), session, "Paused. To continue: sessionls resume {id}")
