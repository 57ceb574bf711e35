"""Tools that change files of the workspace through the editor: edit, create and delete.

An edit applies only to text that the agent has read (see `read_tracker.py`). The editor may refuse a change; then the agent gets
the patch, so that the person can apply it.
"""

from __future__ import annotations

import asyncio
import dataclasses
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
from sessionls.tools.outcome import LARGEST_EDITED, SETTLING_SECONDS, is_ended, resulting_text
from sessionls.tools.patching import replace, shown
from sessionls.tools.protected_paths import is_protected
from sessionls.tools.read_tracker import ReadTracker
from sessionls.tools.saving import Saving
from sessionls.tools.startup_files import startup_reason

__all__ = ["CreateFile", "DeleteFile", "EditFile", "WriteFile"]

_WRITTEN = 1_000_000  # characters of a text from an agent
_WHOLE = 4_000_000  # characters of a whole file from an external agent
_KEPT = 50_000  # characters of a patch in the log
_PATH = "Path of a file, relative to the workspace folder."
_NOT_SAVED = " It is not saved: the edit of {path} is only in the editor, and programs still read the old file."
_NOT_SAVED_UNASKED = (
    " It is not saved, because {path} had unsaved changes before, which only the person saves. Programs still read the old file."
)


@dataclass(frozen=True, slots=True)
class _Plan:
    """The plan for one call: the change for the editor, and its description.

    `before` and `text` are the document's text before and after; None if there is none. `unsaved`: the document has unsaved
    changes of the person.
    """

    file: ResolvedFile
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
        settling_seconds: Sequence[float] = SETTLING_SECONDS,
    ) -> None:
        self._workspace = workspace
        self._settling_seconds = settling_seconds
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
        who = await asyncio.to_thread(startup_reason, plan.file, self._workspace.folders)
        if who is None:
            return PermissionRequest(plan.summary, detail=detail)
        path = plan.file.display
        summary = f"{plan.summary}: this file can start programs, {who} runs what it says"
        return PermissionRequest(summary, detail=detail, scope=f"{self.name} of {path}", startup=plan.file.name)

    async def perform(self, arguments: A, call: ToolCall) -> str:
        plan = await self._plan(arguments, call.session_id)
        await self._check_still_there(plan)
        if self._read_only():  # this may have changed since the plan was made
            raise ToolFailed("Agents may now only read here. Nothing was changed.")
        outcome = await self._editor.apply(plan.summary, [plan.change], confirm=self._confirm)
        if not outcome.applied:
            await call.edited(plan.uri, plan.summary, applied=False, patch=_kept(plan.patch))
            raise ToolFailed(_refused(plan, outcome.reason))
        if plan.text is None:
            await call.edited(plan.uri, plan.summary, applied=True, patch=_kept(plan.patch), kept=await _packed(plan, None))
            return plan.done
        text = plan.text
        self._seen.knows(call.session_id, plan.uri, _hash(text))
        made: str | None = text
        applied = True
        note = _NOT_SAVED_UNASKED.format(path=plan.file.display) if plan.unsaved else ""
        try:
            made = await resulting_text(self._workspace, plan.uri, text, self._settling_seconds)
            if made is not None and is_ended(made, text):
                difference = await asyncio.to_thread(patch, plan.file.display, plan.before, made)
                plan, text = dataclasses.replace(plan, text=made, patch=difference), made
                self._seen.knows(call.session_id, plan.uri, _hash(made))
            applied = made != plan.before
            if made == text and not plan.unsaved:
                if not await self._saving.edited(plan.uri, text):
                    note = _NOT_SAVED.format(path=plan.file.display)
                made = await resulting_text(self._workspace, plan.uri, text, (0.0,)) or text  # a formatter may have run on save
        finally:  # log the change, even if the reply is stopped at this moment
            whole = plan.patch
            if made != text:
                whole = None if made is None else await asyncio.to_thread(patch, plan.file.display, plan.before, made)
            kept = await _packed(plan, made) if applied and made is not None else None
            await call.edited(plan.uri, plan.summary, applied=applied, patch=_kept(whole if applied else plan.patch), kept=kept)
        if not applied:
            raise ToolFailed(_refused(plan, "It reported success, but the text did not change."))
        if made == text:
            return f"{plan.done}{note}"
        return (
            f"{plan.done}{note} The resulting text is different (a formatter may have run, or only a part was confirmed): "
            "read it before the next edit."
        )

    async def check(self, path: str) -> ResolvedFile:
        """Resolve the path. Raises `ToolFailed` where agents never write, and a `SessionlsError` outside the workspace."""
        return await self._file(path)

    async def _check_still_there(self, plan: _Plan) -> None:
        """Check that the path has not become a symbolic link to another file meanwhile."""
        try:
            same = (await self._workspace.resolve(plan.uri)).path == plan.file.path
        except SessionlsError:
            same = False
        if not same:
            raise ToolFailed(f"{plan.file.display} changed meanwhile. Try again.")

    @abstractmethod
    async def _plan(self, arguments: A, session_id: str | None) -> _Plan:
        """Make the plan. `session_id` is None before permission was requested."""

    async def _file(self, path: str) -> ResolvedFile:
        file = await self._workspace.resolve(path)
        if await asyncio.to_thread(is_protected, file, self._workspace.folders, self._obeyed):
            raise ToolFailed(
                f"{file.display} controls which agents and programs run here, so only people may change it. "
                "Show the text in your reply instead."
            )
        return file


