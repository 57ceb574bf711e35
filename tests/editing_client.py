"""A language client that makes edits in its own buffers, like an editor, and saves them on request."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any
from urllib.parse import unquote

from lsprotocol import types as lsp

from model_server import ModelServer
from server_client import SessionClient, start_server, stop
from sessionls.domain.model import Position, Range
from sessionls.sessions.workspace.positions import Lines
from shared_server import SharedServer, environment, key_for, make_workspace

__all__ = ["Buffers", "able", "editing_server"]


@asynccontextmanager
async def editing_server(home: Path, variables: dict[str, str]) -> AsyncIterator[SharedServer]:
    """A server for an editor that makes edits and saves, with these environment variables."""
    models = ModelServer()
    models.start()
    client = await start_server(
        events=True,
        saves=True,
        folders=[make_workspace(home)],
        options={"participant": {"name": "Ada"}, "workspaceTrusted": True, "model": "openai/test"},
        capabilities=able(),
        env=environment(home) | key_for(models) | variables,
    )
    yield SharedServer(client, models, home / "work")
    await stop(client)
    models.stop()


def able(*, versions: bool = True, files: bool = True, annotations: bool = False, applies: bool = True) -> lsp.ClientCapabilities:
    """The client's capabilities for edits."""
    edits = lsp.WorkspaceEditClientCapabilities(
        document_changes=versions,
        resource_operations=[lsp.ResourceOperationKind.Create, lsp.ResourceOperationKind.Delete] if files else None,
        change_annotation_support=lsp.ChangeAnnotationsSupportOptions() if annotations else None,
    )
    return lsp.ClientCapabilities(workspace=lsp.WorkspaceClientCapabilities(apply_edit=applies, workspace_edit=edits))


class Buffers:
    """The documents of a client that makes edits, notifies the server, and can undo."""

    def __init__(self, client: SessionClient) -> None:
        self.client = client
        self.texts: dict[str, str] = {}
        self.versions: dict[str, int] = {}
        self.asked: list[lsp.ApplyWorkspaceEditParams] = []
        self.reason: str | None = None
        self.saving: list[list[str]] = []
        """The documents of each request to save."""
        self.locked: set[str] = set()
        """Documents that cannot be saved."""
        self.before_save: Callable[[], None] = lambda: None
        """What a person does in the moment of saving."""
        self._before: list[dict[str, str]] = []
        client.protocol.fm.features[lsp.WORKSPACE_APPLY_EDIT] = self._on_apply()
        client.protocol.fm.features["document/save"] = self._on_save()

    def open(self, uri: str, text: str) -> None:
        self.texts[uri], self.versions[uri] = text, 1
        self.client.open_document(uri, text)

    def change(self, uri: str, text: str) -> None:
        """Change the text, as if the person typed it or the buffer were restored."""
        self.texts[uri] = text
        self.versions[uri] += 1
        self.client.change_document(uri, self.versions[uri], lsp.TextDocumentContentChangeWholeDocument(text=text))

    async def save(self, uri: str) -> None:
        """Save, as the editor's own command does."""

        def write() -> None:
            path = Path(unquote(uri.removeprefix("file://")))
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(self.texts[uri].encode())

        await asyncio.to_thread(write)
        document = lsp.TextDocumentIdentifier(uri=uri)
        self.client.text_document_did_save(lsp.DidSaveTextDocumentParams(text_document=document))

    def close(self) -> None:
        for uri in self.texts:
            document = lsp.TextDocumentIdentifier(uri=uri)
            self.client.text_document_did_close(lsp.DidCloseTextDocumentParams(text_document=document))

    def undo(self) -> None:
        for uri, text in self._before.pop().items():
            self.change(uri, text)

    def _on_apply(self) -> Any:
        async def on_apply(params: lsp.ApplyWorkspaceEditParams) -> lsp.ApplyWorkspaceEditResult:
            self.asked.append(params)
            if self.reason is not None:
                return lsp.ApplyWorkspaceEditResult(applied=False, failure_reason=self.reason)
            self._before.append(dict(self.texts))
            for uri, edits in (params.edit.changes or {}).items():
                self._edit(uri, edits)
            for one in params.edit.document_changes or ():
                if isinstance(one, lsp.CreateFile):
                    assert one.uri not in self.texts
                    self.open(one.uri, "")
                elif isinstance(one, lsp.DeleteFile):
                    await asyncio.to_thread(
                        Path(unquote(one.uri.removeprefix("file://"))).unlink, missing_ok=one.uri in self.texts
                    )
                    if self.texts.pop(one.uri, None) is not None:  # as editors do
                        closed = lsp.TextDocumentIdentifier(uri=one.uri)
                        self.client.text_document_did_close(lsp.DidCloseTextDocumentParams(text_document=closed))
                elif isinstance(one, lsp.TextDocumentEdit):
                    version = one.text_document.version
                    if version is not None and version != self.versions[one.text_document.uri]:
                        return lsp.ApplyWorkspaceEditResult(applied=False, failure_reason="stale")
                    self._edit(one.text_document.uri, one.edits)
            return lsp.ApplyWorkspaceEditResult(applied=True)

        return on_apply

    def _on_save(self) -> Any:
        async def on_save(params: Mapping[str, Any]) -> dict[str, Any]:
            self.saving.append(list(params["uris"]))
            self.before_save()
            known = params.get("versions", {})
            able = [uri for uri in params["uris"] if known.get(uri, self.versions[uri]) == self.versions[uri]]
            saved = [uri for uri in able if uri not in self.locked]
            for uri in saved:
                await self.save(uri)
            return {"saved": saved}

        return on_save

    def _edit(self, uri: str, edits: Any) -> None:
        if uri not in self.texts:  # as editors do: an edit of a closed file opens it
            self.open(uri, Path(unquote(uri.removeprefix("file://"))).read_bytes().decode())
        lines = Lines(self.texts[uri], "utf-16")
        text = self.texts[uri]
        for edit in reversed(edits):
            first, last = edit.range.start, edit.range.end
            start = Position(line=first.line, character=first.character)
            begin, end = lines.span(Range(start=start, end=Position(line=last.line, character=last.character)))
            text = text[:begin] + edit.new_text + text[end:]
        self.change(uri, text)
