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
from sessionls.domain.errors import SessionUnreadable


@app.command()
def sessions(
    everywhere: All = False,
    query: Annotated[str | None, typer.Option("--query", "-q", help="Words in the title.")] = None,
    archived: Annotated[bool, typer.Option("--archived", help="List archived sessions.")] = False,
    limit: Annotated[int, typer.Option(min=1, max=500, help="The maximum number.")] = 30,
    as_json: Json = False,
) -> None:
    """List the sessions of this folder, newest first. Those that need you come before all others."""

    async def work(terminal: Terminal) -> int:
        from sessionls.cli.context import open_context
        from sessionls.cli.names import short
        from sessionls.cli.render import session_table

        async with open_context(terminal) as cli:
            page = await cli.sessions.list(
                workspace_folder="*" if everywhere else None, state="archived" if archived else None, query=query, limit=limit
            )
        if as_json:
            terminal.json(page.wire())
        elif page.sessions:
            you = page.you.id if page.you is not None else ""
            terminal.out.print(session_table(page.sessions, folders=everywhere, you=you))
            needs = [(item, need) for item in page.sessions for need in item.needs or () if need.participant.id == you]
            for item, need in needs:
                action = "handed you" if need.kind == "handOver" else "mentions you in"
                terminal.note(safe(f"{need.by.name} {action} {item.title}: sessionls show {short(item.id)}"), "yellow")
            if waiting := [session for session in page.sessions if session.asking]:
                terminal.note(f"Waits for permission. To see the request: `sessionls show {short(waiting[0].id)}`.", "yellow")
            if page.next_cursor:
                terminal.note(f"There are more: --limit {min(500, limit * 2)}, or --query WORDS.")
        else:
            terminal.note('No sessions yet. To start one: sessionls ask "…"' if not query else "No session has such a title.")
        return 0

    do(work)


@app.command()
def show(
    session: SessionArgument,
    limit: Annotated[int, typer.Option(min=1, max=500, help="The number of messages, from the end.")] = 50,
    ids: Annotated[bool, typer.Option("--ids", help="Also show the ids of messages.")] = False,
    as_json: Json = False,
) -> None:
    """Show a session's messages."""

    async def work(terminal: Terminal) -> int:
        from sessionls.cli.context import open_context
        from sessionls.cli.names import find_session, short
        from sessionls.cli.render import message_lines, names, need_lines, question_lines, usage_text
        from sessionls.domain.budget import dollars, pause_explanation

        async with open_context(terminal) as cli:
            found = await find_session(cli.sessions, session)
            page = await cli.sessions.history(found.id, limit=limit)
            while page.more and len(page.messages) < limit:  # long messages come in shorter pages
                left = limit - len(page.messages)
                older = await cli.sessions.history(found.id, before=page.messages[0].id, limit=left)
                page = older.model_copy(update={"messages": [*older.messages, *page.messages]})
        if as_json:
            terminal.json({"session": found.wire(), **page.wire()})
            return 0
        budget_text = f"budget {dollars(found.budget)}" if found.budget is not None else ""
        here = f"open now: {safe(names(found.present))}" if found.present else ""
        agent = f"default agent {safe(found.agent)}"
        people = [f"{one.name or one.id} ({one.role})" for one in found.people or ()]
        access = f"access: {safe(', '.join(people))}" if people else ""
        facts = (f"session {short(found.id)}", found.state, agent, usage_text(found.usage), budget_text, access, here)
        terminal.out.print(Text(safe(found.title), style="bold underline"))
        terminal.out.print(Text(" · ".join(fact for fact in facts if fact) + "\n", style="dim"))
        for message in page.messages:
            for line in message_lines(message, found.workspace_folders, ids=ids):
                terminal.out.print(line)
        for line in need_lines(found):
            terminal.out.print(line)
        for line in question_lines(found, page.messages):
            terminal.out.print(line)
        if (why := pause_explanation(found)) is not None:
            terminal.note(why, "yellow")
        if page.more:
            terminal.note(f"There are older messages: --limit {min(500, limit * 2)}")
        return 0

    do(work)


