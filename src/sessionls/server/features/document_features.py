"""What editors ask for in the documents of sessions: text, lenses, symbols, folds, links, completion, hover.

Editors ask for these in every document. A client that can registers them for the documents of sessions alone; for the others
each question about another document is answered at once, without waiting for the start.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable, Mapping
from typing import TYPE_CHECKING, Any

from lsprotocol import types as lsp
from pygls.exceptions import JsonRpcException

from sessionls.domain.errors import SessionlsError
from sessionls.domain.ids import new_id
from sessionls.server.features.session_document import SCHEME, session_of
from sessionls.server.features.session_file.files import SUFFIX, is_session_file

if TYPE_CHECKING:
    from sessionls.server.features.commands import EditorCommands
    from sessionls.server.transport.protocol import SessionProtocol

__all__ = ["DocumentFeatures"]

log = logging.getLogger("sessionls")

_START_TIMEOUT = 3.0  # seconds that a document's text waits for the start
_STARTING = "# The session is being opened\n\nThe server is starting. The session appears here as soon as it is ready.\n"
_COMPLETION = lsp.CompletionOptions(trigger_characters=["@", "#", ":", "/"])
_LINK_OPTIONS = lsp.DocumentLinkOptions(resolve_provider=True)


class DocumentFeatures:
    """`commands` waits until the server has started."""

    def __init__(self, protocol: SessionProtocol, commands: Callable[[], Awaitable[EditorCommands]]) -> None:
        self._protocol = protocol
        self._ready = commands
        self._refreshes: set[asyncio.Task[None]] = set()

    @property
    def handlers(self) -> Mapping[str, Callable[[Any], Awaitable[Any]]]:
        """The handler of each request, by its method."""
        return {
            lsp.WORKSPACE_TEXT_DOCUMENT_CONTENT: self._content,
            lsp.TEXT_DOCUMENT_CODE_LENS: self._code_lenses,
            lsp.TEXT_DOCUMENT_DOCUMENT_SYMBOL: self._symbols,
            lsp.TEXT_DOCUMENT_FOLDING_RANGE: self._folds,
            lsp.TEXT_DOCUMENT_DOCUMENT_LINK: self._links,
            lsp.DOCUMENT_LINK_RESOLVE: self._resolve_link,
            lsp.TEXT_DOCUMENT_COMPLETION: self._completions,
            lsp.TEXT_DOCUMENT_HOVER: self._hover,
        }

    def announce(self, capabilities: lsp.ServerCapabilities, registers: frozenset[str]) -> None:
        """Announce what the client cannot register for some documents alone."""
        capabilities.code_lens_provider = None if "code_lens" in registers else lsp.CodeLensOptions()
        capabilities.document_symbol_provider = None if "document_symbol" in registers else True
        capabilities.folding_range_provider = None if "folding_range" in registers else True
        capabilities.document_link_provider = None if "document_link" in registers else _LINK_OPTIONS
        capabilities.completion_provider = None if "completion" in registers else _COMPLETION
        capabilities.hover_provider = None if "hover" in registers else True

    async def register(self, registers: frozenset[str]) -> None:
        """Register the others."""
        selector = [lsp.TextDocumentFilterPattern(pattern=f"**/*{SUFFIX}"), lsp.TextDocumentFilterScheme(scheme=SCHEME)]
        options: dict[str, tuple[str, dict[str, Any]]] = {
            "code_lens": (lsp.TEXT_DOCUMENT_CODE_LENS, {}),
            "document_symbol": (lsp.TEXT_DOCUMENT_DOCUMENT_SYMBOL, {}),
            "folding_range": (lsp.TEXT_DOCUMENT_FOLDING_RANGE, {}),
            "document_link": (lsp.TEXT_DOCUMENT_DOCUMENT_LINK, {"resolveProvider": True}),
            "completion": (lsp.TEXT_DOCUMENT_COMPLETION, {"triggerCharacters": _COMPLETION.trigger_characters}),
            "hover": (lsp.TEXT_DOCUMENT_HOVER, {}),
        }
        registrations = [
            lsp.Registration(id=new_id(), method=method, register_options={"documentSelector": selector, **more})
            for name, (method, more) in options.items()
            if name in registers
        ]
        if not registrations:
            return
        try:
            await self._protocol.send_request_async(
                lsp.CLIENT_REGISTER_CAPABILITY, lsp.RegistrationParams(registrations=registrations)
            )
        except JsonRpcException as error:
            log.warning("The client does not register what session files offer: %s", error.message)

    # -- requests --------------------------------------------------------------------------------------------------------

    async def _content(self, params: lsp.TextDocumentContentParams) -> lsp.TextDocumentContentResult:
        starting = asyncio.ensure_future(self._ready())
        done, _ = await asyncio.wait([starting], timeout=_START_TIMEOUT)
        if not done:
            self._refresh_later(starting, params.uri)
            return lsp.TextDocumentContentResult(text=_STARTING)
        try:
            commands = starting.result()
        except SessionlsError as error:  # the start failed: an error would leave the document blank
            return lsp.TextDocumentContentResult(text=f"# This session cannot be shown\n\n{error.message} {error.hint}\n")
        return lsp.TextDocumentContentResult(text=await commands.documents.content(params.uri))

    def _refresh_later(self, starting: asyncio.Future[EditorCommands], uri: str) -> None:
        async def refresh() -> None:
            await asyncio.wait([starting])
            starting.cancelled() or starting.exception()
            params = lsp.TextDocumentContentRefreshParams(uri=uri)
            await self._protocol.send_request_async(lsp.WORKSPACE_TEXT_DOCUMENT_CONTENT_REFRESH, params)

        job = asyncio.create_task(refresh())
        self._refreshes.add(job)
        job.add_done_callback(self._refreshes.discard)

    async def _code_lenses(self, params: lsp.CodeLensParams) -> list[lsp.CodeLens] | None:
        uri = params.text_document.uri
        if (session_id := session_of(uri)) is not None:
            top = lsp.Range(lsp.Position(0, 0), lsp.Position(0, 0))
            write = lsp.Command(title="Write a message", command="sessionls.openFile", arguments=[{"sessionId": session_id}])
            return [lsp.CodeLens(range=top, command=write)]
        return await (await self._ready()).session_files.code_lenses(uri) if await self._is_open_session_file(uri) else None

    async def _symbols(self, params: lsp.DocumentSymbolParams) -> list[lsp.DocumentSymbol] | None:
        uri = params.text_document.uri
        return await (await self._ready()).session_files.symbols(uri) if await self._is_open_session_file(uri) else None

    async def _folds(self, params: lsp.FoldingRangeParams) -> list[lsp.FoldingRange] | None:
        uri = params.text_document.uri
        return await (await self._ready()).session_files.folds(uri) if await self._is_open_session_file(uri) else None

    async def _links(self, params: lsp.DocumentLinkParams) -> list[lsp.DocumentLink] | None:
        uri = params.text_document.uri
        if session_of(uri) is not None:
            return await (await self._ready()).document_links(uri)
        return await (await self._ready()).session_files.links(uri) if await self._is_open_session_file(uri) else None

    async def _resolve_link(self, link: lsp.DocumentLink) -> lsp.DocumentLink:
        return await (await self._ready()).session_files.resolve_link(link)

    async def _completions(self, params: lsp.CompletionParams) -> lsp.CompletionList | None:
        uri = params.text_document.uri
        if not await self._is_open_session_file(uri):
            return None
        items = await (await self._ready()).session_files.completions(uri, params.position)
        return lsp.CompletionList(is_incomplete=True, items=items)

    async def _hover(self, params: lsp.HoverParams) -> lsp.Hover | None:
        uri = params.text_document.uri
        return (
            await (await self._ready()).session_files.hover(uri, params.position)
            if await self._is_open_session_file(uri)
            else None
        )

    async def _is_open_session_file(self, uri: str) -> bool:
        """Whether the document is a session file that is open."""
        return is_session_file(uri) and (await self._ready()).session_files.keeper.of(uri) is not None
