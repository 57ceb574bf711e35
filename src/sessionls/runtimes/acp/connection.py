"""The connection to one running external agent: its program, its capabilities, and its sessions."""

from __future__ import annotations

import asyncio
import contextlib
import importlib
import logging
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

from sessionls import __version__
from sessionls.domain.agent import Definition
from sessionls.domain.errors import AgentUnavailable, SessionlsError
from sessionls.runtimes.acp import sign_in
from sessionls.runtimes.acp.program import Program, start
from sessionls.runtimes.acp.transport import Transport
from sessionls.runtimes.acp.updates import Update, read_update

if TYPE_CHECKING:
    from acp.connection import Connection
    from acp.schema import InitializeResponse

__all__ = ["AgentConnection", "AgentEnded", "AgentRefused", "Listener", "Timeouts", "connect"]

log = logging.getLogger(__name__)

PROTOCOL = 1
_AUTH_REQUIRED = -32000
_NOT_FOUND = -32002
_LONGEST_ERROR = 500  # characters of an agent's own error


@dataclass(frozen=True, slots=True)
class Timeouts:
    """Timeouts in seconds: to start a program and initialize it, to open a session, and to end a cancelled message."""

    start: float = 120.0
    session: float = 120.0
    cancel: float = 5.0


class AgentEnded(Exception):
    """The program or its connection ended."""


class AgentRefused(Exception):
    """The agent answered a request with an error."""

    def __init__(self, code: int, message: str) -> None:
        super().__init__(message)
        self.code = code
        self.message = message


class Listener(Protocol):
    """Receives an agent's updates for one session, and handles its requests."""

    async def handle_update(self, update: Update) -> None: ...

    async def handle_request(self, method: str, params: Mapping[str, Any]) -> Any:
        """Returns the result. Raises the SDK's `RequestError` for a refused request."""
        ...


