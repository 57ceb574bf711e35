"""Commands for the database that stores the sessions."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from sessionls.cli.commands.base import Json, app, do
from sessionls.cli.terminal import Terminal

store = typer.Typer(name="store", help="The database that holds the sessions.", no_args_is_help=True)
app.add_typer(store)


@store.command("status")
def store_status(as_json: Json = False) -> None:
    """Say where the sessions are, of which version the database is, and how much is in it."""

    async def work(terminal: Terminal) -> int:
        from sessionls.cli.store_commands import status

        return await status(terminal, as_json=as_json)

    do(work)


@store.command("migrate")
def store_migrate() -> None:
    """Make the tables, or bring them up to date. On PostgreSQL the owner of the database does that."""

    async def work(terminal: Terminal) -> int:
        from sessionls.cli.store_commands import migrate

        return await migrate(terminal)

    do(work)


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

    do(work)


@store.command("check")
def store_check() -> None:
    """Check that every session is what its log of events makes of it. Changes nothing."""

    async def work(terminal: Terminal) -> int:
        from sessionls.cli.store_commands import check

        return await check(terminal)

    do(work)


@store.command("backup")
def store_backup(file: Annotated[Path, typer.Argument(metavar="FILE", help="A new file.")]) -> None:
    """Write all sessions into one SQLite file. `sessionls store copy --from FILE` brings them back."""

    async def work(terminal: Terminal) -> int:
        from sessionls.cli.store_commands import backup

        return await backup(terminal, file)

    do(work)


@store.command("retention")
def store_retention(
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Only list what would be deleted.")] = False,
    as_json: Json = False,
) -> None:
    """Delete the sessions that are older than the setting `retention` allows, and erase what they held.

    A session that somebody has open, or in which something is going on, is kept and named. Exit code 1 then.
    """

    async def work(terminal: Terminal) -> int:
        from sessionls.cli.store_commands import retention

        return await retention(terminal, dry_run=dry_run, as_json=as_json)

    do(work)


@store.command("vacuum")
def store_vacuum() -> None:
    """Give back the room of what was deleted. Editors may have to wait meanwhile."""

    async def work(terminal: Terminal) -> int:
        from sessionls.cli.store_commands import vacuum

        return await vacuum(terminal)

    do(work)
