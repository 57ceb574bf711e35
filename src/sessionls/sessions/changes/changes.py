"""Lists the changes that agents made to files in a session, and reverts them.

The log has the texts of every edit. Which of the changes still exist is read from the files, so this works after a restart,
across replies, and for files that others changed in between. Only people revert changes, so this needs no permission. A revert
is an event of the log, and can be reverted itself.
"""

from __future__ import annotations

import asyncio
import os
from collections.abc import Awaitable, Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from sessionls.domain import transitions, uris
from sessionls.domain.change import Change
from sessionls.domain.errors import InvalidParams, NotPermitted, SessionlsError
from sessionls.domain.events import ChangesReverted, Edited, RevertedFile
from sessionls.domain.ids import new_id
from sessionls.domain.model import Part, Participant, ToolPart
from sessionls.domain.results import ChangeHunk, ChangeList, CommandRun, FileChange, RevertDone, Reverted
from sessionls.ports.files import FileWrite, FileWriter, WrittenFile
from sessionls.ports.store import Store
from sessionls.sessions.changes.files import ChangedFile, Edit, changed_files, edit_of, edits_of_revert, hunk_id
from sessionls.sessions.changes.kept import EditTexts, pack
from sessionls.sessions.changes.segments import LaterChange, LocatedHunk, Segment
from sessionls.sessions.workspace.diffing import patch
from sessionls.sessions.workspace.workspace import Workspace

__all__ = ["ChangeScope", "Changes"]

_EDITED = 8 << 20  # bytes of a file that can be edited
_PATCH = 50_000  # characters of a patch that is logged or shown
_SHOWN = 4 << 20  # characters of patches and texts in one list
_MESSAGES = 200  # the newest messages, which are searched for commands
_COMMANDS = 100
_PROGRAMS = frozenset({"run_command"})  # tools with unknown changes, in addition to those of MCP servers


@dataclass(frozen=True, slots=True)
class ChangeScope:
    """Which changes: those of the reply (or of the replies to the message) `message_id`; with `last`, of the newest reply that
    changed files; all since the message `since`, including its reply; those of the revert `revert_id`. By default, all changes
    of the session.
    """

    message_id: str | None = None
    since: str | None = None
    revert_id: str | None = None


