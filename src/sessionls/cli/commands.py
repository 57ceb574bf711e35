"""The commands of the terminal, one short function for each."""

from __future__ import annotations

import asyncio
import sys
from collections.abc import Awaitable, Callable, Sequence
from pathlib import Path
from typing import Annotated, Literal, NoReturn

import typer
from rich.text import Text

from sessionls import __version__
from sessionls.cli.terminal import Terminal, UsageError, keep_log, run_command, safe

__all__ = ["app", "run"]

app = typer.Typer(
    name="sessionls",
    help="Your work with AI agents, kept in sessions: in any editor, and here.",
    no_args_is_help=True,
    add_completion=True,
    rich_markup_mode="markdown",
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)

SessionArgument = Annotated[str, typer.Argument(metavar="SESSION", help="The session's id, or the last 8 characters of it.")]
Json = Annotated[bool, typer.Option("--json", help="Print JSON.")]
All = Annotated[bool, typer.Option("--all", "-A", help="Those of all folders, not only of this one.")]
Trust = Annotated[bool, typer.Option("--trust", help="Let this folder's own definitions of agents run.")]


def run(words: Sequence[str]) -> NoReturn:
    """Run the command and exit: 0 done, 1 an error, 2 wrong usage, 130 cancelled."""
    app(list(words), prog_name="sessionls")
    raise SystemExit(0)


def _do(work: Callable[[Terminal], Awaitable[int]]) -> NoReturn:
    terminal = Terminal()
    keep_log()
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


# -- messages --------------------------------------------------------------------------------------------------------


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

    _do(work)


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

    _do(work)


@app.command()
def resume(session: SessionArgument, trust: Trust = False) -> None:
    """Go on after a pause: the session takes messages again, and a reply that stopped goes on here."""

    async def work(terminal: Terminal) -> int:
        from sessionls.cli.ask import resume as go_on
        from sessionls.cli.context import opened

        async with opened(terminal, trust=trust) as cli:
            return await go_on(cli, session)

    _do(work)


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

    _do(work)


@app.command()
def cancel(session: SessionArgument) -> None:
    """Cancel the reply being written, or one that stopped, in whichever editor."""
    _verb("cancel", session, "Cancelled.")


@app.command()
def withdraw(
    session: SessionArgument,
    message: Annotated[str, typer.Argument(metavar="MESSAGE", help="Its id, or the end of it: `sessionls show --ids`.")],
) -> None:
    """Take back a message that waits for its reply to begin."""
    _waiting("withdraw", session, message, "The message is withdrawn.")


@app.command()
def now(
    session: SessionArgument,
    message: Annotated[str, typer.Argument(metavar="MESSAGE", help="Its id, or the end of it: `sessionls show --ids`.")],
) -> None:
    """Cancel the reply being written, and go on with this message that waits."""
    _waiting("send_now", session, message, "The message is answered next, where it was sent from.")


@app.command()
def pause(session: SessionArgument) -> None:
    """Pause a session: a reply being written stops at its next safe point, with all it has done."""
    _verb("pause", session, "Paused. Go on with: sessionls resume {id}")


# -- sessions --------------------------------------------------------------------------------------------------------


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

    _do(work)


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
        from sessionls.cli.render import message_lines, question_lines, spent
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
        facts = (f"session {short(found.id)}", found.state, f"default agent {safe(found.agent)}", spent(found.usage), most)
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

    _do(work)


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

    _do(work)


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

    _do(work)


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

    _do(work)


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

    _do(work)


@app.command()
def switch(
    session: SessionArgument,
    agent: str,
    model: Annotated[str | None, typer.Option("--model", "-m", help="The model it uses here, in place of its own.")] = None,
) -> None:
    """Change a session's default agent."""
    _verb("switch_agent", session, "The default agent is {agent} now.", agent, model=model)


@app.command()
def rename(session: SessionArgument, title: str) -> None:
    """Give a session another title."""
    _verb("rename", session, 'It is called "{title}" now.', title)


@app.command()
def budget(
    session: SessionArgument,
    amount: Annotated[str, typer.Argument(metavar="AMOUNT", help="US dollars, or `none`.")],
) -> None:
    """Say how many US dollars models may cost in a session. At that it is paused; raise it, and resume."""
    from sessionls.domain.budget import dollars, read_amount

    if amount == "none":
        _verb("set_budget", session, "The session has no budget any more.", None)
    value = read_amount(amount)
    if value is None:
        raise typer.BadParameter(f"{amount} is not an amount. Give US dollars, as in 2.50, or none.")
    _verb("set_budget", session, f"The budget is {dollars(value)} now.", value)