@app.command()
def search(
    query: str,
    everywhere: All = False,
    limit: Annotated[int, typer.Option(min=1, max=500, help="The maximum number.")] = 20,
    as_json: Json = False,
) -> None:
    """Search the text of all messages."""

    async def work(terminal: Terminal) -> int:
        from sessionls.cli.context import open_context
        from sessionls.cli.render import hit_lines

        async with open_context(terminal) as cli:
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
    message: Annotated[
        str | None, typer.Option("--message", metavar="MESSAGE", help="Only this reply, or the reply to this message.")
    ] = None,
    since: Annotated[
        str | None, typer.Option("--since", metavar="MESSAGE", help="Since this message, including its reply.")
    ] = None,
    as_json: Json = False,
) -> None:
    """Show the changes that agents made to files, and which of them are still there."""

    async def work(terminal: Terminal) -> int:
        from sessionls.cli.changes import show_changes
        from sessionls.cli.context import open_context

        async with open_context(terminal) as cli:
            return await show_changes(cli, session, message, since, as_json=as_json)

    do(work)


@app.command()
def revert(
    session: SessionArgument,
    file: Annotated[str | None, typer.Option("--file", metavar="PATH", help="Only this file.")] = None,
    hunk: Annotated[str | None, typer.Option("--hunk", metavar="HUNK", help="Only this hunk of the file.")] = None,
    message: Annotated[
        str, typer.Option("--message", metavar="MESSAGE", help="Only this reply, or the reply to this message.")
    ] = "last",
    since: Annotated[
        str | None, typer.Option("--since", metavar="MESSAGE", help="Since this message, including its reply.")
    ] = None,
    again: Annotated[str | None, typer.Option("--of", metavar="REVERT", help="Undo this revert.")] = None,
) -> None:
    """Revert changes that agents made to files. The default is the newest reply that changed a file.

    If somebody changed the same lines later, shows that and changes nothing. Changes by commands are unknown and not reverted.
    """

    async def work(terminal: Terminal) -> int:
        from sessionls.cli.changes import revert_changes
        from sessionls.cli.context import open_context

        async with open_context(terminal) as cli:
            return await revert_changes(cli, session, message, since, again, file=file, hunk=hunk)

    do(work)


@app.command()
def fork(
    session: SessionArgument,
    at: Annotated[str | None, typer.Option(metavar="MESSAGE", help="The last message to include in the copy.")] = None,
    title: Annotated[str | None, typer.Option(help="The copy's title.")] = None,
    agent: Annotated[str | None, typer.Option("--agent", "-a", help="The copy's default agent.")] = None,
) -> None:
    """Copy a session to continue in the copy, and leave the session unchanged."""

    async def work(terminal: Terminal) -> int:
        from sessionls.cli.context import open_context
        from sessionls.cli.names import find_message, find_session, short

        async with open_context(terminal) as cli:
            found = await find_session(cli.sessions, session)
            message = await find_message(cli.sessions, found.id, at) if at else None
            child = await cli.sessions.fork(found.id, at=message.id if message else None, title=title, agent=agent)
        terminal.write(f"{short(child.id)}\n")
        terminal.note(
            f'"{child.title}" has {child.message_count} messages. To continue: sessionls ask --session {short(child.id)} "…"'
        )
        return 0

    do(work)


@app.command()
def switch(
    session: SessionArgument,
    agent: str,
    model: Annotated[str | None, typer.Option("--model", "-m", help="The model to use instead of the agent's own.")] = None,
) -> None:
    """Change a session's default agent."""
    change_session(
        lambda sessions, found: sessions.switch_agent(found, agent, model=model), session, "The default agent is now {agent}."
    )


@app.command()
def rename(session: SessionArgument, title: str) -> None:
    """Rename a session."""
    change_session(lambda sessions, found: sessions.rename(found, title), session, 'Renamed to "{title}".')


@app.command("hand-over")
def hand_over(
    session: SessionArgument,
    to: Annotated[str, typer.Argument(metavar="PARTICIPANT", help="The name, e-mail address or id of a participant of it.")],
    note: Annotated[str | None, typer.Argument(metavar="[NOTE]", help="What they should know.")] = None,
) -> None:
    """Hand a session to another participant, who finds there what waits: questions, a stopped reply, messages."""
    change_session(lambda sessions, found: sessions.hand_over(found, to, note=note), session, "The session was handed over.")


