"""`sessionls changes` and `sessionls revert`: show and revert the changes that agents made to files."""

from __future__ import annotations

from rich.text import Text

from sessionls.cli.context import CliContext
from sessionls.cli.names import find_message, find_session, short
from sessionls.cli.terminal import safe
from sessionls.domain import uris
from sessionls.domain.errors import NotPermitted
from sessionls.domain.results import ChangeHunk, ChangeList, FileChange
from sessionls.sessions.changes.changes import ChangeScope
from sessionls.sessions.workspace.diffing import split_lines

__all__ = ["revert_changes", "show_changes"]

_COLOURS = {"+": "green", "-": "red"}
_STATES = {"applied": "", "reverted": "reverted", "partly": "partly reverted", "overwritten": "changed later"}


async def show_changes(cli: CliContext, session: str, message: str | None, since: str | None, *, as_json: bool) -> int:
    """Print each file and its hunks, and which of them the files still have."""
    found = await find_session(cli.sessions, session)
    changes = await cli.sessions.changes(found.id, await _scope(cli, found.id, message, since))
    if as_json:
        cli.terminal.json(changes.wire())
        return 0
    for file in changes.files:
        _print_file(cli, file)
    _print_rest(cli, changes)
    return 0


async def revert_changes(
    cli: CliContext, session: str, message: str, since: str | None, revert_id: str | None, *, file: str | None, hunk: str | None
) -> int:
    """Revert changes and print the changed files. If that is not possible, print the conflicts."""
    found = await find_session(cli.sessions, session)
    if revert_id is not None:
        changes = await cli.sessions.changes(found.id, ChangeScope())
        known_ids = [revert.revert_id for revert in changes.reverts or ()]
        scope = ChangeScope(revert_id=next((known for known in known_ids if known.endswith(revert_id.lower())), revert_id))
    else:
        scope = await _scope(cli, found.id, None if since is not None else message, since)
    uri = None if file is None else uris.from_path(cli.folder / file)
    try:
        result = await cli.sessions.revert(found.id, scope, uri=uri, hunk=hunk)
    except NotPermitted as problem:
        for conflict in problem.data.get("files", ()):
            _print_patch(cli, conflict.get("patch", ""))
        raise
    names = ", ".join(uris.display(changed, [cli.folder_uri]) for changed in result.uris)
    cli.terminal.note(f"Reverted in {names}. To undo this: sessionls revert {short(found.id)} --of {short(result.revert_id)}")
    for notice in result.notices or ():
        cli.terminal.note(notice, "yellow")
    return 0


async def _scope(cli: CliContext, session_id: str, message: str | None, since: str | None) -> ChangeScope:
    if since is not None:
        return ChangeScope(since=(await find_message(cli.sessions, session_id, since)).id)
    if message is None or message == "last":
        return ChangeScope(message_id=message)
    return ChangeScope(message_id=(await find_message(cli.sessions, session_id, message)).id)


def _print_file(cli: CliContext, file: FileChange) -> None:
    name = uris.display(file.uri, [cli.folder_uri])
    kind = "" if file.kind == "edited" else f" ({file.kind})"
    state = _STATES[file.state] if file.state is not None else file.notice or "not known"
    _print(cli, f"{name}{kind}  +{file.added} -{file.removed}{f'  {state}' if state else ''}", "bold")
    for hunk in file.hunks:
        state = _STATES[hunk.state]
        at = "" if hunk.line is None else f" line {hunk.line + 1}"
        _print(cli, f"@@ {hunk.id}{at}{f', {state}' if state else ''} @@", "cyan")
        _print_patch(cli, _patch_of(hunk))


def _patch_of(hunk: ChangeHunk) -> str:
    return hunk.patch if hunk.patch is not None else f"(+{hunk.added} -{hunk.removed}: too long to be shown)\n"


def _print_patch(cli: CliContext, patch: str) -> None:
    for line in split_lines(patch):
        _print(cli, line.removesuffix("\n"), _COLOURS.get(line[:1], ""))


def _print(cli: CliContext, text: str, style: str) -> None:
    """Print a line of untrusted text without control sequences."""
    cli.terminal.out.print(Text(safe(text), style=style), soft_wrap=True)


def _print_rest(cli: CliContext, changes: ChangeList) -> None:
    if not changes.files:
        cli.terminal.note("No agent changed files in this session.")
    for revert in changes.reverts or ():
        by = revert.by.name if revert.by is not None else "somebody"
        names = ", ".join(uris.display(uri, [cli.folder_uri]) for uri in revert.uris)
        cli.terminal.note(f"{short(revert.revert_id)}: {by} reverted changes in {names}.")
    if changes.commands:
        ran = "; ".join(command.summary for command in changes.commands[-5:])
        cli.terminal.note(f"Commands that may have changed files: {ran}", "yellow")