@app.command()
def archive(session: SessionArgument) -> None:
    """Hide a session from lists."""
    _verb("archive", session, "Archived. Bring it back with: sessionls unarchive {id}")


@app.command()
def unarchive(session: SessionArgument) -> None:
    """Bring an archived session back."""
    _verb("unarchive", session, "It is back.")


@app.command()
def compact(session: SessionArgument) -> None:
    """Summarise the older part for the model; the session itself keeps everything."""
    _verb("compact", session, "Compacted.")


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

    _do(work)


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

    _do(work)


# -- the database ------------------------------------------------------------------------------------------------------

store = typer.Typer(name="store", help="The database that holds the sessions.", no_args_is_help=True)
app.add_typer(store)


@store.command("status")
def store_status(as_json: Json = False) -> None:
    """Say where the sessions are, of which version the database is, and how much is in it."""

    async def work(terminal: Terminal) -> int:
        from sessionls.cli.store_commands import status

        return await status(terminal, as_json=as_json)

    _do(work)


@store.command("migrate")
def store_migrate() -> None:
    """Make the tables, or bring them up to date. On PostgreSQL the owner of the database does that."""

    async def work(terminal: Terminal) -> int:
        from sessionls.cli.store_commands import migrate

        return await migrate(terminal)

    _do(work)


@store.command("copy")
def store_copy(
    other: Annotated[str, typer.Argument(metavar="DATABASE", help="The other database: postgresql://…, or an SQLite file.")],
    wanted: Annotated[list[str] | None, typer.Argument(metavar="[SESSION]…", help="Only these sessions.")] = None,
    back: Annotated[bool, typer.Option("--from", help="Copy from the other database to this one.")] = False,
) -> None:
    """Copy sessions to another database, or from it. To repeat it brings what is new.

    A session with a reply being written, and one that went on differently in the two databases, is left out. Exit code 1 then.
    """

    async def work(terminal: Terminal) -> int:
        from sessionls.cli.store_commands import copy

        return await copy(terminal, other, wanted or [], back=back)

    _do(work)


@store.command("check")
def store_check() -> None:
    """Check that every session is what its log of events makes of it. Changes nothing."""

    async def work(terminal: Terminal) -> int:
        from sessionls.cli.store_commands import check

        return await check(terminal)

    _do(work)


@store.command("backup")
def store_backup(file: Annotated[Path, typer.Argument(metavar="FILE", help="A new file.")]) -> None:
    """Write all sessions into one SQLite file. `sessionls store copy --from FILE` brings them back."""

    async def work(terminal: Terminal) -> int:
        from sessionls.cli.store_commands import backup

        return await backup(terminal, file)

    _do(work)


@store.command("vacuum")
def store_vacuum() -> None:
    """Give back the room of what was deleted. Editors may have to wait meanwhile."""

    async def work(terminal: Terminal) -> int:
        from sessionls.cli.store_commands import vacuum

        return await vacuum(terminal)

    _do(work)


# -- what there is ---------------------------------------------------------------------------------------------------


@app.command()
def agents(as_json: Json = False, trust: Trust = False) -> None:
    """List the agents that can be invoked here with their skills, and what is wrong with the others."""

    async def work(terminal: Terminal) -> int:
        from sessionls.cli.context import opened
        from sessionls.cli.render import agent_table, skill_table

        async with opened(terminal, trust=trust) as cli:
            found = await cli.sessions.agents()
            skills = (await cli.sessions.skills()).skills
        if as_json:
            terminal.json({**found.wire(), "skills": [skill.wire() for skill in skills]})
        else:
            terminal.out.print(agent_table(found.agents, found.default))
            terminal.note("* the default of new sessions")
            if found.installable:
                names = ", ".join(one.name for one in found.installable)
                terminal.note(f"External agents that are not installed here: {names}. `sessionls agents --json` says how.")
            if skills:
                terminal.out.print(skill_table(skills))
        return 0

    _do(work)


@app.command()
def models(as_json: Json = False) -> None:
    """List the models that could answer now, and why the others cannot."""

    async def work(terminal: Terminal) -> int:
        from sessionls.cli.context import opened
        from sessionls.cli.render import model_table

        async with opened(terminal) as cli:
            with terminal.busy("Looking for models …"):
                found = await cli.sessions.models()
        if as_json:
            terminal.json(found.wire())
        else:
            terminal.out.print(model_table(found.models))
            terminal.note("* the one that answers where no other is named")
        return 0

    _do(work)


