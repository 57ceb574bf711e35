"""`import`: lists and imports the sessions of an external agent."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from sessionls.cli.context import CliContext
from sessionls.cli.names import short
from sessionls.cli.terminal import UsageError, safe
from sessionls.domain.errors import SessionlsError
from sessionls.domain.uris import printable
from sessionls.sessions.imports import ImportResult

__all__ = ["import_sessions"]


async def import_sessions(cli: CliContext, program: str, ids: Sequence[str], *, only_list: bool, as_json: bool) -> int:
    """Import these sessions, or all, and print the results. Returns the exit code: 1 if one could not be imported."""
    definition = cli.composition.catalog.get(program)
    if definition.runtime != "acp":
        raise UsageError(f"{program} has no sessions of its own.", "Choose an external agent. `sessionls agents` lists them.")
    from sessionls.runtimes.acp.histories import histories

    rows: list[dict[str, Any]] = []
    failed = 0
    with cli.terminal.busy(f"Asking {program} …"):
        async with histories(definition, cli.folder, cli.settings.data_dir / "logs") as history:
            listed = await history.list()
            if history.more:
                cli.terminal.note(f"{program} has more sessions in this folder: only {len(listed):,} of them are listed.")
            unknown = [prefix for prefix in ids if not any(session.id.startswith(prefix) for session in listed)]
            if unknown:
                raise UsageError(f"{program} has no session {unknown[0]} in this folder.", "--list lists them.")
            for session in listed:
                if ids and not session.id.startswith(tuple(ids)):
                    continue
                row: dict[str, Any] = {"id": session.id, "title": session.title, "updatedAt": session.updated_at}
                rows.append(row)
                if only_list:
                    continue
                try:
                    foreign = await history.read(session)
                    imported = await cli.sessions.bring(foreign)
                except SessionlsError as error:
                    failed += 1
                    row["problem"] = error.message
                else:
                    row |= {"sessionId": imported.session.id, "added": imported.added, "continued": imported.continued}
                    if foreign.cut:
                        row["cut"] = True
                if not as_json:
                    _print_result(cli, row, None if "problem" in row else imported)
    if as_json:
        cli.terminal.json({"sessions": rows})
        return 1 if failed else 0
    if only_list:
        for row in rows:
            cli.terminal.write(f"{printable(row['id'])}  {safe(row['title'] or '')}\n")
    if not rows:
        cli.terminal.note(f"{program} has no sessions in this folder.")
    return 1 if failed else 0


def _print_result(cli: CliContext, row: dict[str, Any], imported: ImportResult | None) -> None:
    if imported is None:
        cli.terminal.fail(f"{printable(row['id'])} could not be imported: {row['problem']}")
        return
    if imported.continued:
        outcome = "continued here, so left unchanged"
    elif imported.added:
        outcome = f"{imported.added} messages"
    else:
        outcome = "nothing new"
    if row.get("cut"):
        outcome += "; its end is left out, because it is too long"
    cli.terminal.write(f"{short(imported.session.id)}  {safe(imported.session.title)}  ({outcome})\n")
