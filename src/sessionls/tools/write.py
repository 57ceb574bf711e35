"""Tools that change the workspace, always through the editor: edit, create and delete a file.

An edit is made only to the text that the agent saw (see `seen.py`), and the editor has the last word: what it refuses is told
to the agent with the patch, for the person to apply.
"""

from __future__ import annotations

import asyncio
import hashlib
import os
from abc import abstractmethod
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

from pydantic import BaseModel, ConfigDict, Field, model_validator

from sessionls.domain import uris
from sessionls.domain.errors import InvalidParams, SessionlsError
from sessionls.domain.model import Range
from sessionls.domain.permission import PermissionRequest
from sessionls.domain.text import replace_lone_surrogates
from sessionls.ports.editor import DocumentChange, Editor
from sessionls.ports.tools import ToolCall, ToolFailed
from sessionls.sessions.changes.kept import EditTexts, pack
from sessionls.sessions.workspace.diffing import line_end_of, patch
from sessionls.sessions.workspace.positions import Encoding, Lines
from sessionls.sessions.workspace.workspace import Document, ResolvedFile, Workspace
from sessionls.tools.base import Arguments, BaseTool
from sessionls.tools.outcome import LARGEST_EDITED, resulting_text
from sessionls.tools.patching import replace, shown
from sessionls.tools.protected_paths import is_protected
from sessionls.tools.read_tracker import ReadTracker
from sessionls.tools.saving import Saving
from sessionls.tools.startup_files import startup_reason

__all__ = ["CreateFile", "DeleteFile", "EditFile", "WriteFile"]

_WRITTEN = 1_000_000  # characters of one text that an agent writes
_WHOLE = 4_000_000  # characters of a whole text that an external agent writes
_KEPT = 50_000  # characters of a patch that the log keeps
_PATH = "Path of a file, relative to the workspace folder."
_NOT_SAVED = " It is not saved: the edit of {path} stands in the editor only, and programs read the file as it was."
_NOT_SAVED_UNASKED = (
    " It is not saved, because {path} had unsaved changes before. Only its person saves those; programs read the file as it was."
)


@dataclass(frozen=True, slots=True)
class _Plan:
    """One call, worked out: what the editor is asked to do, and what is told of it.

    `before` and `text` are the document's text then and afterwards; None where there is none. `unsaved`: the document had
    changes that its person has not saved.
    """

    place: ResolvedFile
    uri: str
    summary: str
    change: DocumentChange
    patch: str | None
    done: str
    before: str | None
    text: str | None
    unsaved: bool = False
    bom: bool = False


A = TypeVar("A", bound=Arguments)