@app.command()
def doctor(
    fetch_model: Annotated[bool, typer.Option("--fetch-model", help="Fetch the embedded model's weights (about 93 MB).")] = False,
    as_json: Json = False,
) -> None:
    """Say what is set, which model would answer and why, and what is missing."""

    async def work(terminal: Terminal) -> int:
        from sessionls.cli.doctor import examine

        return await examine(terminal, fetch_model=fetch_model, as_json=as_json)

    _do(work)


@app.command()
def editor(
    name: Annotated[Literal["nvim"], typer.Argument(metavar="EDITOR", help="The editor: nvim.")],
    install: Annotated[bool, typer.Option("--install", help="Put it where Neovim finds it at its next start.")] = False,
    show: Annotated[bool, typer.Option("--print", help="Print the plugin's folder, for a plugin manager.")] = False,
) -> None:
    """Install the plugin for Neovim that comes with this version, or print where it is."""
    from sessionls.cli import editors

    async def work(terminal: Terminal) -> int:
        if install == show:
            raise UsageError(f"Say what to do with the plugin for {name}.", "Give --install, or --print.")
        folder = editors.plugin_folder()
        if show:
            terminal.out.print(str(folder), markup=False, highlight=False, soft_wrap=True)
            return 0
        target = editors.target_folder()
        await asyncio.to_thread(editors.install, folder, target)
        terminal.note(f"Installed into {target}. Start Neovim again, and see :help sessionls.")
        return 0

    _do(work)


@app.command()
def serve(
    stdio: Annotated[bool, typer.Option("--stdio", help="Speak on standard input and output (the default).")] = True,
) -> None:
    """Start the language server; an editor does this."""
    # `main` goes to the server before it comes here: this is the help, and a start from within Python.
    del stdio
    from sessionls.server.app import main

    raise typer.Exit(main())


@app.command("import")
def import_(
    ids: Annotated[
        list[str] | None, typer.Argument(metavar="[SESSION]…", help="Its ids there, or how they begin; else all.")
    ] = None,
    program: Annotated[
        str, typer.Option("--from", metavar="AGENT", help="claude-code, codex, opencode, copilot, or another external agent.")
    ] = "",
    only_list: Annotated[bool, typer.Option("--list", help="Only list them.")] = False,
    as_json: Json = False,
) -> None:
    """Bring this folder's sessions of another program here. Its agent's program runs meanwhile; its model is not asked.

    Doing it again doubles nothing: it adds what is new, and leaves alone what somebody went on with here.
    """

    async def work(terminal: Terminal) -> int:
        from sessionls.cli.context import opened
        from sessionls.cli.imports import bring_all

        if not program:
            raise UsageError("Say whose sessions to bring.", "sessionls import --from codex")
        async with opened(terminal) as cli:
            return await bring_all(cli, program, ids or (), only_list=only_list, as_json=as_json)

    _do(work)


@app.command()
def acp(
    trust: Annotated[
        bool, typer.Option("--trust", help="Trust every folder that the editor opens: its own agents and servers run.")
    ] = False,
) -> None:
    """Serve an editor that speaks the Agent Client Protocol, on standard input and output; the editor does this."""
    # As with `serve`: `main` goes there before it comes here.
    from sessionls.acp_agent.app import main

    raise typer.Exit(main(trust=trust))


def _waiting(name: str, session: str, message: str, words: str) -> NoReturn:
    """A verb of `Sessions` on a message that waits."""

    async def work(terminal: Terminal) -> int:
        from sessionls.cli.context import opened
        from sessionls.cli.names import find_message, find_session

        async with opened(terminal) as cli:
            found = await find_session(cli.sessions, session)
            waiting = await find_message(cli.sessions, found.id, message)
            await getattr(cli.sessions, name)(found.id, waiting.id)
        terminal.note(words)
        return 0

    _do(work)


def _verb(name: str, session: str, words: str, *values: object, **options: str | None) -> NoReturn:
    """A verb of `Sessions` that takes a session's id and gives the session."""

    async def work(terminal: Terminal) -> int:
        from sessionls.cli.context import opened
        from sessionls.cli.names import find_session, short

        async with opened(terminal) as cli:
            found = await find_session(cli.sessions, session)
            after = await getattr(cli.sessions, name)(found.id, *values, **options)
        terminal.note(words.format(id=short(after.id), agent=after.agent, title=after.title))
        return 0

    _do(work)