# -- edit_file -------------------------------------------------------------------------------------------------------


class Edit(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)

    old: str = Field(
        min_length=1,
        max_length=_WRITTEN,
        description="The text to replace, exactly as in the file, without line numbers. Must occur once, or use all.",
    )
    new: str = Field(max_length=_WRITTEN, description="The replacement. Empty: delete the text.")
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
        description="Replacements, made together. Each is searched in the present text; they must not overlap.",
    )


class EditFile(_WriteTool[EditFileArguments]):
    name = "edit_file"
    description = (
        "Change a text file by exact replacement, in the editor, where it can be undone. Read the file first: an edit applies "
        "only to text that you have read. The file keeps its line ends."
    )
    arguments = EditFileArguments

    async def _plan(self, arguments: EditFileArguments, session_id: str | None) -> _Plan:
        file = await self._file(arguments.path)
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
        return _Plan(file, document.uri, f"Edit {document.path}", change, diff, done, document.text, made.text, unsaved)

    def _check_seen(self, document: Document, session_id: str | None) -> None:
        if document.notice is not None:
            raise ToolFailed(f"{document.path} is too large to edit.")
        if session_id is None:
            last = self._seen.anywhere(document.uri, document.sha256)
        else:
            last = self._seen.last(session_id, document.uri)
        if last is None:
            raise ToolFailed(f"Read {document.path} with read_file before you edit it. Nothing was changed.")
        if last != document.sha256:
            raise ToolFailed(f"{document.path} has changed since you read it. Read it again. Nothing was changed.")


# -- create_file -----------------------------------------------------------------------------------------------------


class CreateFileArguments(Arguments):
    path: str = Field(description=f"{_PATH} Missing folders are created.", min_length=1)
    text: str = Field(max_length=_WRITTEN, description="The whole text of the new file.")


class CreateFile(_WriteTool[CreateFileArguments]):
    name = "create_file"
    description = "Create a text file, in the editor, where it can be undone. To change an existing file, use edit_file."
    arguments = CreateFileArguments

    async def _plan(self, arguments: CreateFileArguments, session_id: str | None) -> _Plan:  # noqa: ARG002
        file = await self._file(arguments.path)
        if file.name == "." or arguments.path.endswith(("/", "\\")):
            raise ToolFailed(f"{arguments.path[:200]} is a folder. Use the path of a file.")
        if self._workspace.buffer(file) is not None or await asyncio.to_thread(_exists, file):
            raise ToolFailed(f"{file.display} exists already. Read it and change it with edit_file.")
        text = replace_lone_surrogates(arguments.text)
        if "\0" in text:
            raise ToolFailed("Only text can be written, but this contains a NUL character.")
        change = DocumentChange(file.uri, kind="create", text=text)
        diff = await asyncio.to_thread(patch, file.display, None, text)
        return _Plan(file, file.uri, f"Create {file.display}", change, diff, f"Created {file.display}.", None, text)


# -- write_file ------------------------------------------------------------------------------------------------------


class WriteFileArguments(Arguments):
    path: str = Field(description=_PATH, min_length=1)
    text: str = Field(max_length=_WHOLE, description="The whole text of the file.")