class _WriteTool(BaseTool[A]):
    risk = "write"

    def __init__(
        self,
        workspace: Workspace,
        editor: Editor,
        seen: ReadTracker,
        saving: Saving,
        *,
        confirm: bool = False,
        protected: Sequence[Path] = (),
        read_only: Callable[[], bool] = lambda: False,
    ) -> None:
        self._workspace = workspace
        self._editor = editor
        self._seen = seen
        self._saving = saving
        self._confirm = confirm
        self._obeyed = protected
        self._read_only = read_only

    async def permission_request(self, arguments: Mapping[str, Any]) -> PermissionRequest:
        try:
            plan = await self._plan(self._checked(arguments), None)
        except SessionlsError as error:
            raise ToolFailed(f"{error.message} {error.hint}") from None
        detail = None if plan.patch is None else shown(plan.patch)
        who = await asyncio.to_thread(startup_reason, plan.place, self._workspace.folders)
        if who is None:
            return PermissionRequest(plan.summary, detail=detail)
        path = plan.place.display
        summary = f"{plan.summary}: this file can start programs, {who} runs what it says"
        return PermissionRequest(summary, detail=detail, scope=f"{self.name} of {path}", startup=plan.place.name)

    async def perform(self, arguments: A, call: ToolCall) -> str:
        plan = await self._plan(arguments, call.session_id)
        await self._check_still_there(plan)
        if self._read_only():  # it may have come while the change was worked out
            raise ToolFailed("Agents may only read here now; nothing was changed.")
        outcome = await self._editor.apply(plan.summary, [plan.change], confirm=self._confirm)
        if not outcome.applied:
            await call.edited(plan.uri, plan.summary, applied=False, patch=_kept(plan.patch))
            raise ToolFailed(_refused(plan, outcome.reason))
        if plan.text is None:
            await call.edited(plan.uri, plan.summary, applied=True, patch=_kept(plan.patch), kept=await _packed(plan, None))
            return plan.done
        self._seen.knows(call.session_id, plan.uri, _hash(plan.text))
        made: str | None = plan.text
        applied = True
        note = _NOT_SAVED_UNASKED.format(path=plan.place.display) if plan.unsaved else ""
        try:
            made = await resulting_text(self._workspace, plan.uri, plan.text)
            applied = made != plan.before
            if made == plan.text and not plan.unsaved:
                if not await self._saving.edited(plan.uri, plan.text):
                    note = _NOT_SAVED.format(path=plan.place.display)
                made = (
                    await resulting_text(self._workspace, plan.uri, plan.text, patient=False) or plan.text
                )  # a formatter may have run when it was saved
        finally:  # what was done is in the log, also where the reply is stopped just now
            whole = plan.patch
            if made != plan.text:
                whole = None if made is None else await asyncio.to_thread(patch, plan.place.display, plan.before, made)
            kept = await _packed(plan, made) if applied and made is not None else None
            await call.edited(plan.uri, plan.summary, applied=applied, patch=_kept(whole if applied else plan.patch), kept=kept)
        if not applied:
            raise ToolFailed(_refused(plan, "It said that it did, but the text is what it was."))
        if made == plan.text:
            return f"{plan.done}{note}"
        return (
            f"{plan.done}{note} Its text came out otherwise (a formatter may have run, or only a part was confirmed): "
            "read it before the next edit."
        )

    async def check(self, path: str) -> ResolvedFile:
        """Where that file is. Raises `ToolFailed` where agents never write, an error of sessionls for what is outside."""
        return await self._place(path)

    async def _check_still_there(self, plan: _Plan) -> None:
        """What lies at that path may have become a link that leads elsewhere since it was looked at."""
        try:
            same = (await self._workspace.resolve(plan.uri)).path == plan.place.path
        except SessionlsError:
            same = False
        if not same:
            raise ToolFailed(f"{plan.place.display} changed while it was looked at; look again.")

    @abstractmethod
    async def _plan(self, arguments: A, session_id: str | None) -> _Plan:
        """What is to be done. Without a session nobody was asked for permission yet."""

    async def _place(self, path: str) -> ResolvedFile:
        place = await self._workspace.resolve(path)
        if await asyncio.to_thread(is_protected, place, self._workspace.folders, self._obeyed):
            raise ToolFailed(
                f"{place.display} says which agents and programs run here; only people change it. "
                "Show what you would write in your reply instead."
            )
        return place


# -- edit_file -------------------------------------------------------------------------------------------------------


class Edit(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)

    old: str = Field(
        min_length=1,
        max_length=_WRITTEN,
        description="The text to replace, exactly as in the file, without line numbers. Must be there once, or use all.",
    )
    new: str = Field(max_length=_WRITTEN, description="What stands there instead. Empty: nothing.")
    all: bool = Field(default=False, description="Replace every occurrence.")

    @model_validator(mode="before")
    @classmethod
    def _without_null(cls, value: Any) -> Any:
        return {name: given for name, given in value.items() if given is not None} if isinstance(value, dict) else value


class EditFileArguments(Arguments):
    path: str = Field(description=_PATH, min_length=1)
    edits: list[Edit] = Field(
        min_length=1,
        max_length=200,
        description="Replacements, made together. Each is looked for in the file as it is now; they must not overlap.",
    )


