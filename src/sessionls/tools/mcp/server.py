"""One MCP server: starting, calling and ending it."""

from __future__ import annotations

import asyncio
import contextlib
import logging
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any

from sessionls.ports.tools import Tool, ToolCall, ToolFailed
from sessionls.tools.mcp.config import Named
from sessionls.tools.mcp.connection import connected, library, reason, short
from sessionls.tools.mcp.elicitation import ServerQuestion, question_of
from sessionls.tools.mcp.tool import tools_of

if TYPE_CHECKING:
    from mcp import Client

__all__ = ["GONE", "RETRY_SECONDS", "Server"]

log = logging.getLogger(__name__)

GONE = "it was ended"
_START = 60.0  # seconds for a server to start
_CALL = 300.0  # seconds for one call
RETRY_SECONDS = (4.0, 60.0)  # the first and the longest wait between attempts to start a server that fails
_TOOLS = 128
_PAGES = 100
_NOTES = 20
_NOTES_LENGTH = 2_000  # characters


class Server:
    """One server. The MCP SDK requires that the same task opens and closes the connection, so a separate task does both."""

    def __init__(
        self, named: Named, forbidden: Callable[[Named], str | None], retry_seconds: tuple[float, float] = RETRY_SECONDS
    ) -> None:
        assert named.server is not None
        self.named = named
        self._forbidden_reason = forbidden
        self._retry_seconds = retry_seconds
        self._ended = False
        self.server = named.server
        self.tools: list[Tool] = []
        self.left_out: list[str] = []
        self._open_calls: list[_Questions] = []
        self.problem: str | None = None
        self._client: Client | None = None
        self._task: asyncio.Task[None] | None = None
        self._up = asyncio.Event()
        self._dead = asyncio.Event()
        self._stale = False
        self._failures = 0
        self._not_before = 0.0

    @property
    def ready(self) -> bool:
        return self._client is not None and not self._dead.is_set()

    @property
    def _forbidden(self) -> str | None:
        """Why it may not run now; checked again for each call, because callers may have an old list of tools."""
        return GONE if self._ended else self._forbidden_reason(self.named)

    async def up(self) -> None:
        """Wait until it has started or failed to start. Starts it if necessary, unless it has just failed or may not run
        any more.
        """
        if self._task is not None and self._dead.is_set():
            await asyncio.wait({self._task})  # its previous process is still being ended
        if self._task is None or self._task.done():
            if self._forbidden is not None or asyncio.get_running_loop().time() < self._not_before:
                return
            self._up, self._dead = asyncio.Event(), asyncio.Event()
            self._task = asyncio.create_task(self._keep(), name=f"MCP server {self.named.name}")
        await self._up.wait()
        if self.ready and self._stale and self._client is not None:
            self._stale = False
            with contextlib.suppress(Exception):
                self.tools = await self._list(self._client)

    async def close(self) -> None:
        """End it permanently."""
        self._ended = True
        if self._task is not None:
            self._task.cancel()
            await asyncio.gather(self._task, return_exceptions=True)
            # A task that had not started yet does not do this itself.
            self._dead.set()
            self._up.set()

    async def call(self, tool: str, arguments: Mapping[str, Any], call: ToolCall) -> str:
        """Call a tool. Raises `ToolFailed`. Cancelling notifies the server."""
        client = self._client
        if client is None or self._dead.is_set():
            await self.up()  # it died meanwhile
            client = self._client
        if (why := self._forbidden) is not None:
            raise ToolFailed(f"The MCP server {self.named.name} is not allowed to run any more: {why}.")
        if client is None or self._dead.is_set():
            raise ToolFailed(f"The MCP server {self.named.name} is not running: {self.problem or 'it is starting'}.")
        questions = _Questions(self.named.name, call)
        self._open_calls.append(questions)
        # Also wait for the end of the server, which would never answer.
        calling = asyncio.ensure_future(client.call_tool(tool, dict(arguments)))
        dying = asyncio.ensure_future(self._dead.wait())
        answering = asyncio.ensure_future(questions.answer())
        jobs = (calling, dying, answering)
        try:
            async with asyncio.timeout(_CALL) as questions.timeout:
                await asyncio.wait(jobs, return_when=asyncio.FIRST_COMPLETED)
        except TimeoutError:
            raise ToolFailed(f"The MCP server {self.named.name} did not answer within {_CALL:.0f} s.") from None
        finally:
            self._open_calls.remove(questions)
            for job in jobs:
                job.cancel()
            result, _, answered = await asyncio.gather(*jobs, return_exceptions=True)
            questions.close()
        if dying.done() and not dying.cancelled():
            raise ToolFailed(
                f"The MCP server {self.named.name} ended during the call. It is not known whether the call took effect."
            )
        if isinstance(answered, Exception):  # the session's log cannot be written
            raise answered
        if isinstance(result, BaseException):
            raise ToolFailed(f"The MCP server {self.named.name} refused: {short(str(result))}" + questions.notes)
        text = "\n".join(block.text for block in result.content if block.type == "text") + questions.notes
        if result.is_error:
            raise ToolFailed(text or "The tool failed without a message.")
        return text or "(done, no output)"

    async def _on_elicitation(self, context: Any, params: Any) -> Any:  # noqa: ARG002
        """Answer a question of the server. It counts for the latest call, because the protocol does not say which it is about."""
        from mcp_types import ElicitResult

        if not self._open_calls:
            return ElicitResult(action="cancel")
        return await self._open_calls[-1].put(params)

    async def _keep(self) -> None:
        """Connect, and keep the connection until it ends."""
        loop = asyncio.get_running_loop()
        try:
            async with asyncio.timeout(_START) as starting, contextlib.AsyncExitStack() as closing:
                client = await self._connect(closing)
                self.tools = await self._list(client)
                starting.reschedule(None)
                self._client, self.problem, self._failures = client, None, 0
                self._up.set()
                await self._dead.wait()
                self.problem, self.tools = "it ended", []
        except TimeoutError:
            self.problem = f"it did not answer within {_START:.0f} s"
        except Exception as error:  # noqa: BLE001 (whatever a transport raises, in groups or not)
            self.problem = f"it failed to start: {reason(error)}"
        finally:
            was_up = self._client is not None
            self._client, self.tools = None, []
            self._dead.set()
            self._failures = 1 if was_up else self._failures + 1
            first_wait, longest_wait = self._retry_seconds
            self._not_before = loop.time() + (0.0 if was_up else min(longest_wait, first_wait * 2.0 ** (self._failures - 1)))
            self._up.set()
            if self.problem:
                log.warning("the MCP server %s: %s", self.named.name, self.problem)

    async def _connect(self, closing: contextlib.AsyncExitStack) -> Client:
        await asyncio.to_thread(library)
        if (why := self._forbidden) is not None:
            raise ToolFailed(why)
        return await closing.enter_async_context(
            connected(
                self.server,
                self.named.folder,
                dead=self._dead,
                notified=self._on_notification,
                asked=self._on_elicitation,
                note=self._note,
            )
        )

    async def _on_notification(self, message: Any) -> None:
        if "ToolListChanged" in type(message).__name__:
            self._stale = True

    def _note(self, note: str) -> None:
        if note not in self.left_out and len(self.left_out) < _NOTES:
            self.left_out.append(note)

    async def _list(self, client: Client) -> list[Tool]:
        """The tools of all pages, up to a limit."""
        self.left_out.clear()
        listed: list[Any] = []
        cursors: set[str | None] = set()
        cursor: str | None = None
        # Stop at a repeated cursor: the server would return the same page for ever.
        while cursor not in cursors and len(cursors) < _PAGES and len(listed) <= _TOOLS:
            cursors.add(cursor)
            page = await client.list_tools(cursor=cursor)
            listed += page.tools
            cursor = page.next_cursor
            if cursor is None:
                break
        tools = tools_of(self.named.name, self.server, listed, self.call)
        if len(tools) > _TOOLS:
            self._note(f"only the first {_TOOLS} of its tools are used")
        return list(tools[:_TOOLS])