class Changes:
    def __init__(
        self,
        store: Store,
        workspace: Workspace,
        writer: FileWriter,
        change: Callable[[str, Callable[[Change], None]], Awaitable[None]],
        participant: Participant,
    ) -> None:
        self._store = store
        self._workspace = workspace
        self._writer = writer
        self._change = change
        self._participant = participant

    async def read(self, session_id: str, scope: ChangeScope, *, texts: bool = False) -> ChangeList:
        """Every changed file with its hunks. With `texts`, also the file's text without them."""
        scope = await self._resolve_scope(session_id, scope)
        edits, reverts = await self._edits(session_id, scope)
        shown: list[FileChange] = []
        left = _SHOWN
        for file in await asyncio.to_thread(changed_files, edits):
            change = await self._file_change(file, texts=texts, left=left)
            left -= sum(len(hunk.patch or "") for hunk in change.hunks) + len(change.before or "")
            shown.append(change)
        commands = await self._commands(session_id, scope)
        return ChangeList(files=shown, reverts=reverts or None, commands=commands or None)

    async def revert(self, session_id: str, scope: ChangeScope, *, uri: str | None = None, hunk: str | None = None) -> Reverted:
        """Revert all changes of the scope, those of a file, or one hunk of it. If a later change by somebody prevents any part,
        reverts nothing and raises `NotPermitted`, with the `files` that cannot be reverted and why.
        """
        if hunk is not None and uri is None:
            raise InvalidParams("A hunk needs the uri of its file.", fields=["uri"])
        scope = await self._resolve_scope(session_id, scope)
        edits, _ = await self._edits(session_id, scope)
        files = await asyncio.to_thread(changed_files, edits)
        if uri is not None:
            files = [file for file in files if uris.uri_key(file.uri) == uris.uri_key(uri)]
        if not files:
            raise NotPermitted("No agent made that change in this session.", hint="List the changes with change/list.")
        writes: list[FileWrite] = []
        blocked: list[dict[str, Any]] = []
        for file in files:
            try:
                write = await self._revert_write(file, hunk)
            except LaterChange as problem:
                blocked.append(await self._blocked_file(file, problem))
            except InvalidParams as error:
                if "hunk" in error.data.get("fields", ()):
                    raise
                blocked.append({"uri": file.uri, "reason": error.message})
            except SessionlsError as error:
                blocked.append({"uri": file.uri, "reason": error.message})
            else:
                writes += [write] if write is not None else []
        if blocked:
            raise _refusal(self._workspace, blocked)
        if not writes:
            raise NotPermitted("That is reverted already. The files were not changed.", hint="There is nothing left to do.")
        written = await self._writer.write(_label(self._workspace, writes), writes)
        return await self._record(session_id, scope, writes, written)

    # -- reading changes ---------------------------------------------------------------------------------------------

    async def _resolve_scope(self, session_id: str, scope: ChangeScope) -> ChangeScope:
        if scope.message_id != "last":
            return scope
        events = await self._store.changes(session_id)
        last = next((event for event in reversed(events) if isinstance(event, Edited) and event.applied), None)
        if last is None:
            raise NotPermitted("No agent changed files in this session.", hint="There is nothing to revert.")
        return ChangeScope(message_id=last.message_id)

    async def _edits(self, session_id: str, scope: ChangeScope) -> tuple[list[Edit], list[RevertDone]]:
        after = 0
        for message_id in (scope.message_id, scope.since):
            if message_id is not None:
                entry = await self._store.entry(session_id, message_id)
                if entry.place is None:  # a waiting message has no changes
                    return [], []
                after = await self._store.seq_at(session_id, entry.place - 1)
        events = await self._store.changes(session_id, after=after)
        reverts = [event for event in events if isinstance(event, ChangesReverted)]
        if scope.revert_id is not None:
            revert = next((event for event in reverts if event.revert_id == scope.revert_id), None)
            if revert is None:
                raise InvalidParams("This session has no such revert.", fields=["revertId"])
            return edits_of_revert(revert.files, revert.seq), []
        edits = [event for event in events if isinstance(event, Edited) and event.applied]
        if scope.message_id is not None:
            replies = await self._replies_to(session_id, scope.message_id, {event.message_id for event in edits})
            edits = [event for event in edits if event.message_id in replies]
            reverts = [event for event in reverts if event.message_id == scope.message_id]
        parsed = await asyncio.to_thread(lambda: [edit_of(event) for event in edits])
        return parsed, [_revert_done(event) for event in reverts]

    async def _replies_to(self, session_id: str, message_id: str, replies: set[str]) -> set[str]:
        if message_id in replies:
            return {message_id}
        entries = [await self._store.entry(session_id, reply) for reply in sorted(replies)]
        steered = (await self._store.entry(session_id, message_id)).message.steered
        answers = {entry.message.id for entry in entries if entry.message.reply_to == message_id}
        return answers | ({steered.message_id} & replies if steered is not None else set())

    async def _commands(self, session_id: str, scope: ChangeScope) -> list[CommandRun]:
        """The commands that ran. Their changes to files are unknown."""
        if scope.revert_id is not None:
            return []
        if scope.message_id is not None:
            message = (await self._store.entry(session_id, scope.message_id)).message
            messages = [message]
            if message.role == "participant":
                messages = [reply for reply in await self._newest_messages(session_id) if reply.reply_to == message.id]
        else:
            messages = list(await self._newest_messages(session_id))
            ids = [message.id for message in messages]
            if scope.since in ids:
                messages = messages[ids.index(scope.since) :]
        commands = [_command(message.id, part) for message in messages for part in _program_calls(message.parts)]
        return commands[-_COMMANDS:]

    async def _newest_messages(self, session_id: str) -> Sequence[Any]:
        return (await self._store.history(session_id, before=None, limit=_MESSAGES))[0]

    async def _text(self, uri: str) -> str | None:
        """The file's text in the editor, None without a file. Raises the error that prevents reading it."""
        file = await self._workspace.resolve(uri)
        try:
            document = await self._workspace.read(uri, limit=_EDITED)
        except InvalidParams:
            if await asyncio.to_thread(os.path.lexists, file.path):
                raise
            return None
        if document.notice is not None:
            raise NotPermitted(f"{file.display} is too large to be changed here.", hint="Change it by hand.")
        return document.text

    async def _file_change(self, file: ChangedFile, *, texts: bool, left: int) -> FileChange:
        unknown = FileChange(uri=file.uri, kind=file.kind, added=0, removed=0, hunks=[], message_ids=_reply_ids(file))
        if file.lost:
            return unknown.model_copy(update={"notice": _LOST})
        try:
            text = await self._text(file.uri)
            located, before = await asyncio.to_thread(file.locate, text)
        except SessionlsError as error:
            return unknown.model_copy(update={"notice": error.message})
        hunks = [_hunk(segment, hunk) for segment, hunk in located]
        states = {hunk.state for hunk in hunks}
        if sum(len(hunk.patch or "") for hunk in hunks) > left:
            hunks = [hunk.model_copy(update={"patch": None}) for hunk in hunks]
        return unknown.model_copy(
            update={
                "state": states.pop() if len(states) == 1 else "partly" if "applied" in states else "overwritten",
                "added": sum(hunk.added for hunk in hunks),
                "removed": sum(hunk.removed for hunk in hunks),
                "hunks": hunks,
                "before": before if texts and len(before or "") <= left else None,
            }
        )

    # -- reverting ---------------------------------------------------------------------------------------------------

    async def _revert_write(self, file: ChangedFile, hunk: str | None) -> FileWrite | None:
        if file.lost:
            raise NotPermitted(_LOST, hint="")
        text = await self._text(file.uri)
        try:
            after = await asyncio.to_thread(file.without, text, hunk)
        except KeyError:
            raise InvalidParams(
                "The file no longer has this hunk.", fields=["hunk"], hint="List the changes with change/list."
            ) from None
        return None if after == text else FileWrite(file.uri, after, text, file.bom)

    async def _blocked_file(self, file: ChangedFile, problem: LaterChange) -> dict[str, Any]:
        blocked: dict[str, Any] = {"uri": file.uri, "reason": "Somebody changed the same lines later."}
        if problem.later is not None:
            agent_text, current = problem.later
            if current is None:
                blocked["reason"] = "The file no longer exists."
            else:
                later = await asyncio.to_thread(patch, self._workspace.display(file.uri), agent_text, current)
                blocked["patch"] = later[:_PATCH]
        return blocked

    async def _record(
        self, session_id: str, scope: ChangeScope, writes: Sequence[FileWrite], written: Sequence[WrittenFile]
    ) -> Reverted:
        done, notices = [], []
        for file, result in zip(writes, written, strict=True):
            name = self._workspace.display(file.uri)
            if result.problem is not None:
                notices.append(f"{name} was not changed: {result.problem}")
                continue
            if result.text != file.text:
                notices.append(f"{name} has a different text than expected (a formatter may have run).")
            if not result.saved:
                notices.append(f"{name} is not saved.")
            done.append(await asyncio.to_thread(_reverted_file, name, file, result))
        revert_id = new_id()
        fields = {"revert_id": revert_id, "message_id": scope.message_id, "since": scope.since, "of": scope.revert_id}
        await self._change(session_id, lambda change: transitions.record_revert(change, self._participant, files=done, **fields))
        return Reverted(revert_id=revert_id, uris=[file.uri for file in done], notices=notices or None)