class EditFile(_WriteTool[EditFileArguments]):
    name = "edit_file"
    description = (
        "Change a text file by exact replacement, in the editor, where it can be undone. Read the file first: an edit is made "
        "only to the text that you have seen. Line ends are kept as the file has them."
    )
    arguments = EditFileArguments

    async def _plan(self, arguments: EditFileArguments, session_id: str | None) -> _Plan:
        place = await self._place(arguments.path)
        document = await self._workspace.read(arguments.path, limit=LARGEST_EDITED)
        self._check_seen(document, session_id)
        wanted = [(replace_lone_surrogates(edit.old), replace_lone_surrogates(edit.new), edit.all) for edit in arguments.edits]
        made = await asyncio.to_thread(replace, document.text, wanted, self._editor.encoding, document.path)
        change = DocumentChange(document.uri, version=document.version, edits=made.edits, sha256=document.sha256)
        lines = sorted({range_.start.line + 1 for range_, _ in made.edits})
        where = f"line {lines[0]}" if len(lines) == 1 else f"lines {', '.join(map(str, lines[:10]))}{' …' if lines[10:] else ''}"
        done = f"Edited {document.path}: {made.count} replacement{'s' if made.count > 1 else ''} ({where})."
        diff = await asyncio.to_thread(patch, document.path, document.text, made.text)
        unsaved = document.buffer and document.dirty and not self._saving.left(document.uri, document.sha256)
        return _Plan(place, document.uri, f"Edit {document.path}", change, diff, done, document.text, made.text, unsaved)

    def _check_seen(self, document: Document, session_id: str | None) -> None:
        if document.notice is not None:
            raise ToolFailed(f"{document.path} is too large to be edited here.")
        if session_id is None:
            last = self._seen.anywhere(document.uri, document.sha256)
        else:
            last = self._seen.last(session_id, document.uri)
        if last is None:
            raise ToolFailed(f"Read {document.path} with read_file before you edit it, as it is now; nothing was changed.")
        if last != document.sha256:
            raise ToolFailed(f"{document.path} has changed since you read it. Read it again; nothing was changed.")


# -- create_file -----------------------------------------------------------------------------------------------------


class CreateFileArguments(Arguments):
    path: str = Field(description=f"{_PATH} Folders that are missing are made.", min_length=1)
    text: str = Field(max_length=_WRITTEN, description="The whole text of the new file.")


class CreateFile(_WriteTool[CreateFileArguments]):
    name = "create_file"
    description = "Create a text file, in the editor, where it can be undone. A file that exists is changed with edit_file."
    arguments = CreateFileArguments

    async def _plan(self, arguments: CreateFileArguments, session_id: str | None) -> _Plan:  # noqa: ARG002
        place = await self._place(arguments.path)
        if place.name == "." or arguments.path.endswith(("/", "\\")):
            raise ToolFailed(f"{arguments.path[:200]} is a folder; name a file.")
        if self._workspace.buffer(place) is not None or await asyncio.to_thread(_exists, place):
            raise ToolFailed(f"{place.display} exists already. Read it and change it with edit_file.")
        text = replace_lone_surrogates(arguments.text)
        if "\0" in text:
            raise ToolFailed("Only text can be written: there is a NUL in it.")
        change = DocumentChange(place.uri, kind="create", text=text)
        diff = await asyncio.to_thread(patch, place.display, None, text)
        return _Plan(place, place.uri, f"Create {place.display}", change, diff, f"Created {place.display}.", None, text)


# -- write_file ------------------------------------------------------------------------------------------------------


class WriteFileArguments(Arguments):
    path: str = Field(description=_PATH, min_length=1)
    text: str = Field(max_length=_WHOLE, description="The whole text of the file.")


class WriteFile(_WriteTool[WriteFileArguments]):
    """The whole text of a file, new or not, as external agents write it. Our own agents edit and create.

    Nothing is overwritten that the agent cannot know: of a document with unsaved changes it has read the text as it is.
    """

    name = "edit_file"
    description = "Make this the text of a file."
    arguments = WriteFileArguments

    async def _plan(self, arguments: WriteFileArguments, session_id: str | None) -> _Plan:
        place = await self._place(arguments.path)
        text = replace_lone_surrogates(arguments.text)
        if "\0" in text:
            raise ToolFailed("Only text can be written: there is a NUL in it.")
        if self._workspace.buffer(place) is None and not await asyncio.to_thread(_exists, place):
            change = DocumentChange(place.uri, kind="create", text=text)
            diff = await asyncio.to_thread(patch, place.display, None, text)
            return _Plan(place, place.uri, f"Create {place.display}", change, diff, f"Created {place.display}.", None, text)
        document = await self._workspace.read(arguments.path, limit=LARGEST_EDITED)
        if document.notice is not None:
            raise ToolFailed(f"{document.path} is too large to be edited here.")
        unsaved = document.buffer and document.dirty and not self._saving.left(document.uri, document.sha256)
        last = None if session_id is None else self._seen.last(session_id, document.uri)
        if unsaved and session_id is not None and last != document.sha256:
            raise ToolFailed(
                f"{document.path} has unsaved changes in the editor that you have not seen. Read it with "
                "fs/read_text_file first; nothing was changed."
            )
        if line_end_of(document.text) == "\r\n" and "\r\n" not in text:  # the file keeps its line ends
            text = text.replace("\n", "\r\n")
        edits = await asyncio.to_thread(_difference, document.text, text, self._editor.encoding)
        change = DocumentChange(document.uri, version=document.version, edits=edits, sha256=document.sha256)
        diff = await asyncio.to_thread(patch, document.path, document.text, text)
        done = f"Wrote {document.path}."
        return _Plan(place, document.uri, f"Edit {document.path}", change, diff, done, document.text, text, unsaved)


