"""Changes documents through the client: `workspace/applyEdit`, in the best form that it supports (LSP 3.17)."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING

from lsprotocol import types as lsp
from pygls.exceptions import JsonRpcException

from sessionls.domain.model import Position, Range
from sessionls.domain.uris import printable
from sessionls.ports.editor import Buffer, DocumentChange, EditOutcome
from sessionls.server.editor.convert import range_to_lsp

if TYPE_CHECKING:
    from sessionls.server.editor.capabilities import Client, EditSupport
    from sessionls.server.transport.protocol import SessionProtocol

__all__ = ["change_documents"]

log = logging.getLogger("sessionls")

_SECONDS = 30.0  # that an editor may take
_CONFIRMED_SECONDS = 600.0  # that a person may take to confirm the change
_ANNOTATION = "sessionls"
# All of an empty document. The position behind its only line makes Neovim drop the empty line that would be left below the text.
_EVERYTHING = Range(start=Position(line=0, character=0), end=Position(line=1, character=0))


async def change_documents(
    protocol: SessionProtocol,
    client: Client,
    buffer: Callable[[str], Buffer | None],
    label: str,
    changes: Sequence[DocumentChange],
    *,
    confirm: bool,
) -> EditOutcome:
    """Have the client make all of the changes, or say why not. `buffer` gives an open document."""
    able = client.edits
    reason = _unable(able, changes) or _outdated(buffer, changes)
    if reason is not None:
        return EditOutcome(applied=False, reason=reason)
    confirm = confirm and able.annotations
    params = lsp.ApplyWorkspaceEditParams(edit=_edit(able, label, changes, confirm=confirm), label=label)
    try:
        async with asyncio.timeout(_CONFIRMED_SECONDS if confirm else _SECONDS):
            result: lsp.ApplyWorkspaceEditResult = await protocol.ask_client(lsp.WORKSPACE_APPLY_EDIT, params)
    except TimeoutError:
        words = "It did not answer in time, so it is not known whether the change was made: read the file before anything else."
        return EditOutcome(applied=False, reason=words)
    except JsonRpcException as error:
        return EditOutcome(applied=False, reason=_words(error.message))
    except Exception:
        log.exception("The answer to workspace/applyEdit cannot be read")
        return EditOutcome(applied=False, reason="Its answer cannot be read: read the file to see whether the change was made.")
    if result.applied:
        return EditOutcome(applied=True)
    return EditOutcome(applied=False, reason=_words(result.failure_reason) or "It was declined, or the document has changed.")


def _unable(able: EditSupport, changes: Sequence[DocumentChange]) -> str | None:
    kinds = {change.kind for change in changes}
    if not able.applies:
        return "It takes no edits from a language server."
    if "create" in kinds and not able.creates:
        return "It creates no files for a language server."
    if "delete" in kinds and not able.deletes:
        return "It deletes no files for a language server."
    return None


def _outdated(buffer: Callable[[str], Buffer | None], changes: Sequence[DocumentChange]) -> str | None:
    for change in changes:
        now = buffer(change.uri)
        if change.kind == "edit" and (now.version if now else None) != change.version:
            return "The document changed meanwhile: read it again."
        if change.kind == "create" and now is not None:
            return "The document was opened meanwhile."
    return None


def _edit(able: EditSupport, label: str, changes: Sequence[DocumentChange], *, confirm: bool) -> lsp.WorkspaceEdit:
    if not able.versions and all(change.kind == "edit" for change in changes):
        return lsp.WorkspaceEdit(
            changes={c.uri: [lsp.TextEdit(range_to_lsp(where), new) for where, new in c.edits] for c in changes}
        )
    mark = _ANNOTATION if able.annotations else None
    made: list[lsp.TextDocumentEdit | lsp.CreateFile | lsp.RenameFile | lsp.DeleteFile] = []
    for change in changes:
        edits = list(change.edits)
        match change.kind:
            case "create":
                options = lsp.CreateFileOptions(overwrite=False, ignore_if_exists=False)
                made.append(lsp.CreateFile(uri=change.uri, options=options, annotation_id=mark))
                edits = [(_EVERYTHING, change.text)] if change.text else []
            case "delete":
                gone = lsp.DeleteFileOptions(recursive=False, ignore_if_not_exists=False)
                made.append(lsp.DeleteFile(uri=change.uri, options=gone, annotation_id=mark))
            case "edit":
                pass
        if edits:
            document = lsp.OptionalVersionedTextDocumentIdentifier(uri=change.uri, version=change.version)
            made.append(lsp.TextDocumentEdit(text_document=document, edits=[_text_edit(*one, mark) for one in edits]))
    annotations = {_ANNOTATION: lsp.ChangeAnnotation(label=label, needs_confirmation=confirm)} if mark else None
    return lsp.WorkspaceEdit(document_changes=made, change_annotations=annotations)


def _text_edit(range_: Range, text: str, mark: str | None) -> lsp.TextEdit | lsp.AnnotatedTextEdit:
    if mark is not None:
        return lsp.AnnotatedTextEdit(annotation_id=mark, range=range_to_lsp(range_), new_text=text)
    return lsp.TextEdit(range=range_to_lsp(range_), new_text=text)


def _words(reason: str | None) -> str | None:
    return printable(reason)[:300] if reason else None