@dataclass
class AgentConnection:
    """`listeners` by the id of the agent's session. `on_idle_update` gets the updates of sessions that are not answering a
    message.
    """

    definition: Definition
    folder: Path
    program: Program
    timeouts: Timeouts
    transport: Transport = field(init=False)
    listeners: dict[str, Listener] = field(default_factory=dict, init=False)
    announced: InitializeResponse = field(init=False)
    on_idle_update: Callable[[str, Update], None] = field(default=lambda _, __: None, init=False)
    gone: asyncio.Event = field(default_factory=asyncio.Event, init=False)
    unknown_updates: int = field(default=0, init=False)
    _connection: Connection = field(init=False)

    def __post_init__(self) -> None:
        from acp.connection import Connection

        self.transport = Transport(self.program.reader, self.program.writer, self._handle_notification, self.gone.set)
        self._connection = Connection(self._handle_request, self.transport)

    # -- capabilities ------------------------------------------------------------------------------------------------

    @property
    def loads(self) -> bool:
        capabilities = self.announced.agent_capabilities
        return bool(capabilities and capabilities.load_session)

    @property
    def resumes(self) -> bool:
        capabilities = self.announced.agent_capabilities
        sessions = capabilities.session_capabilities if capabilities else None
        return sessions is not None and sessions.resume is not None

    @property
    def forks(self) -> bool:
        capabilities = self.announced.agent_capabilities
        sessions = capabilities.session_capabilities if capabilities else None
        return sessions is not None and sessions.fork is not None

    @property
    def takes_resources(self) -> bool:
        capabilities = self.announced.agent_capabilities
        prompt = capabilities.prompt_capabilities if capabilities else None
        return bool(prompt and prompt.embedded_context)

    @property
    def takes_images(self) -> bool:
        capabilities = self.announced.agent_capabilities
        prompt = capabilities.prompt_capabilities if capabilities else None
        return bool(prompt and prompt.image)

    # -- requests ----------------------------------------------------------------------------------------------------

    async def request(self, method: str, params: Mapping[str, Any], *, seconds: float | None = None) -> dict[str, Any]:
        """Returns the response.

        Raises `AgentEnded` or `AgentRefused`, or `AgentUnavailable` if it is not signed in or takes too long.
        """
        from acp.exceptions import RequestError

        try:
            async with asyncio.timeout(seconds):
                result = await self._connection.send_request(method, dict(params))
        except TimeoutError:
            raise self.unavailable(
                f"it did not answer {method} within {seconds:.0f} seconds.", "Try again, or see its log."
            ) from None
        except ConnectionError:
            raise AgentEnded from None
        except RequestError as error:
            raise self._error_for(error.code, str(error), error.data) from None
        return result if isinstance(result, dict) else {}

    async def notify(self, method: str, params: Mapping[str, Any]) -> None:
        with contextlib.suppress(ConnectionError):
            await self._connection.send_notification(method, dict(params))

    def _error_for(self, code: Any, message: str, data: Any) -> Exception:
        details = data.get("details") or data.get("message") if isinstance(data, dict) else data
        text = message if not isinstance(details, str) or details in message else f"{message}: {details}"
        if code == _AUTH_REQUIRED or sign_in.is_sign_in_error(text):
            return self.unavailable("it is not signed in.", sign_in.hint(self.definition, self.announced.auth_methods or ()))
        return AgentRefused(code if isinstance(code, int) else 0, " ".join(text.split())[:_LONGEST_ERROR])

    def unavailable(self, problem: str, hint: str) -> AgentUnavailable:
        return AgentUnavailable(self.definition.name, problem, hint=hint)

    async def initialize(self) -> None:
        """Exchange capabilities (`initialize`). Raises `AgentUnavailable`."""
        from acp.schema import InitializeResponse
        from pydantic import ValidationError

        self.announced = InitializeResponse(protocol_version=PROTOCOL)
        params = {
            "protocolVersion": PROTOCOL,
            "clientCapabilities": {"fs": {"readTextFile": True, "writeTextFile": True}, "terminal": True},
            "clientInfo": {"name": "sessionls", "title": "sessionls", "version": __version__},
        }
        try:
            answer = await self.request("initialize", params, seconds=self.timeouts.start)
            self.announced = InitializeResponse.model_validate(answer)
        except AgentEnded:
            raise await self.ended_early() from None
        except AgentRefused as refused:
            raise self.unavailable(f"it refused to start: {refused.message}.", "Update it.") from None
        except ValidationError:
            raise self.unavailable("it does not speak the Agent Client Protocol.", "Check its command and arguments.") from None
        if self.announced.protocol_version != PROTOCOL:
            version = self.announced.protocol_version
            raise self.unavailable(
                f"it speaks version {version} of the protocol; sessionls needs version {PROTOCOL}.", "Update it."
            )

    async def ended_early(self) -> AgentUnavailable:
        """The error for requests after its program ended."""
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(1):
                await self.program.wait()
        code = self.program.code
        how = "" if code is None else f" with a signal ({-code})" if code < 0 else f" with exit code {code}"
        return self.unavailable(
            f"its program ended{how}.", f"See its log {self.program.log.name}, in the folder `logs` of the data folder."
        )

    async def close(self) -> None:
        """End its program and all processes that it started."""
        self.gone.set()
        await self.program.end()
        with contextlib.suppress(Exception):
            await self._connection.close()

    # -- messages from the agent -------------------------------------------------------------------------------------

    async def _handle_notification(self, method: str, params: Any) -> None:
        if method != "session/update" or not isinstance(params, dict):
            return
        session = str(params.get("sessionId"))
        update = read_update(params.get("update"))
        if update is None:
            self.unknown_updates += 1
        elif (listener := self.listeners.get(session)) is not None:
            await listener.handle_update(update)
        else:
            self.on_idle_update(session, update)

    async def _handle_request(self, method: str, params: Any, is_notification: bool) -> Any:  # noqa: ARG002
        from acp.exceptions import RequestError

        listener = self.listeners.get(str(params.get("sessionId"))) if isinstance(params, dict) else None
        if listener is None:
            raise RequestError(-32602, "This session does not exist, or it is not answering a message.")
        try:
            return await listener.handle_request(method, params)
        except RequestError:
            raise
        except SessionlsError as problem:
            raise RequestError(-32603, f"{problem.message} {problem.hint}") from None
        except asyncio.CancelledError:
            raise
        except Exception:
            log.exception("a request of an external agent failed: %s", method)
            raise RequestError(-32603, "The request failed unexpectedly in sessionls.") from None


async def connect(definition: Definition, folder: Path, logs: Path, timeouts: Timeouts) -> AgentConnection:
    """Start and initialize the agent. Raises `AgentUnavailable`; then no program is left running."""
    await asyncio.to_thread(_import)
    program = await start(definition, folder, logs)
    connection: AgentConnection | None = None
    try:
        connection = AgentConnection(definition, folder, program, timeouts)
        await connection.initialize()
    except BaseException:
        await asyncio.shield(connection.close() if connection is not None else program.end())
        raise
    return connection


def _import() -> None:
    """Import the ACP SDK, which takes a while."""
    for name in ("acp.connection", "acp.exceptions", "acp.schema"):
        importlib.import_module(name)
