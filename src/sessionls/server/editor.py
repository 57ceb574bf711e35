"""The `Editor` port over LSP: open buffers as the client has them, workspace folders, the negotiated encoding."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping, Sequence
from typing import Any
from urllib.parse import unquote

from lsprotocol import types as lsp
from pygls.workspace import TextDocument, Workspace

from sessionls.sessions.model import Position
from sessionls.sessions.positions import Encoding, Lines
from sessionls.sessions.tooling import Answer, Buffer, DocumentChange, EditOutcome, Question

__all__ = ["Documents", "LspEditor"]


class Documents(Workspace):
    """pygls' documents, changed exactly as the specification says.

    pygls takes form feeds, U+2028 and others for line ends, and loses a character where a change begins past the end of the
    last line: the buffer would no longer be the editor's.
    """

    @classmethod
    def like(cls, other: Workspace) -> Documents:
        return cls(other.root_uri, lsp.TextDocumentSyncKind.Incremental, list(other.folders.values()), other.position_encoding)

    @property
    def encoding(self) -> Encoding:
        return lsp.PositionEncodingKind(self.position_encoding or "utf-16").value

    def _create_text_document(
        self, doc_uri: str, source: str | None = None, version: int | None = None, language_id: str | None = None
    ) -> TextDocument:
        return _Document(
            doc_uri, source=source, version=version, language_id=language_id, position_codec=self.position_codec
        ).in_encoding(self.encoding)


class _Document(TextDocument):
    _encoding: Encoding = "utf-16"

    def in_encoding(self, encoding: Encoding) -> _Document:
        self._encoding = encoding
        return self

    def _apply_incremental_change(self, change: lsp.TextDocumentContentChangePartial) -> None:
        text = self._source or ""
        lines = Lines(text, self._encoding)
        first, last = change.range.start, change.range.end
        start = lines.offset(Position(line=first.line, character=first.character))
        end = max(start, lines.offset(Position(line=last.line, character=last.character)))
        self._source = text[:start] + change.text + text[end:]


class LspEditor:
    """The editor at the other end. Reads nothing from disk. `ask` is how the person at it is asked."""

    def __init__(self, documents: Documents, ask: Callable[[Question], Awaitable[Answer | None]]) -> None:
        self._documents = documents
        self._ask = ask

    @property
    def encoding(self) -> Encoding:
        return self._documents.encoding

    @property
    def folders(self) -> Sequence[str]:
        """The workspace folders; for a client that knows none, the root it named."""
        folders = [folder.uri for folder in self._documents.folders.values()]
        return folders or ([self._documents.root_uri] if self._documents.root_uri else [])

    def buffer(self, uri: str) -> Buffer | None:
        document = self._documents.text_documents.get(unquote(uri))
        if document is None:
            return None
        return Buffer(document.uri, document.source, document.version, document.language_id)

    def diagnostics(self, uri: str) -> Sequence[Mapping[str, Any]]:  # noqa: ARG002
        return ()

    async def apply(self, label: str, changes: Sequence[DocumentChange], *, confirm: bool = False) -> EditOutcome:  # noqa: ARG002
        return EditOutcome(applied=False, reason="This editor applies no edits; the patch is in the reply.")

    async def ask(self, question: Question) -> Answer | None:
        return await self._ask(question)