class _Questions:
    """The questions of a server during a call, asked one at a time."""

    def __init__(self, server: str, call: ToolCall) -> None:
        self._server = server
        self._call = call
        self._questions: asyncio.Queue[tuple[ServerQuestion, asyncio.Future[bool]]] = asyncio.Queue()
        self.timeout: asyncio.Timeout | None = None
        self.notes = ""

    async def put(self, params: Any) -> Any:
        """Ask a question and wait for the person's answer."""
        from mcp_types import ElicitResult

        question = question_of(self._server, params)
        if question.content is None:
            note = f"\n[The server asked the person for {question.needs}. This is not supported, so it was declined.]"
            self.notes += note if len(self.notes) < _NOTES_LENGTH else ""
            return ElicitResult(action="decline")
        answer: asyncio.Future[bool] = asyncio.get_running_loop().create_future()
        await self._questions.put((question, answer))
        if not await answer:
            return ElicitResult(action="decline")
        return ElicitResult(action="accept", content=dict(question.content) if params.mode == "form" else None)

    async def answer(self) -> None:
        """Ask the person all questions. The timeout of the call does not run meanwhile."""
        while True:
            question, answer = await self._questions.get()
            try:
                if self.timeout is not None:
                    self.timeout.reschedule(None)
                agreed = await self._call.confirm(question.summary, question.detail)
                if self.timeout is not None:
                    self.timeout.reschedule(asyncio.get_running_loop().time() + _CALL)
                if not answer.done():
                    answer.set_result(agreed)
            finally:
                _settle(answer)  # if nobody could be asked

    def close(self) -> None:
        """Decline the remaining questions after the call has ended."""
        while not self._questions.empty():
            _settle(self._questions.get_nowait()[1])


def _settle(answer: asyncio.Future[bool]) -> None:
    if not answer.done():
        answer.set_result(False)