_LOST = (
    "The text before one of its changes is unknown (it was very long, not a text, or a program made the change). "
    "This file cannot be reverted."
)


def _reverted_file(name: str, file: FileWrite, result: WrittenFile) -> RevertedFile:
    diff = patch(name, file.expected, result.text)
    kept = pack(EditTexts(file.expected, result.text, file.bom))
    return RevertedFile(uri=file.uri, patch=diff if len(diff) <= _PATCH else None, kept=kept)


def _refusal(workspace: Workspace, blocked: Sequence[dict[str, Any]]) -> NotPermitted:
    names = ", ".join(workspace.display(file["uri"]) for file in blocked[:5]) + (" …" if len(blocked) > 5 else "")
    return NotPermitted(
        f"Nothing was changed, because not everything can be reverted. {names}: {blocked[0]['reason']}",
        hint="Revert the other files or hunks separately, or change these by hand.",
        files=list(blocked),
    )


def _label(workspace: Workspace, files: Sequence[FileWrite]) -> str:
    target = workspace.display(files[0].uri) if len(files) == 1 else f"{len(files)} files"
    return f"Revert the changes by agents in {target}"


def _reply_ids(file: ChangedFile) -> list[str]:
    return list(dict.fromkeys(message_id for segment in file.segments for message_id in segment.message_ids))


def _hunk(segment: Segment, hunk: LocatedHunk) -> ChangeHunk:
    lines = [*(f"-{line}" for line in hunk.old), *(f"+{line}" for line in hunk.new)]
    text = "".join(line if line.endswith("\n") else f"{line}\n\\ No newline at end of file\n" for line in lines)
    return ChangeHunk(
        id=hunk_id(segment, hunk),
        state=hunk.state,
        added=len(hunk.new),
        removed=len(hunk.old),
        line=hunk.line,
        patch=text if len(text) <= _PATCH else None,
    )


def _revert_done(event: ChangesReverted) -> RevertDone:
    return RevertDone(
        revert_id=event.revert_id,
        at=event.at,
        by=event.by if isinstance(event.by, Participant) else None,
        message_id=event.message_id,
        since=event.since,
        of=event.of,
        uris=[file.uri for file in event.files],
    )


def _program_calls(parts: Sequence[Part]) -> Iterator[ToolPart]:
    for part in parts:
        if isinstance(part, ToolPart):
            if (part.name in _PROGRAMS or "/" in part.name) and part.status in ("running", "done", "failed"):
                yield part
            yield from _program_calls(part.parts or ())


def _command(message_id: str, part: ToolPart) -> CommandRun:
    command = part.arguments.get("command")
    return CommandRun(message_id=message_id, tool=part.name, summary=command[:1000] if isinstance(command, str) else part.name)
