"""Commands about people: who has access to a session, and comments."""

from __future__ import annotations

from typing import Annotated, Literal

import typer
from rich.text import Text

from sessionls.cli.commands.base import Json, SessionArgument, app, do
from sessionls.cli.terminal import Terminal, UsageError, safe
from sessionls.domain.roles import TEAM

_PERSON = typer.Argument(metavar="WHO", help="A login or a name, or `team` for everybody who may log in to the database.")
PersonArgument = Annotated[str, _PERSON]


@app.command()
def people(session: SessionArgument, as_json: Json = False) -> None:
    """Show who has access to a session, and with whom it can be shared."""

    async def work(terminal: Terminal) -> int:
        from sessionls.cli.context import open_context
        from sessionls.cli.names import find_session

        async with open_context(terminal) as cli:
            chosen = await find_session(cli.sessions, session)
            found = await cli.sessions.sharing.people(chosen.id)
        if as_json:
            terminal.json(found.wire())
            return 0
        here = {one.id: one.name for one in chosen.present or ()}
        for person in found.people:
            name = "everybody who may log in" if person.id == TEAM else person.name or ""
            facts = f"{name}  open now" if person.id in here else name
            terminal.out.print(Text(safe(f"{person.role:<10} {person.id}  {facts}".rstrip())))
        for one, name in here.items():
            if all(person.id != one for person in found.people):
                terminal.out.print(Text(safe(f"{'':<10} {one}  {name}  open now")))
        if found.notice:
            terminal.out.print(Text(safe(found.notice)), soft_wrap=True)
        known = [one.id for one in found.known if all(one.id != person.id for person in found.people)]
        if known:
            terminal.note(f"Others in this database: {', '.join(known)}")
        return 0

    do(work)


@app.command()
def share(
    session: SessionArgument,
    who: Annotated[str | None, _PERSON] = None,
    role: Annotated[
        Literal["reader", "commenter", "writer", "owner"],
        typer.Argument(help="What they may do: read; also comment; also work in it; also share, archive and delete it."),
    ] = "reader",
    check: Annotated[bool, typer.Option("--check", help="Only list the keys and tokens that others would see.")] = False,
) -> None:
    """Share a session with a person or the team, or give them another role.

    With `--check` nothing is shared, and the exit code is 1 if the session contains what looks like a key, a token or a password.
    """

    async def work(terminal: Terminal) -> int:
        from sessionls.cli.context import open_context
        from sessionls.cli.names import find_session
        from sessionls.cli.secrets import print_secrets, secrets_words

        async with open_context(terminal) as cli:
            found = await find_session(cli.sessions, session)
            if check:
                return print_secrets(terminal, await cli.sessions.find_secrets(found.id))
            if who is None:
                raise UsageError("Name a login, a person or `team`.", f"To see who has access: sessionls people {session}")
            await cli.sessions.sharing.share(found.id, who, role)
            secrets = len(await cli.sessions.find_secrets(found.id))
        terminal.note(f"{'Everybody who may log in' if who == TEAM else who} is {_ROLE_NAMES[role]} of it now.")
        if secrets:
            words = f"It contains {secrets_words(secrets)}, and whoever may read it sees them."
            terminal.note(f"{words} To list them: sessionls share {session} --check", "yellow")
        return 0

    do(work)


@app.command()
def unshare(session: SessionArgument, who: PersonArgument) -> None:
    """Take a person's or the team's access to a session away."""

    async def work(terminal: Terminal) -> int:
        from sessionls.cli.context import open_context
        from sessionls.cli.names import find_session

        async with open_context(terminal) as cli:
            found = await find_session(cli.sessions, session)
            await cli.sessions.sharing.unshare(found.id, who)
        terminal.note(f"{'The team' if who == TEAM else who} has no access of its own to it any more.")
        return 0

    do(work)


@app.command()
def comment(
    session: SessionArgument, text: Annotated[str, typer.Argument(metavar="TEXT", help="What to say to the others.")]
) -> None:
    """Leave a message in a session that no agent answers."""

    async def work(terminal: Terminal) -> int:
        from sessionls.cli.context import open_context
        from sessionls.cli.names import find_session

        async with open_context(terminal) as cli:
            found = await find_session(cli.sessions, session)
            await cli.sessions.comment(found.id, text)
        terminal.note("Left.")
        return 0

    do(work)


_ROLE_NAMES = {"reader": "a reader", "commenter": "a commenter", "writer": "a writer", "owner": "an owner"}