@app.command()
def budget(
    session: SessionArgument,
    amount: Annotated[str, typer.Argument(metavar="AMOUNT", help="US dollars, or `none`.")],
) -> None:
    """Set how many US dollars models may cost in a session. When this is used up, the session is paused until you raise it."""
    from sessionls.domain.budget import dollars, read_amount

    if amount == "none":
        change_session(lambda sessions, found: sessions.set_budget(found, None), session, "The budget was removed.")
    value = read_amount(amount)
    if value is None:
        raise typer.BadParameter(f"{amount} is not an amount. Use US dollars such as 2.50, or none.")
    change_session(lambda sessions, found: sessions.set_budget(found, value), session, f"The budget is now {dollars(value)}.")


@app.command()
def archive(session: SessionArgument) -> None:
    """Hide a session from lists."""
    change_session(lambda sessions, found: sessions.archive(found), session, "Archived. To restore it: sessionls unarchive {id}")


@app.command()
def unarchive(session: SessionArgument) -> None:
    """Restore an archived session."""
    change_session(lambda sessions, found: sessions.unarchive(found), session, "Restored.")


@app.command()
def compact(session: SessionArgument) -> None:
    """Summarize older messages for the model. The session keeps all messages."""
    change_session(lambda sessions, found: sessions.compact(found), session, "Compacted.")


@app.command()
def delete(session: SessionArgument, yes: Annotated[bool, typer.Option("--yes", "-y", help="Do not ask.")] = False) -> None:
    """Delete a session permanently. Its forks stay complete."""

    async def work(terminal: Terminal) -> int:
        from sessionls.cli.context import open_context
        from sessionls.cli.names import find_session, short
        from sessionls.server.features.session_file.files import SessionFiles

        async with open_context(terminal) as cli:
            try:
                found = await find_session(cli.sessions, session)
                session_id, question = found.id, f'Delete "{found.title}" with {found.message_count} messages permanently?'
            except SessionUnreadable:  # (only a whole id finds it)
                session_id = session.lower()
                question = "This version of sessionls cannot read the session. Delete it with all its messages permanently?"
            if not yes:
                if not sys.stdin.isatty():
                    raise UsageError("The deletion needs confirmation.", "Add --yes.")
                if not await asyncio.to_thread(typer.confirm, question):
                    return 1
            await cli.sessions.delete(session_id)
            await asyncio.to_thread(lambda: SessionFiles(cli.settings.data_dir).remove(session_id))
        terminal.note(f"Deleted {short(session_id)}.")
        return 0

    do(work)


@app.command()
def export(
    session: SessionArgument,
    form: Annotated[Literal["markdown", "json", "html"], typer.Option("--format", "-f", help="The format.")] = "markdown",
    output: Annotated[Path | None, typer.Option("--output", "-o", help="The file to write; the default is stdout.")] = None,
    check: Annotated[bool, typer.Option("--check", help="Only list the keys and tokens that would be masked.")] = False,
    unmasked: Annotated[bool, typer.Option("--unmasked", help="Leave keys and tokens in it as they are.")] = False,
) -> None:
    """Export a session as Markdown, JSON, or a self-contained HTML file.

    What looks like a key, a token or a password is masked. With `--check` the exit code is 1 if there is any.
    """

    async def work(terminal: Terminal) -> int:
        from sessionls.cli.context import open_context
        from sessionls.cli.names import find_session
        from sessionls.cli.secrets import print_secrets, secrets_words
        from sessionls.sessions.export.masking import Masking

        async with open_context(terminal) as cli:
            found = await find_session(cli.sessions, session)
            if check:
                return print_secrets(terminal, await cli.sessions.find_secrets(found.id))
            masking = None if unmasked else Masking()
            if output is None:
                async for piece in cli.sessions.export_pieces(found.id, form, masking):
                    terminal.write(piece)
                masked = 0 if masking is None else len(masking.secrets)
            else:
                try:
                    masked = (await cli.sessions.export(found.id, form, file=output, unmasked=unmasked)).masked
                except OSError as error:
                    raise UsageError(f"{output} cannot be written: {error.strerror}.") from None
                terminal.note(f"Written to {output}.")
        if unmasked:
            terminal.note("Keys and tokens were not masked.", "yellow")
        elif masked:
            terminal.note(f"Masked {secrets_words(masked)}. See which: sessionls export {session} --check", "yellow")
        return 0

    do(work)
