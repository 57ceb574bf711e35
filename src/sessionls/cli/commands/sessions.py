"""Commands that find, show, change and export sessions."""

from __future__ import annotations

import asyncio
import sys
from pathlib import Path
from typing import Annotated, Literal

import typer
from rich.text import Text

from sessionls.cli.commands.base import All, Json, SessionArgument, app, change_session, do
from sessionls.cli.terminal import Terminal, UsageError, safe


@app.command()
def sessions(
    everywhere: All = False,
    query: Annotated[str | None, typer.Option("--query", "-q", help="Words of the title.")] = None,
    archived: Annotated[bool, typer.Option("--archived", help="The archived ones.")] = False,
    limit: Annotated[int, typer.Option(min=1, max=500, help="How many at most.")] = 30,
    as_json: Json = False,
) -> None:
    """List the sessions of this folder: those that ask for permission first, newest first each."""

    async def work(terminal: Terminal) -> int:
        from sessionls.cli.context import opened
        from sessionls.cli.names import short
        from sessionls.cli.render import session_table

        async with opened(terminal) as cli:
            page = await cli.sessions.list(
                workspace_folder="*" if everywhere else None, state="archived" if archived else None, query=query, limit=limit
            )
        if as_json:
            terminal.json(page.wire())
        elif page.sessions:
            terminal.out.print(session_table(page.sessions, folders=everywhere))
            if asks := [session for session in page.sessions if session.asking]:
                terminal.note(f"Asks for permission: see what with `sessionls show {short(asks[0].id)}`.", "yellow")
            if page.next_cursor:
                terminal.note(f"There are more: --limit {min(500, limit * 2)}, or --query WORDS.")
        else:
            terminal.note('No sessions here yet. Begin one: sessionls ask "…"' if not query else "No session has such a title.")
        return 0

    do(work)


@app.command()
def show(
    session: SessionArgument,
    limit: Annotated[int, typer.Option(min=1, max=500, help="How many messages, from the end.")] = 50,
    ids: Annotated[bool, typer.Option("--ids", help="Show the messages' ids too.")] = False,
    as_json: Json = False,
) -> None:
    """Show a session's messages."""

    async def work(terminal: Terminal) -> int:
        from sessionls.cli.context import opened
        from sessionls.cli.names import find_session, short
        from sessionls.cli.render import message_lines, names, question_lines, spent
        from sessionls.domain.budget import dollars, words_for_pause

        async with opened(terminal) as cli:
            found = await find_session(cli.sessions, session)
            page = await cli.sessions.history(found.id, limit=limit)
            while page.more and len(page.messages) < limit:  # long messages come in shorter pages
                left = limit - len(page.messages)
                older = await cli.sessions.history(found.id, before=page.messages[0].id, limit=left)
                page = older.model_copy(update={"messages": [*older.messages, *page.messages]})
        if as_json:
            terminal.json({"session": found.wire(), **page.wire()})
            return 0
        most = f"budget {dollars(found.budget)}" if found.budget is not None else ""
        here = f"open now: {safe(names(found.present))}" if found.present else ""
        agent = f"default agent {safe(found.agent)}"
        facts = (f"session {short(found.id)}", found.state, agent, spent(found.usage), most, here)
        terminal.out.print(Text(safe(found.title), style="bold underline"))
        terminal.out.print(Text(" · ".join(fact for fact in facts if fact) + "\n", style="dim"))
        for message in page.messages:
            for line in message_lines(message, found.workspace_folders, ids=ids):
                terminal.out.print(line)
        for line in question_lines(found, page.messages):
            terminal.out.print(line)
        if (why := words_for_pause(found)) is not None:
            terminal.note(why, "yellow")
        if page.more:
            terminal.note(f"There are older ones: --limit {min(500, limit * 2)}")
        return 0

    do(work)


@app.command()
def search(
    query: str,
    everywhere: All = False,
    limit: Annotated[int, typer.Option(min=1, max=500, help="How many at most.")] = 20,
    as_json: Json = False,
) -> None:
    """Find what was said, in full text."""

    async def work(terminal: Terminal) -> int:
        from sessionls.cli.context import opened
        from sessionls.cli.render import hit_lines

        async with opened(terminal) as cli:
            result = await cli.sessions.search(query, workspace_folder="*" if everywhere else None, limit=limit)
        if as_json:
            terminal.json(result.wire())
        elif result.hits:
            for line in hit_lines(result.hits):
                terminal.out.print(line, soft_wrap=True)
        else:
            terminal.note("Nothing was found.")
        return 0

    do(work)


@app.command()
def changes(
    session: SessionArgument,
    message: Annotated[str | None, typer.Option("--message", metavar="MESSAGE", help="Of this reply, or the one to it.")] = None,
    since: Annotated[str | None, typer.Option("--since", metavar="MESSAGE", help="Since this message, with its reply.")] = None,
    as_json: Json = False,
) -> None:
    """Show what agents changed in files, and what of it stands."""

    async def work(terminal: Terminal) -> int:
        from sessionls.cli.changes import show_changes
        from sessionls.cli.context import opened

        async with opened(terminal) as cli:
            return await show_changes(cli, session, message, since, as_json=as_json)

    do(work)