def _difference(old: str, new: str, encoding: Encoding) -> list[tuple[Range, str]]:
    """One edit that makes the one text of the other: from the first line that differs to the last."""
    before, after = old.splitlines(keepends=True), new.splitlines(keepends=True)
    head = 0
    while head < min(len(before), len(after)) and before[head] == after[head]:
        head += 1
    tail = 0
    while tail < min(len(before), len(after)) - head and before[-1 - tail] == after[-1 - tail]:
        tail += 1
    if head == len(before) == len(after):
        return []
    start = sum(map(len, before[:head]))
    end = len(old) - sum(map(len, before[len(before) - tail :]))
    lines = Lines(old, encoding)
    return [(Range(start=lines.position(start), end=lines.position(end)), "".join(after[head : len(after) - tail]))]


# -- delete_file -----------------------------------------------------------------------------------------------------


class DeleteFileArguments(Arguments):
    path: str = Field(description=_PATH, min_length=1)


class DeleteFile(_WriteTool[DeleteFileArguments]):
    name = "delete_file"
    description = "Delete one file of the workspace, through the editor. Folders cannot be deleted."
    arguments = DeleteFileArguments

    async def _plan(self, arguments: DeleteFileArguments, session_id: str | None) -> _Plan:  # noqa: ARG002
        place = await self._place(arguments.path)
        await asyncio.to_thread(_check_file, place, arguments.path)
        diff, sha256, text, bom = None, None, None, False
        try:
            document = await self._workspace.read(arguments.path, limit=LARGEST_EDITED)
        except InvalidParams:  # no text: it can be deleted all the same
            pass
        else:
            if document.buffer and document.dirty and not self._saving.left(document.uri, document.sha256):
                raise ToolFailed(f"{place.display} has unsaved changes in the editor; only its person can delete it.")
            diff = await asyncio.to_thread(patch, place.display, document.text, None)
            sha256, text, bom = document.sha256, document.text, document.bom
        change = DocumentChange(place.uri, kind="delete", sha256=sha256)
        done = f"Deleted {place.display}."
        return _Plan(place, place.uri, f"Delete {place.display}", change, diff, done, text, None, bom=bom)


def _exists(place: ResolvedFile) -> bool:
    return os.path.lexists(place.path)


def _check_file(place: ResolvedFile, what: str) -> None:
    known = uris.to_path(place.uri)
    if not _exists(place):
        raise ToolFailed(f"There is no file {what[:200]}.")
    if known is not None and Path(known).is_symlink():
        raise ToolFailed(f"{place.display} is a symbolic link; only people delete those.")
    if not place.path.is_file():
        raise ToolFailed(f"{place.display} is not a file. Folders, pipes and devices are not deleted.")


def _refused(plan: _Plan, reason: str | None) -> str:
    words = f"The editor did not make the change: {reason or 'it gave no reason.'}"
    if plan.patch is None:
        return words
    return f"{words} Show this patch in your reply, so that it can be applied by hand:\n```diff\n{shown(plan.patch)}```"


def _kept(whole: str | None) -> str | None:
    """A patch for the log: whole, or none."""
    return whole if whole is not None and len(whole) <= _KEPT else None


async def _packed(plan: _Plan, made: str | None) -> str | None:
    """What takes the change back exactly, for the log."""
    if plan.before is None and made is None:  # what was deleted is no text
        return None
    return await asyncio.to_thread(pack, EditTexts(plan.before, made, plan.bom))


def _hash(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()
