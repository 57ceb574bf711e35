"""The agent side of ACP: implements each method with `Sessions`."""

from __future__ import annotations

import asyncio
import contextlib
import logging
from collections.abc import Awaitable, Callable, Sequence
from typing import Any, Final

from acp import schema
from acp.connection import Connection
from acp.exceptions import RequestError
from acp.meta import AGENT_METHODS, CLIENT_METHODS, PROTOCOL_VERSION
from pydantic import BaseModel, TypeAdapter, ValidationError

from sessionls import __version__
from sessionls.acp_agent.commands import available_commands, command_in
from sessionls.acp_agent.errors import request_error
from sessionls.acp_agent.mcp_servers import read_servers, unused_servers_notice
from sessionls.acp_agent.open_session import OpenSession, SessionCommands
from sessionls.acp_agent.options import AGENT_OPTION, MODEL_OPTION, chosen_agent, chosen_model, config_options, modes
from sessionls.acp_agent.permissions import Questions
from sessionls.acp_agent.prompts import read_prompt
from sessionls.acp_agent.responses import dumped, info, stop_reason, usage
from sessionls.acp_agent.transport import LineTransport
from sessionls.acp_agent.view import SessionView
from sessionls.acp_agent.workspaces import OpenWorkspace, Workspaces, checked_folders
from sessionls.domain import uris
from sessionls.domain.errors import InvalidParams, SessionlsError, SessionPaused
from sessionls.domain.ids import new_id
from sessionls.domain.model import Message, ModelInfo
from sessionls.domain.titles import UNTITLED
from sessionls.ports.store import EventNotice, Notice, SessionNotice
from sessionls.sessions.composing import Outgoing
from sessionls.settings.settings import Settings

__all__ = ["AcpAgent"]

log = logging.getLogger("sessionls")

_PAGE = 200  # messages read at once
_MODELS_SECONDS: Final = 1.0  # how long a response waits for the list of models
_SET_OPTION: TypeAdapter[schema.SetSessionConfigOptionSelectRequest | schema.SetSessionConfigOptionBooleanRequest] = TypeAdapter(
    schema.SetSessionConfigOptionBooleanRequest | schema.SetSessionConfigOptionSelectRequest
)

_Opening = schema.NewSessionRequest | schema.LoadSessionRequest | schema.ResumeSessionRequest | schema.ForkSessionRequest


