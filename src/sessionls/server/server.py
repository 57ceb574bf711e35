"""One connection to one editor: what it is asked, what it answers with, and its life from `initialize` to `exit`."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import signal
from collections.abc import Awaitable, Callable, Coroutine, Iterable
from typing import TYPE_CHECKING, Any

from lsprotocol import types as lsp
from pydantic import ValidationError
from pygls.lsp.server import LanguageServer
from pygls.workspace import Workspace as PyglsWorkspace

from sessionls import __version__
from sessionls.domain.errors import SessionlsError, StoreUnavailable
from sessionls.domain.model import Wire
from sessionls.domain.permission import Bounds
from sessionls.server.bootstrap import compose_for
from sessionls.server.editor.capabilities import Client, Configuration, Options
from sessionls.server.editor.convert import range_from_lsp
from sessionls.server.editor.disk_watcher import DiskWatcher
from sessionls.server.editor.document_events import DocumentEvents
from sessionls.server.editor.file_watchers import FileWatchers
from sessionls.server.editor.lsp_editor import Documents, LspEditor
from sessionls.server.features.commands import ACTION_KINDS, ALL_COMMANDS, EditorCommands
from sessionls.server.features.document_features import DocumentFeatures
from sessionls.server.features.session_document import SCHEME
from sessionls.server.features.session_file.files import SessionFiles
from sessionls.server.handlers import HANDLERS, RequestContext
from sessionls.server.publishing.finding_diagnostics import DiagnosticsPublisher
from sessionls.server.publishing.finding_tracker import FindingTracker
from sessionls.server.publishing.session_notifications import SessionNotifications
from sessionls.server.transport import errors
from sessionls.server.transport.framing import frame, frames
from sessionls.server.transport.protocol import SessionProtocol, make_converter
from sessionls.stdio import BrokenStream, Inbox, Outbox

if TYPE_CHECKING:
    from sessionls.compose import Composition

__all__ = ["SessionServer"]

log = logging.getLogger("sessionls")
_CLOSE_TIMEOUT = 8.0  # seconds that everything together may take to close


class SessionServer(LanguageServer):
    """`run` serves one client and returns the exit code."""

    protocol: SessionProtocol

    def __init__(self) -> None:
        super().__init__("sessionls", __version__, protocol_cls=SessionProtocol, converter_factory=make_converter)
        self._options = Options()
        self._bounds = Bounds()
        self._client = Client()
        self._composition: Composition | None = None
        self._starting: asyncio.Task[tuple[RequestContext, EditorCommands]] | None = None
        self._closing: asyncio.Task[None] | None = None
        self._notices: SessionNotifications | None = None
        self._findings: FindingTracker | None = None
        self._editor_commands: EditorCommands | None = None
        self._editor: LspEditor | None = None
        self._document_events = DocumentEvents()
        self._jobs: set[asyncio.Task[None]] = set()
        self._sending = asyncio.Lock()
        self._stopping: asyncio.Future[int]
        features = self.protocol.fm.features  # pygls' decorators accept functions only, not methods
        features.update((name, self._request_handler(handler)) for name, handler in HANDLERS.items())
        features[lsp.INITIALIZED] = self._initialized
        features.update(self._document_events.features)
        features[lsp.WORKSPACE_DID_CHANGE_CONFIGURATION] = self._configuration_changed
        features[lsp.TEXT_DOCUMENT_CODE_ACTION] = self._code_actions
        self._document_features = DocumentFeatures(self.protocol, self.commands)
        features.update(self._document_features.handlers)

    def report_server_error(self, error: Exception, source: Any) -> None:
        """Errors go into answers and into the log, never into pop-ups."""
        log.error("%s: %s", getattr(source, "__name__", source), error)

    # -- life cycle ----------------------------------------------------------------------------------------------------

    async def run(self, source: int, sink: int) -> int:
        """Serve the client on these file descriptors until it sends `exit` or disconnects. The exit code follows LSP."""
        loop = asyncio.get_running_loop()
        self._stopping = loop.create_future()
        self._outbox = Outbox(sink, loop, self._connection_lost, frame=frame)
        self.protocol.set_writer(self._outbox)
        inbox = Inbox(source, loop, self.protocol.receive, self._input_ended, frames=frames)
        for name in ("SIGTERM", "SIGINT"):
            with contextlib.suppress(NotImplementedError, AttributeError, ValueError):  # Windows has no such handlers
                loop.add_signal_handler(getattr(signal, name), self.stop, 1)
        self._outbox.start()
        inbox.start()
        code = await self._stopping
        try:
            async with asyncio.timeout(_CLOSE_TIMEOUT):
                await self.close_down()
                await asyncio.to_thread(self._outbox.close)
        except TimeoutError:
            log.warning("Closing took longer than %s seconds; replies that were being written can be resumed", _CLOSE_TIMEOUT)
        return code

    def stop(self, code: int) -> None:
        """End with that exit code."""
        if not self._stopping.done():
            self._stopping.set_result(code)

    async def close_down(self) -> None:
        """Replies being written here stop, resumable, and the store is closed. The second call waits for the first."""
        if self._closing is None:
            self._closing = asyncio.create_task(self._close())
        await asyncio.shield(self._closing)

    async def _close(self) -> None:
        if self._starting is not None and not self._starting.done():
            self._starting.cancel()
        if self._starting is not None:
            await asyncio.wait([self._starting])
        if self._findings is not None:
            await self._findings.close()
        if self._editor_commands is not None:
            await self._editor_commands.session_files.keeper.close()
        if self._composition is not None:
            try:
                await self._composition.close()
            except Exception:
                log.exception("Closing failed")

    def _input_ended(self, broken: BrokenStream | None) -> None:
        """Nothing more can be read."""
        if broken is not None:
            log.error("The client's messages cannot be read: %s", broken)
            self.protocol.refuse_stream(str(broken))
            self.stop(1)
        else:
            self.stop(0 if self.protocol.shut_down else 1)

    def _connection_lost(self, reason: str) -> None:
        log.error("The connection is closed. %s", reason)
        self.stop(1)

    # -- initialize ------------------------------------------------------------------------------------------------------

    def configure(self, params: lsp.InitializeParams) -> None:
        """Take the client's options. Raises `InvalidParams`."""
        options = params.initialization_options
        try:
            self._options = Options.model_validate(options)
        except ValidationError as error:
            raise errors.params_error(error, "initializationOptions", options) from None
        self._client = Client.of(params.capabilities)
        self._bounds = Bounds(self._options.workspace_trusted, self._options.read_only)

    def make_workspace(self, workspace: PyglsWorkspace) -> Documents:
        return Documents.copy_of(workspace)

    def announce(self, capabilities: lsp.ServerCapabilities) -> None:
        """Declare the capabilities that pygls does not derive from the handlers."""
        sync = capabilities.text_document_sync
        assert isinstance(sync, lsp.TextDocumentSyncOptions)
        sync.save = True
        capabilities.execute_command_provider = lsp.ExecuteCommandOptions(commands=list(ALL_COMMANDS), work_done_progress=True)
        capabilities.code_action_provider = lsp.CodeActionOptions(code_action_kinds=list(ACTION_KINDS))
        if capabilities.workspace is not None:
            capabilities.workspace.text_document_content = lsp.TextDocumentContentOptions(schemes=[SCHEME])
        self._document_features.announce(capabilities, self._client.registers)

    def _initialized(self, _: lsp.InitializedParams) -> None:
        self._ensure_started()
        self._run_in_background(self._document_features.register(self._client.registers))

    def folders_changed(self) -> None:
        """The client's workspace folders have changed."""
        self._apply_client_changes_soon()

    def _configuration_changed(self, params: lsp.DidChangeConfigurationParams) -> None:
        """Whether the workspace is trusted, or whether agents may only read, has changed."""
        try:
            changed = Configuration.model_validate(params.settings).sessionls
        except ValidationError as error:
            log.warning("Ignored a changed configuration: %s", errors.params_error(error, "settings", params.settings).message)
            return
        before = (self._bounds.trusted, self._bounds.read_only)
        if changed.workspace_trusted is not None:
            self._bounds.trusted = changed.workspace_trusted
        if changed.read_only is not None:
            self._bounds.read_only = changed.read_only
        if before != (self._bounds.trusted, self._bounds.read_only):
            self._apply_client_changes_soon()

    def _apply_client_changes_soon(self) -> None:
        """Apply a change of the client's folders or of the bounds to everything that depends on them."""
        self._run_in_background(self._apply_client_changes())

    def _run_in_background(self, work: Coroutine[Any, Any, None]) -> None:
        job = asyncio.create_task(work)
        self._jobs.add(job)
        job.add_done_callback(self._jobs.discard)

    # -- what requests need ----------------------------------------------------------------------------------------------

    async def request(self) -> RequestContext:
        """The context of requests, once the server has started. A failed start is tried again with the next request."""
        return (await asyncio.shield(self._ensure_started()))[0]

    async def commands(self) -> EditorCommands:
        return (await asyncio.shield(self._ensure_started()))[1]

    def _ensure_started(self) -> asyncio.Task[tuple[RequestContext, EditorCommands]]:
        """Open the store and read the catalog in the background: the imports take longer than `initialize` may."""
        starting = self._starting
        if starting is None or (starting.done() and (starting.cancelled() or starting.exception() is not None)):
            self._starting = starting = asyncio.create_task(self._start())
            # The next request reports why it failed; until then nobody may wait for it.
            starting.add_done_callback(lambda done: done.cancelled() or done.exception())
        return starting

    async def _start(self) -> tuple[RequestContext, EditorCommands]:
        if self._closing is not None:  # nothing would close what is opened now
            raise StoreUnavailable("The server is closing.", hint="Start it again.")
        documents = self.protocol.workspace
        assert isinstance(documents, Documents)
        self._editor = editor = LspEditor(documents, self.protocol, self._client)
        self._document_events.listeners = [editor]
        composition = await compose_for(self._options, self._bounds, editor)
        notices = SessionNotifications(self.protocol.notify, lambda: self._outbox.backlog, composition.sessions.known_scope)
        watchers = FileWatchers(self.protocol) if self._client.watches_files else DiskWatcher(self._files_changed)
        publisher = DiagnosticsPublisher(self.protocol.notify)
        findings = FindingTracker(composition.sessions, editor, publisher, watchers)
        request = RequestContext(composition.sessions, composition.models, editor, notices, findings, self.protocol, self._client)
        commands = EditorCommands(request, await asyncio.to_thread(SessionFiles, composition.data_dir))
        try:
            await composition.start()
        except BaseException:
            await composition.close()
            raise
        self._composition = composition
        if self._client.events:
            self._notices = notices
            composition.sessions.subscribe(notices)
            composition.watch_agents(lambda: self.protocol.notify("agent/changed"))
            await composition.sessions.scope()
        composition.sessions.subscribe(commands.on_notice)
        composition.sessions.subscribe(findings.on_notice)
        findings.start()
        keeper = commands.session_files.keeper
        self._document_events.listeners = [editor, findings, keeper]
        keeper.start()
        editor.shows_session = keeper.shows
        self._editor_commands = commands
        self._findings = findings
        return request, commands

    def _files_changed(self, changed: Iterable[str]) -> None:
        """Files changed on disk. For clients that do not report this."""
        if self._findings is not None:
            self._findings.files_changed(changed)

    async def _apply_client_changes(self) -> None:
        """Read agents and MCP servers again, and which sessions belong to the folders."""
        try:
            await self.request()  # a change during the start is applied after it
        except SessionlsError:
            return  # the next start reads everything anew
        composition = self._composition
        assert composition is not None
        try:
            await composition.follow()
            if self._findings is not None:
                self._findings.reload()
            if self._notices is not None:
                self.protocol.notify("agent/changed")
                await composition.sessions.scope()
        except Exception:
            log.exception("A change in the client could not be applied")

    # -- requests --------------------------------------------------------------------------------------------------------

    def _request_handler(self, handler: Callable[[RequestContext, Any], Awaitable[Wire]]) -> Callable[[Any], Awaitable[Wire]]:
        async def answer(params: Any) -> Wire:
            result = await handler(await self.request(), params)
            # One at a time: a client that asks for much at once gets it as fast as it reads.
            async with self._sending:
                await self._outbox.drain()
            return result

        return answer

    async def execute(self, params: lsp.ExecuteCommandParams) -> Wire:
        return await (await self.commands()).execute(params)

    async def _code_actions(self, params: lsp.CodeActionParams) -> list[lsp.CodeAction]:
        self._record_diagnostics(params)
        starting = self._starting is None or not self._starting.done()
        if starting and params.context.trigger_kind == lsp.CodeActionTriggerKind.Automatic:  # sent with every move of the cursor
            return []
        return await (await self.commands()).code_actions(params)

    def _record_diagnostics(self, params: lsp.CodeActionParams) -> None:
        """Keep the client's diagnostics of that place for the tool `diagnostics`."""
        if self._editor is not None:
            diagnostics = self.protocol.converter.unstructure(params.context.diagnostics)
            self._editor.record_diagnostics(params.text_document.uri, diagnostics, range_from_lsp(params.range))
