"""Commands that send messages, and that answer, stop and resume replies."""

from __future__ import annotations

from typing import Annotated, Literal

import typer

from sessionls.cli.commands.base import Json, SessionArgument, Trust, app, change_session, change_waiting_message, do
from sessionls.cli.terminal import Terminal


@app.command()
def ask(
    words: Annotated[
        list[str],
        typer.Argument(
            metavar="[FILE[:LINE-LINE]]… TEXT",
            help="Files or lines of them, other sessions (session:ID), and the text last (`-`: from stdin).",
        ),
    ],
    session: Annotated[str | None, typer.Option("--session", "-s", help="Go on in this session.")] = None,
    newest: Annotated[bool, typer.Option("--continue", "-c", help="Go on in this folder's newest session.")] = False,
    agent: Annotated[str | None, typer.Option("--agent", "-a", help="The agent for this one message.")] = None,
    model: Annotated[str | None, typer.Option("--model", "-m", help="The model for this one message.")] = None,
    diff: Annotated[str | None, typer.Option("--diff", metavar="REV", help="Send the changes since this revision too.")] = None,
    title: Annotated[str | None, typer.Option("--title", help="The title of a new session.")] = None,
    budget: Annotated[
        float | None, typer.Option("--budget", min=0, max=1e9, help="How many US dollars models may cost in the session.")
    ] = None,
    as_json: Json = False,
    trust: Trust = False,
) -> None:
    """Send a message, and watch the reply as it is written.

    Without `--session` or `--continue` a new session begins. Ctrl+C cancels the reply; what it wrote is kept.
    """

    async def work(terminal: Terminal) -> int:
        from sessionls.cli.ask import Question
        from sessionls.cli.ask import ask as send
        from sessionls.cli.context import opened

        question = Question(words, session, newest, agent, model, diff, title, as_json, budget)
        async with opened(terminal, trust=trust) as cli:
            return await send(cli, question)

    do(work)


@app.command()
def review(
    paths: Annotated[list[str] | None, typer.Argument(metavar="[PATH]…", help="Files or folders; else what changed.")] = None,
    diff: Annotated[str | None, typer.Option("--diff", metavar="REV", help="The changes since this revision.")] = None,
    staged: Annotated[bool, typer.Option("--staged", help="The staged changes.")] = False,
    agent: Annotated[list[str] | None, typer.Option("--agent", "-a", help="Who reviews; may be given more than once.")] = None,
    form: Annotated[Literal["text", "json", "sarif"], typer.Option("--format", "-f", help="The format.")] = "text",
    fail_on: Annotated[
        Literal["error", "warning", "info", "hint", "never"],
        typer.Option("--fail-on", help="Exit with 1 from this severity on."),
    ] = "error",
    scan: Annotated[bool, typer.Option("--scan/--no-scan", help="Run the installed scanners first.")] = True,
    trust: Trust = False,
) -> None:
    """Review files or changes: scanners first, then agents. The session can be opened in the editor afterwards.

    Exit codes: 0 nothing so bad, 1 findings of that severity or worse, 2 wrong usage, 3 an agent or a scanner failed.
    """

    async def work(terminal: Terminal) -> int:
        from sessionls.cli.context import opened
        from sessionls.cli.review import ReviewOptions, run_review

        asked = ReviewOptions(tuple(paths or ()), diff, staged, tuple(agent or ()), form, fail_on, scan)
        async with opened(terminal, trust=trust) as cli:
            return await run_review(cli, asked)

    do(work)


@app.command()
def resume(session: SessionArgument, trust: Trust = False) -> None:
    """Go on after a pause: the session takes messages again, and a reply that stopped goes on here."""

    async def work(terminal: Terminal) -> int:
        from sessionls.cli.ask import resume as go_on
        from sessionls.cli.context import opened

        async with opened(terminal, trust=trust) as cli:
            return await go_on(cli, session)

    do(work)


@app.command()
def answer(
    session: SessionArgument,
    words: Annotated[
        list[str],
        typer.Argument(metavar="[REQUEST] ANSWER", help="The question's id, where several are open; once, session or deny."),
    ],
) -> None:
    """Answer a question for permission that waits, whichever process asked it; `sessionls show` lists them.

    `session` also covers later replies to your own messages in that session.
    """

    async def work(terminal: Terminal) -> int:
        from sessionls.cli.answer import answer_open
        from sessionls.cli.context import opened

        async with opened(terminal) as cli:
            return await answer_open(cli, session, words)

    do(work)


@app.command()
def cancel(session: SessionArgument) -> None:
    """Cancel the reply being written, or one that stopped, in whichever editor."""
    change_session(lambda sessions, found: sessions.cancel(found), session, "Cancelled.")


@app.command()
def withdraw(
    session: SessionArgument,
    message: Annotated[str, typer.Argument(metavar="MESSAGE", help="Its id, or the end of it: `sessionls show --ids`.")],
) -> None:
    """Take back a message that waits for its reply to begin."""
    change_waiting_message(
        lambda sessions, found, waiting: sessions.withdraw(found, waiting), session, message, "The message is withdrawn."
    )


@app.command()
def now(
    session: SessionArgument,
    message: Annotated[str, typer.Argument(metavar="MESSAGE", help="Its id, or the end of it: `sessionls show --ids`.")],
) -> None:
    """Cancel the reply being written, and go on with this message that waits."""
    change_waiting_message(
        lambda sessions, found, waiting: sessions.send_now(found, waiting),
        session,
        message,
        "The message is answered next, where it was sent from.",
    )


@app.command()
def pause(session: SessionArgument) -> None:
    """Pause a session: a reply being written stops at its next safe point, with all it has done."""
    change_session(lambda sessions, found: sessions.pause(found), session, "Paused. Go on with: sessionls resume {id}")
