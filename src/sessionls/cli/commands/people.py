"""Commands about people: who has access to a session, and comments."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Literal

import typer
from rich.text import Text

from sessionls.cli.commands.base import Json, SessionArgument, app, do
from sessionls.cli.terminal import Terminal, UsageError, safe

if TYPE_CHECKING:
    from sessionls.sessions.service import Sessions

PersonArgument = Annotated[
    str, typer.Argument(metavar="WHO", help="A login or a name, or `team` for everybody who may log in to the database.")
]


@app.command()
def people(session: SessionArgument, as_json: Json = False) -> None:
    """Show who has access to a session, and with whom it can be shared."""

    async def work(terminal: Terminal) -> int:
        from sessionls.cli.context import opened
        from sessionls.cli.names import find_session

        async with opened(terminal) as cli:
            found = await cli.sessions.sharing.people((await find_session(cli.sessions, session)).id)
        if as_json:
            terminal.json(found.wire())
            return 0
        for person in found.people:
            name = "everybody who may log in" if person.id == "team" else person.name
            terminal.out.print(Text(safe(f"{person.role:<10} {person.id}" + (f"  {name}" if name else ""))))
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
    who: PersonArgument,
    role: Annotated[
        Literal["reader", "commenter", "writer", "owner"],
        typer.Argument(help="What they may do: read; also comment; also work in it; also share, archive and delete it."),
    ] = "reader",
) -> None:
    """Share a session with a person or the team, or give them another role."""

    async def work(terminal: Terminal) -> int:
        from sessionls.cli.context import opened
        from sessionls.cli.names import find_session

        async with opened(terminal) as cli:
            found = await find_session(cli.sessions, session)
            person = await _login(cli.sessions, found.id, who)
            await cli.sessions.sharing.share(found.id, person, role)
        terminal.note(f"{'Everybody who may log in' if person == 'team' else person} is {_A[role]} of it now.")
        return 0

    do(work)


@app.command()
def unshare(session: SessionArgument, who: PersonArgument) -> None:
    """Take a person's or the team's access to a session away."""

    async def work(terminal: Terminal) -> int:
        from sessionls.cli.context import opened
        from sessionls.cli.names import find_session

        async with opened(terminal) as cli:
            found = await find_session(cli.sessions, session)
            person = await _login(cli.sessions, found.id, who)
            await cli.sessions.sharing.unshare(found.id, person)
        terminal.note(f"{'The team' if person == 'team' else person} has no access of its own to it any more.")
        return 0

    do(work)


@app.command()
def comment(
    session: SessionArgument, text: Annotated[str, typer.Argument(metavar="TEXT", help="What to say to the others.")]
) -> None:
    """Leave a message in a session that wakes no agent."""

    async def work(terminal: Terminal) -> int:
        from sessionls.cli.context import opened
        from sessionls.cli.names import find_session

        async with opened(terminal) as cli:
            found = await find_session(cli.sessions, session)
            await cli.sessions.comment(found.id, text)
        terminal.note("Left.")
        return 0

    do(work)


_A = {"reader": "a reader", "commenter": "a commenter", "writer": "a writer", "owner": "an owner"}


async def _login(sessions: Sessions, session_id: str, who: str) -> str:
    """The login that is meant: by itself, or by the name of somebody who was here. Raises `UsageError` for several."""
    known = (await sessions.sharing.people(session_id)).known
    if who == "team" or any(person.id == who for person in known):
        return who
    named = [person.id for person in known if person.name.casefold() == who.casefold()]
    if len(named) > 1:
        raise UsageError(f"{len(named)} people are called {who!r}.", f"Name the login: {', '.join(named)}")
    return named[0] if named else who