class AcpAgent:
    """The connection to one client. `run` serves it until it ends."""

    def __init__(self, settings: Settings, transport: LineTransport, *, trust: bool = False) -> None:
        self._transport = transport
        self._connection = Connection(self._handle, transport, listening=False)
        self._workspaces = Workspaces(settings, self, self._notice, self._agents_changed, trust=trust)
        self._open: dict[str, OpenSession] = {}
        self._models: dict[OpenWorkspace, asyncio.Task[Sequence[ModelInfo]]] = {}
        self._background: set[asyncio.Task[Any]] = set()
        self._client = schema.ClientCapabilities()
        self._initialized = False
        self._methods: dict[str, tuple[Any, Callable[[Any], Awaitable[BaseModel]]]] = {
            AGENT_METHODS["initialize"]: (schema.InitializeRequest, self._initialize),
            AGENT_METHODS["authenticate"]: (schema.AuthenticateRequest, self._authenticate),
            AGENT_METHODS["session_new"]: (schema.NewSessionRequest, self._new),
            AGENT_METHODS["session_load"]: (schema.LoadSessionRequest, self._load),
            AGENT_METHODS["session_resume"]: (schema.ResumeSessionRequest, self._resume),
            AGENT_METHODS["session_fork"]: (schema.ForkSessionRequest, self._fork),
            AGENT_METHODS["session_list"]: (schema.ListSessionsRequest, self._list),
            AGENT_METHODS["session_close"]: (schema.CloseSessionRequest, self._close),
            AGENT_METHODS["session_delete"]: (schema.DeleteSessionRequest, self._delete),
            AGENT_METHODS["session_set_mode"]: (schema.SetSessionModeRequest, self._set_mode),
            AGENT_METHODS["session_set_config_option"]: (_SET_OPTION, self._set_option),
            AGENT_METHODS["session_prompt"]: (schema.PromptRequest, self._prompt),
        }

    async def run(self) -> None:
        """Serve the client until it closes the connection. Then replies stop, and can be resumed later."""
        self._transport.start()
        await self._connection.main_loop()

    async def close(self) -> None:
        for opened in self._open.values():
            opened.questions.close()
        for task in (*self._models.values(), *self._background):
            task.cancel()
        # First, so that waiting requests get an interrupted reply. Cancelling those waits would cancel the replies.
        await self._workspaces.close()
        await self._connection.close()

    # -- requests ----------------------------------------------------------------------------------------------------

    async def _handle(self, method: str, params: Any, is_notification: bool) -> Any:  # the SDK's own signature
        if is_notification:
            with contextlib.suppress(ValidationError):
                if method == AGENT_METHODS["session_cancel"]:
                    await self._cancel(schema.CancelNotification.model_validate(params))
            return None
        if method not in self._methods:
            raise RequestError.method_not_found(method)
        model, handler = self._methods[method]
        if not self._initialized and method != AGENT_METHODS["initialize"]:
            raise RequestError(-32600, "The first request of a connection is initialize.")
        try:
            adapter = model if isinstance(model, TypeAdapter) else TypeAdapter(model)
            result = await handler(adapter.validate_python(params))
        except Exception as error:  # noqa: BLE001  # every request gets a response, with our own messages
            raise request_error(error) from None
        return dumped(result)

    async def _initialize(self, request: schema.InitializeRequest) -> schema.InitializeResponse:
        self._client = request.client_capabilities or schema.ClientCapabilities()
        self._initialized = True
        return schema.InitializeResponse(
            protocol_version=PROTOCOL_VERSION,
            agent_info=schema.Implementation(name="sessionls", title="sessionls", version=__version__),
            agent_capabilities=schema.AgentCapabilities(
                load_session=True,
                prompt_capabilities=schema.PromptCapabilities(image=True, audio=False, embedded_context=True),
                mcp_capabilities=schema.McpCapabilities(http=True, sse=True),
                session_capabilities=schema.SessionCapabilities(
                    list=schema.SessionListCapabilities(),
                    delete=schema.SessionDeleteCapabilities(),
                    additional_directories=schema.SessionAdditionalDirectoriesCapabilities(),
                    fork=schema.SessionForkCapabilities(),
                    resume=schema.SessionResumeCapabilities(),
                    close=schema.SessionCloseCapabilities(),
                ),
            ),
            auth_methods=[],
        )

    async def _authenticate(self, _: schema.AuthenticateRequest) -> schema.AuthenticateResponse:
        raise InvalidParams(
            "sessionls needs no sign-in.",
            fields=["methodId"],
            hint="Set the API keys of models in the environment. `sessionls doctor` in a terminal shows which are missing.",
        )

    # -- sessions ----------------------------------------------------------------------------------------------------

    async def _new(self, request: schema.NewSessionRequest) -> schema.NewSessionResponse:
        workspace = await self._workspace(request)
        session = await workspace.sessions.create()
        opened = await self._open_for_client(workspace, session.id)
        state = await self._state(opened)
        self._send_after_response(opened, request.mcp_servers)
        return schema.NewSessionResponse(session_id=session.id, modes=state[0], config_options=state[1])

    async def _load(self, request: schema.LoadSessionRequest) -> schema.LoadSessionResponse:
        workspace = await self._workspace(request)
        opened = await self._open_for_client(workspace, request.session_id, history=True)
        state = await self._state(opened)
        self._send_after_response(opened, request.mcp_servers)
        return schema.LoadSessionResponse(modes=state[0], config_options=state[1])

    async def _resume(self, request: schema.ResumeSessionRequest) -> schema.ResumeSessionResponse:
        workspace = await self._workspace(request)
        opened = await self._open_for_client(workspace, request.session_id)
        state = await self._state(opened)
        self._send_after_response(opened, request.mcp_servers)
        return schema.ResumeSessionResponse(modes=state[0], config_options=state[1])

    async def _fork(self, request: schema.ForkSessionRequest) -> schema.ForkSessionResponse:
        workspace = await self._workspace(request)
        child = await workspace.sessions.fork(request.session_id)
        opened = await self._open_for_client(workspace, child.id)
        state = await self._state(opened)
        self._send_after_response(opened, request.mcp_servers)
        return schema.ForkSessionResponse(session_id=child.id, modes=state[0], config_options=state[1])

    async def _list(self, request: schema.ListSessionsRequest) -> schema.ListSessionsResponse:
        folder = None if request.cwd is None else (await checked_folders(request.cwd, ()))[0]
        workspace = await (self._workspaces.any() if folder is None else self._workspaces.of([folder]))
        page = await workspace.sessions.list(
            workspace_folder="*" if folder is None else uris.from_path(folder), cursor=request.cursor
        )
        return schema.ListSessionsResponse(
            sessions=[info(session, folder) for session in page.sessions], next_cursor=page.next_cursor
        )

    async def _close(self, request: schema.CloseSessionRequest) -> schema.CloseSessionResponse:
        opened = self._require_open(request.session_id)
        await self._stop_prompts(opened)
        self._forget(request.session_id)
        await opened.workspace.sessions.close(request.session_id)
        return schema.CloseSessionResponse()

    async def _delete(self, request: schema.DeleteSessionRequest) -> schema.DeleteSessionResponse:
        opened = self._open.get(request.session_id)
        sessions = (opened.workspace if opened is not None else await self._workspaces.any()).sessions
        if opened is not None:
            await self._stop_prompts(opened)
        await sessions.delete(request.session_id)
        self._forget(request.session_id)
        return schema.DeleteSessionResponse()

    async def _workspace(self, request: _Opening) -> OpenWorkspace:
        folders = await checked_folders(request.cwd, request.additional_directories)
        return await self._workspaces.of(folders, read_servers(request.mcp_servers or ())[0])

    async def _open_for_client(self, workspace: OpenWorkspace, session_id: str, *, history: bool = False) -> OpenSession:
        """Open a session for the client: send its history, if requested, and from then on its changes."""
        session = await workspace.sessions.get(session_id)
        if (earlier := self._open.get(session_id)) is not None:  # opened again: open requests continue
            earlier.view.mute()
            self._forget(session_id)
            if earlier.workspace is not workspace:
                await earlier.workspace.sessions.close(session_id)
        view = SessionView(
            session,
            workspace.participant,
            lambda update: self._update(session_id, update),
            switched=lambda: self._switched(session_id),
            window=workspace.composition.models.window,
        )
        questions = Questions(view, workspace.sessions, self._connection.send_request, self._notify)
        opened = self._open[session_id] = OpenSession(workspace, view, questions)
        if earlier is not None:
            opened.prompts = earlier.prompts
        try:
            snapshot = await workspace.sessions.open(session_id, limit=_PAGE)
            view.session = snapshot.session
            if history:
                await self._send_history(opened, snapshot.messages, more=snapshot.more)
            else:
                view.skip(snapshot.messages)
        except BaseException:
            self._forget(session_id)
            raise
        return opened

    async def _send_history(self, opened: OpenSession, newest: Sequence[Message], *, more: bool) -> None:
        """Send all messages, oldest first. Pages are located from the newest to the oldest, then read again in order, so that
        only one page is in memory.
        """
        sessions, session_id = opened.workspace.sessions, opened.view.session.id
        cursors: list[str] = []
        page = newest
        while more and page:
            cursors.append(page[0].id)
            found = await sessions.history(session_id, before=cursors[-1], limit=_PAGE)
            page, more = found.messages, found.more
        for cursor in reversed(cursors):
            for message in (await sessions.history(session_id, before=cursor, limit=_PAGE)).messages:
                opened.view.message(message)
            await self._transport.drain()
        await opened.read_images(newest)
        for message in newest:
            opened.view.message(message)

    def _send_after_response(self, opened: OpenSession, servers: Sequence[Any] | None) -> None:
        """Send further information after the response that is about to be sent, when the client knows the session."""

        def send() -> None:
            opened.view.update(available_commands())
            if opened.view.session.title != UNTITLED:  # else the client chooses a title
                opened.view.send_title()
            found, unusable = read_servers(servers or ())
            if (notice := unused_servers_notice(found, unusable, trusted=opened.workspace.trusted)) is not None:
                opened.view.say(f"> {notice}")
            opened.release()
            for question in opened.view.session.asking or ():
                opened.questions.ask(question)

        asyncio.get_running_loop().call_soon(send)

    def _forget(self, session_id: str) -> None:
        opened = self._open.pop(session_id, None)
        if opened is not None:
            opened.questions.close()

    def _require_open(self, session_id: str) -> OpenSession:
        opened = self._open.get(session_id)
        if opened is None:
            raise InvalidParams(
                f"The session {session_id} is not open here.",
                fields=["sessionId"],
                hint="Open it with session/load or session/resume first.",
            )
        return opened

    # -- prompts -----------------------------------------------------------------------------------------------------

    async def _prompt(self, request: schema.PromptRequest) -> schema.PromptResponse:
        opened = self._require_open(request.session_id)
        answering = asyncio.ensure_future(self._answer(opened, request.prompt))
        opened.prompts.add(answering)
        try:
            # Cancelling the wait does not cancel the reply: only `session/cancel` does.
            reply = await asyncio.shield(answering)
        except asyncio.CancelledError:
            if not answering.cancelled():
                raise
            reply = None
        except SessionPaused as error:
            error.hint = "Send /resume to continue, or /fork to continue in a copy."
            raise
        finally:
            answering.add_done_callback(opened.prompts.discard)
        if reply is None:
            return schema.PromptResponse(stop_reason="cancelled" if answering.cancelled() else "end_turn")
        if (now := self._open.get(request.session_id)) is not None:
            now.view.message(reply)  # everything that notices did not contain
        return schema.PromptResponse(stop_reason=stop_reason(reply), usage=usage(reply.usage))

    async def _answer(self, opened: OpenSession, blocks: Sequence[Any]) -> Message | None:
        """The reply to a prompt; None for a command without a reply."""
        sessions, session_id = opened.workspace.sessions, opened.view.session.id
        first = "".join(block.text for block in blocks if isinstance(block, schema.TextContentBlock))
        if (command := command_in(first)) is not None:
            return await command[0].run(SessionCommands(sessions, session_id, opened.workspace.folders, opened), command[1])
        agents = (await sessions.agents()).agents
        reads = self.reads
        prompt = await asyncio.to_thread(read_prompt, blocks, agents, opened.workspace.editor.folders, reads_files=reads)
        message_id = new_id()
        opened.view.own.add(message_id)
        exchange = await sessions.message(
            session_id, Outgoing(prompt.text, agent=prompt.agent, context=prompt.context, message_id=message_id)
        )
        for context in exchange.message.context or ():
            if notice := getattr(context, "notice", None):
                opened.view.say(f"> {notice}", exchange.reply.id)
        return exchange.reply

    async def _cancel(self, request: schema.CancelNotification) -> None:
        opened = self._open.get(request.session_id)
        if opened is None:
            return
        if not await self._stop_prompts(opened):
            with contextlib.suppress(SessionlsError):  # another participant's reply, which this client shows
                await opened.workspace.sessions.cancel(request.session_id)

    async def _stop_prompts(self, opened: OpenSession) -> bool:
        """Cancel the replies that this client waits for. Returns whether there were any."""
        waiting = [task for task in opened.prompts if not task.done()]
        for task in waiting:
            task.cancel()
        await asyncio.gather(*waiting, return_exceptions=True)
        return bool(waiting)

    # -- modes and models --------------------------------------------------------------------------------------------

    async def _set_mode(self, request: schema.SetSessionModeRequest) -> schema.SetSessionModeResponse:
        opened = self._require_open(request.session_id)
        await self._switch(opened, agent=chosen_agent(request.mode_id, "modeId"))
        return schema.SetSessionModeResponse()

    async def _set_option(
        self, request: schema.SetSessionConfigOptionSelectRequest | schema.SetSessionConfigOptionBooleanRequest
    ) -> schema.SetSessionConfigOptionResponse:
        opened = self._require_open(request.session_id)
        if request.config_id == AGENT_OPTION:
            await self._switch(opened, agent=chosen_agent(request.value, "value"))
        elif request.config_id == MODEL_OPTION:
            session = await opened.workspace.sessions.get(request.session_id)
            opened.view.session = await opened.workspace.sessions.switch_agent(
                request.session_id, session.agent, model=chosen_model(request.value)
            )
        else:
            raise InvalidParams(
                f"Unknown option {request.config_id}.",
                fields=["configId"],
                hint=f"The options are {AGENT_OPTION} and {MODEL_OPTION}.",
            )
        return schema.SetSessionConfigOptionResponse(config_options=(await self._state(opened))[1] or [])

    async def _switch(self, opened: OpenSession, *, agent: str) -> None:
        sessions, session_id = opened.workspace.sessions, opened.view.session.id
        session = await sessions.get(session_id)
        opened.view.session = await sessions.switch_agent(session_id, agent, model=session.model)

    async def _state(self, opened: OpenSession) -> tuple[schema.SessionModeState, list[Any]]:
        session = opened.view.session
        agents = (await opened.workspace.sessions.agents()).agents
        return modes(session, agents), config_options(session, agents, await self._known_models(opened.workspace))

    async def _known_models(self, workspace: OpenWorkspace) -> Sequence[ModelInfo]:
        """The models that are known within a moment. The client gets the complete list later."""
        task = self._models.get(workspace)
        if task is None:
            task = self._models[workspace] = asyncio.create_task(self._list_models(workspace), name="list models")
        await asyncio.wait([task], timeout=_MODELS_SECONDS)
        if task.done():
            return task.result()
        task.add_done_callback(lambda _: self._agents_changed(workspace))
        return ()

    async def _list_models(self, workspace: OpenWorkspace) -> Sequence[ModelInfo]:
        try:
            return (await workspace.sessions.models()).models
        except SessionlsError as error:
            log.warning("The models cannot be listed: %s", error.message)
            return ()

    def _switched(self, session_id: str) -> None:
        if (opened := self._open.get(session_id)) is not None:
            self._schedule_options(opened, switched=True)

    def _agents_changed(self, workspace: OpenWorkspace) -> None:
        for opened in self._open.values():
            if opened.workspace is workspace:
                self._schedule_options(opened)

    def _schedule_options(self, opened: OpenSession, *, switched: bool = False) -> None:
        task = asyncio.get_running_loop().create_task(self._send_options(opened, switched=switched), name="send options")
        self._background.add(task)
        task.add_done_callback(self._background.discard)

    async def _send_options(self, opened: OpenSession, *, switched: bool) -> None:
        with contextlib.suppress(SessionlsError):
            opened.view.session = await opened.workspace.sessions.get(opened.view.session.id)
            _, options = await self._state(opened)
            if switched:
                agent = opened.view.session.agent
                opened.view.update(schema.CurrentModeUpdate(session_update="current_mode_update", current_mode_id=agent))
            opened.view.update(schema.ConfigOptionUpdate(session_update="config_option_update", config_options=options))

    # -- to the client -----------------------------------------------------------------------------------------------

    def _notice(self, notice: Notice) -> None:
        session_id = notice.event.session_id if isinstance(notice, EventNotice) else notice.session_id
        if (opened := self._open.get(session_id)) is None:
            return
        if isinstance(notice, SessionNotice) and notice.session is None:
            self._forget(session_id)  # deleted
            return
        opened.notice(notice)

    def _update(self, session_id: str, update: BaseModel) -> None:
        self._notify(CLIENT_METHODS["session_update"], {"sessionId": session_id, "update": dumped(update)})

    def _notify(self, method: str, params: dict[str, Any]) -> None:
        self._transport.send_now({"jsonrpc": "2.0", "method": method, "params": params})

    # -- the client's files (see `ClientFiles`) ----------------------------------------------------------------------

    @property
    def reads(self) -> bool:
        return bool(self._client.fs and self._client.fs.read_text_file)

    @property
    def writes(self) -> bool:
        return bool(self._client.fs and self._client.fs.write_text_file)

    async def read(self, folders: Sequence[str], path: str) -> str:
        request = schema.ReadTextFileRequest(session_id=self._any_session_with(folders), path=path)
        answer = await self._connection.send_request(CLIENT_METHODS["fs_read_text_file"], dumped(request))
        try:
            return schema.ReadTextFileResponse.model_validate(answer).content
        except ValidationError:
            raise RequestError(-32603, "The client's answer has no text.") from None

    async def write(self, folders: Sequence[str], path: str, text: str) -> None:
        request = schema.WriteTextFileRequest(session_id=self._any_session_with(folders), path=path, content=text)
        await self._connection.send_request(CLIENT_METHODS["fs_write_text_file"], dumped(request))

    def _any_session_with(self, folders: Sequence[str]) -> str:
        """An open session with these folders: the client gives access to its files only within a session."""
        for session_id, opened in self._open.items():
            if tuple(opened.workspace.editor.folders) == tuple(folders):
                return session_id
        raise RequestError(-32603, "No session of these folders is open.")