class WriteFile(_WriteTool[WriteFileArguments]):
    """Write the whole text of a new or existing file, for external agents. (Our own agents use edit and create.)

    Unsaved changes are overwritten only if the agent has read them.
    """

    name = "edit_file"
    description = "Replace the whole text of a file."
    arguments = WriteFileArguments

    async def _plan(self, arguments: WriteFileArguments, session_id: str | None) -> _Plan:
        file = await self._file(arguments.path)
        text = replace_lone_surrogates(arguments.text)
        if "\0" in text:
            raise ToolFailed("Only text can be written, but this contains a NUL character.")
        if self._workspace.buffer(file) is None and not await asyncio.to_thread(_exists, file):
            change = DocumentChange(file.uri, kind="create", text=text)
            diff = await asyncio.to_thread(patch, file.display, None, text)
            return _Plan(file, file.uri, f"Create {file.display}", change, diff, f"Created {file.display}.", None, text)
        document = await self._workspace.read(arguments.path, limit=LARGEST_EDITED)
        if document.notice is not None:
            raise ToolFailed(f"{document.path} is too large to edit.")
        unsaved = document.buffer and document.dirty and not self._saving.left(document.uri, document.sha256)
        last = None if session_id is None else self._seen.last(session_id, document.uri)
        if unsaved and session_id is not None and last != document.sha256:
            raise ToolFailed(
                f"{document.path} has unsaved changes in the editor that you have not seen. Read it with "
                "fs/read_text_file first. Nothing was changed."
            )
        if line_end_of(document.text) == "\r\n" and "\r\n" not in text:  # the file keeps its line ends
            text = text.replace("\n", "\r\n")
        edits = await asyncio.to_thread(_difference, document.text, text, self._editor.encoding)
        change = DocumentChange(document.uri, version=document.version, edits=edits, sha256=document.sha256)
        diff = await asyncio.to_thread(patch, document.path, document.text, text)
        done = f"Wrote {document.path}."
        return _Plan(file, document.uri, f"Edit {document.path}", change, diff, done, document.text, text, unsaved)


def _difference(old: str, new: str, encoding: Encoding) -> list[tuple[Range, str]]:
    """One edit that turns the old text into the new one, from the first different line to the last."""
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
        file = await self._file(arguments.path)
        await asyncio.to_thread(_check_file, file, arguments.path)
        diff, sha256, text, bom = None, None, None, False
        try:
            document = await self._workspace.read(arguments.path, limit=LARGEST_EDITED)
        except InvalidParams:  # not text, but it can be deleted nevertheless
            pass
        else:
            if document.buffer and document.dirty and not self._saving.left(document.uri, document.sha256):
                raise ToolFailed(f"{file.display} has unsaved changes in the editor, so only the person can delete it.")
            diff = await asyncio.to_thread(patch, file.display, document.text, None)
            sha256, text, bom = document.sha256, document.text, document.bom
        change = DocumentChange(file.uri, kind="delete", sha256=sha256)
        done = f"Deleted {file.display}."
        return _Plan(file, file.uri, f"Delete {file.display}", change, diff, done, text, None, bom=bom)


def _exists(file: ResolvedFile) -> bool:
    return os.path.lexists(file.path)


def _check_file(file: ResolvedFile, what: str) -> None:
    known = uris.to_path(file.uri)
    if not _exists(file):
        raise ToolFailed(f"There is no file {what[:200]}.")
    if known is not None and Path(known).is_symlink():
        raise ToolFailed(f"{file.display} is a symbolic link, which only people may delete.")
    if not file.path.is_file():
        raise ToolFailed(f"{file.display} is not a file. Folders, pipes and devices cannot be deleted.")


def _refused(plan: _Plan, reason: str | None) -> str:
    words = f"The editor did not make the change: {reason or 'it gave no reason.'}"
    if plan.patch is None:
        return words
    return f"{words} Show this patch in your reply, so that it can be applied by hand:\n```diff\n{shown(plan.patch)}```"


def _kept(whole: str | None) -> str | None:
    """The patch for the log, if it is not too long."""
    return whole if whole is not None and len(whole) <= _KEPT else None


async def _packed(plan: _Plan, made: str | None) -> str | None:
    """The data for the log to revert the change exactly."""
    if plan.before is None and made is None:  # the deleted file was not text
        return None
    return await asyncio.to_thread(pack, EditTexts(plan.before, made, plan.bom))


def _hash(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()
