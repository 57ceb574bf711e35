"""Commands for the database that stores the sessions."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from sessionls.cli.commands.base import Json, app, do
from sessionls.cli.terminal import Terminal

store = typer.Typer(name="store", help="The database of the sessions.", no_args_is_help=True)
app.add_typer(store)


@store.command("status")
def store_status(as_json: Json = False) -> None:
    """Show where the database is, its version, and how much it contains."""

    async def work(terminal: Terminal) -> int:
        from sessionls.cli.store_commands import status

        return await status(terminal, as_json=as_json)

    do(work)


@store.command("migrate")
def store_migrate() -> None:
    """Create or migrate the tables. On PostgreSQL the owner of the database must do this."""

    async def work(terminal: Terminal) -> int:
        from sessionls.cli.store_commands import migrate

        return await migrate(terminal)

    do(work)


@store.command("copy")
def store_copy(
    other: Annotated[str, typer.Argument(metavar="DATABASE", help="The other database: postgresql://…, or a SQLite file.")],
    wanted: Annotated[list[str] | None, typer.Argument(metavar="[SESSION]…", help="Only these sessions.")] = None,
    back: Annotated[bool, typer.Option("--from", help="Copy from the other database to this one.")] = False,
    unmasked: Annotated[bool, typer.Option("--unmasked", help="Leave keys and tokens in copies for a team as they are.")] = False,
) -> None:
    """Copy sessions to another database, or from it. Repeat it to copy what is new.

    Keys, tokens and passwords are masked in what you copy into a team's database with your own login.

    Leaves out sessions in which a reply is being written, or which differ in the two databases, and then exits with 1.
    """

    async def work(terminal: Terminal) -> int:
        from sessionls.cli.store_commands import copy

        return await copy(terminal, other, wanted or [], back=back, masks=not unmasked)

    do(work)


@store.command("check")
def store_check() -> None:
    """Check that every session agrees with its log of events. Changes nothing."""

    async def work(terminal: Terminal) -> int:
        from sessionls.cli.store_commands import check

        return await check(terminal)

    do(work)


@store.command("backup")
def store_backup(file: Annotated[Path, typer.Argument(metavar="FILE", help="A new file.")]) -> None:
    """Write all sessions into one SQLite file. `sessionls store copy --from FILE` restores them."""

    async def work(terminal: Terminal) -> int:
        from sessionls.cli.store_commands import backup

        return await backup(terminal, file)

    do(work)


@store.command("retention")
def store_retention(
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Only list what would be deleted.")] = False,
    as_json: Json = False,
) -> None:
    """Delete the sessions that are older than the setting `retention` allows, and erase their content.

    A session that somebody has open, or in which something is going on, is kept and named. Exit code 1 then.
    """

    async def work(terminal: Terminal) -> int:
        from sessionls.cli.store_commands import retention

        return await retention(terminal, dry_run=dry_run, as_json=as_json)

    do(work)


@store.command("vacuum")
def store_vacuum() -> None:
    """Free the disk space of deleted sessions. Editors may have to wait meanwhile."""

    async def work(terminal: Terminal) -> int:
        from sessionls.cli.store_commands import vacuum

        return await vacuum(terminal)

    do(work)