@app.command()
def revert(
    session: SessionArgument,
    file: Annotated[str | None, typer.Option("--file", metavar="PATH", help="Of this file alone.")] = None,
    hunk: Annotated[str | None, typer.Option("--hunk", metavar="HUNK", help="This hunk of the file alone.")] = None,
    message: Annotated[str, typer.Option("--message", metavar="MESSAGE", help="Of this reply, or the one to it.")] = "last",
    since: Annotated[str | None, typer.Option("--since", metavar="MESSAGE", help="Since this message, with its reply.")] = None,
    again: Annotated[str | None, typer.Option("--of", metavar="REVERT", help="Take this revert back.")] = None,
) -> None:
    """Take back what agents changed in files: by default, what the newest reply did that changed any.

    Where somebody changed the same lines later nothing is changed, and that is shown. What commands did is not known, and stays.
    """

    async def work(terminal: Terminal) -> int:
        from sessionls.cli.changes import take_back
        from sessionls.cli.context import opened

        async with opened(terminal) as cli:
            return await take_back(cli, session, message, since, again, file=file, hunk=hunk)

    do(work)


@app.command()
def fork(
    session: SessionArgument,
    at: Annotated[str | None, typer.Option(metavar="MESSAGE", help="The last message that the copy holds.")] = None,
    title: Annotated[str | None, typer.Option(help="The copy's title.")] = None,
    agent: Annotated[str | None, typer.Option("--agent", "-a", help="The copy's default agent.")] = None,
) -> None:
    """Go on in a copy, and leave the session as it is."""

    async def work(terminal: Terminal) -> int:
        from sessionls.cli.context import opened
        from sessionls.cli.names import find_message, find_session, short

        async with opened(terminal) as cli:
            found = await find_session(cli.sessions, session)
            message = await find_message(cli.sessions, found.id, at) if at else None
            child = await cli.sessions.fork(found.id, at=message.id if message else None, title=title, agent=agent)
        terminal.write(f"{short(child.id)}\n")
        terminal.note(
            f'"{child.title}" holds {child.message_count} messages. Go on: sessionls ask --session {short(child.id)} "…"'
        )
        return 0

    do(work)


@app.command()
def switch(
    session: SessionArgument,
    agent: str,
    model: Annotated[str | None, typer.Option("--model", "-m", help="The model it uses here, in place of its own.")] = None,
) -> None:
    """Change a session's default agent."""
    change_session(
        lambda sessions, found: sessions.switch_agent(found, agent, model=model), session, "The default agent is {agent} now."
    )


@app.command()
def rename(session: SessionArgument, title: str) -> None:
    """Give a session another title."""
    change_session(lambda sessions, found: sessions.rename(found, title), session, 'It is called "{title}" now.')


@app.command()
def budget(
    session: SessionArgument,
    amount: Annotated[str, typer.Argument(metavar="AMOUNT", help="US dollars, or `none`.")],
) -> None:
    """Say how many US dollars models may cost in a session. At that it is paused; raise it, and resume."""
    from sessionls.domain.budget import dollars, read_amount

    if amount == "none":
        change_session(lambda sessions, found: sessions.set_budget(found, None), session, "The session has no budget any more.")
    value = read_amount(amount)
    if value is None:
        raise typer.BadParameter(f"{amount} is not an amount. Give US dollars, as in 2.50, or none.")
    change_session(lambda sessions, found: sessions.set_budget(found, value), session, f"The budget is {dollars(value)} now.")


@app.command()
def archive(session: SessionArgument) -> None:
    """Hide a session from lists."""
    change_session(
        lambda sessions, found: sessions.archive(found), session, "Archived. Bring it back with: sessionls unarchive {id}"
    )


@app.command()
def unarchive(session: SessionArgument) -> None:
    """Bring an archived session back."""
    change_session(lambda sessions, found: sessions.unarchive(found), session, "It is back.")


@app.command()
def compact(session: SessionArgument) -> None:
    """Summarise the older part for the model; the session itself keeps everything."""
    change_session(lambda sessions, found: sessions.compact(found), session, "Compacted.")


@app.command()
def delete(session: SessionArgument, yes: Annotated[bool, typer.Option("--yes", "-y", help="Do not ask.")] = False) -> None:
    """Remove a session for good. Forks of it stay whole."""

    async def work(terminal: Terminal) -> int:
        from sessionls.cli.context import opened
        from sessionls.cli.names import find_session, short

        async with opened(terminal) as cli:
            found = await find_session(cli.sessions, session)
            if not yes:
                if not sys.stdin.isatty():
                    raise UsageError("Nobody is here to confirm it.", "Add --yes.")
                words = f'Delete "{found.title}" with {found.message_count} messages for good?'
                if not await asyncio.to_thread(typer.confirm, words):
                    return 1
            await cli.sessions.delete(found.id)
        terminal.note(f"Deleted {short(found.id)}.")
        return 0

    do(work)


@app.command()
def export(
    session: SessionArgument,
    form: Annotated[Literal["markdown", "json", "html"], typer.Option("--format", "-f", help="The format.")] = "markdown",
    output: Annotated[Path | None, typer.Option("--output", "-o", help="The file to write; else stdout.")] = None,
) -> None:
    """Write a session out: Markdown, JSON, or one self-contained HTML file."""

    async def work(terminal: Terminal) -> int:
        from sessionls.cli.context import opened
        from sessionls.cli.names import find_session

        async with opened(terminal) as cli:
            found = await find_session(cli.sessions, session)
            if output is None:
                async for piece in cli.sessions.export_pieces(found.id, form):
                    terminal.write(piece)
                return 0
            try:
                await cli.sessions.export(found.id, form, file=output)
            except OSError as error:
                raise UsageError(f"{output} cannot be written: {error.strerror}.") from None
        terminal.note(f"Written to {output}.")
        return 0

    do(work)
