"""The command for permissions that were given permanently."""

from __future__ import annotations

from typing import Annotated

import typer

from sessionls.cli.commands.base import Json, app, do
from sessionls.cli.terminal import Terminal, UsageError, safe


@app.command()
def permissions(
    remove: Annotated[
        str | None,
        typer.Option("--remove", metavar="ID", help="Remove the permission with this id, or with its last 8 characters."),
    ] = None,
    as_json: Json = False,
) -> None:
    """List what you allowed permanently, on this machine; `--remove ID` revokes a permission, `--remove all` all of them."""

    async def work(terminal: Terminal) -> int:
        from sessionls.cli.names import only_id, short
        from sessionls.cli.render import permission_table
        from sessionls.settings.kept_permissions import PermissionFile
        from sessionls.settings.settings import config_dir

        file = PermissionFile(config_dir() / "permissions.json")
        known = await file.all()
        if remove is not None:
            ids = [permission.id for permission in known]
            found = ids if remove == "all" else [name] if (name := only_id(remove, ids)) else []
            if not found and remove != "all":
                raise UsageError(f"No permission has the id {safe(remove)!r}.", "`sessionls permissions` lists their ids.")
            for permission_id in found:
                await file.remove(permission_id)
            terminal.note(f"Removed {len(found)} of {len(known)} permissions.")
        elif as_json:
            terminal.json({"permissions": [permission.wire() for permission in known]})
        elif known:
            terminal.out.print(permission_table(known))
            terminal.note(f"sessionls permissions --remove {short(known[0].id)} removes the first one.")
        else:
            terminal.note("You allowed nothing permanently: agents ask each time, or do as your settings say.")
        return 0

    do(work)
