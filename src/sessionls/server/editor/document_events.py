"""Passes the client's notifications about documents and files on to listeners."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import Any

from lsprotocol import types as lsp

__all__ = ["DocumentEvents", "DocumentListener"]


class DocumentListener:
    """Takes what happens to documents; each method does nothing unless it is overridden."""

    def document_opened(self, uri: str) -> None: ...

    def document_changed(self, uri: str) -> None: ...

    def document_saved(self, uri: str) -> None: ...

    def document_closed(self, uri: str) -> None: ...

    def files_changed(self, changed: Iterable[str]) -> None:
        """Files changed on disk."""


class DocumentEvents:
    """Calls its `listeners` in their order. Their own view of the documents has changed already."""

    def __init__(self) -> None:
        self.listeners: list[DocumentListener] = []

    @property
    def features(self) -> Mapping[str, Callable[[Any], None]]:
        """The handler of each notification, by its method."""
        return {
            lsp.TEXT_DOCUMENT_DID_OPEN: self._opened,
            lsp.TEXT_DOCUMENT_DID_CHANGE: self._changed,
            lsp.TEXT_DOCUMENT_DID_SAVE: self._saved,
            lsp.TEXT_DOCUMENT_DID_CLOSE: self._closed,
            lsp.WORKSPACE_DID_CHANGE_WATCHED_FILES: self._files_changed,
        }

    def _opened(self, params: lsp.DidOpenTextDocumentParams) -> None:
        for listener in self.listeners:
            listener.document_opened(params.text_document.uri)

    def _changed(self, params: lsp.DidChangeTextDocumentParams) -> None:
        for listener in self.listeners:
            listener.document_changed(params.text_document.uri)

    def _saved(self, params: lsp.DidSaveTextDocumentParams) -> None:
        for listener in self.listeners:
            listener.document_saved(params.text_document.uri)

    def _closed(self, params: lsp.DidCloseTextDocumentParams) -> None:
        for listener in self.listeners:
            listener.document_closed(params.text_document.uri)

    def _files_changed(self, params: lsp.DidChangeWatchedFilesParams) -> None:
        changed = [change.uri for change in params.changes]
        for listener in self.listeners:
            listener.files_changed(changed)
