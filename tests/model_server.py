"""A model provider for tests: a real HTTP server on loopback with the APIs of OpenAI, Anthropic and Ollama.

In a test:

    async def test_x(model_server: ModelServer) -> None:
        model_server.script(Answer("hello"), Refuse.of("rateLimited", retry_after=1))   # one for each request, in order
        ...                                                   # OPENAI_API_BASE = model_server.openai
        await model_server.received(2)
        assert model_server.requests[0].body["temperature"] == 0.2

After the script, the server follows the conventions below, or else echoes the last message. As a separate process
(`python tests/model_server.py --port 0`, prints its address) only the conventions apply. The last of these in the last message:

    say: TEXT          answer with TEXT                   think: THOUGHT | TEXT   reason first, then answer
    slow: TEXT         a word every 50 ms                 tool: NAME {JSON}       ask for a tool (several: `&&` between)
    count: N [MS]      N chunks, MS between them          fail: STATUS            refuse with that HTTP status
    cut: TEXT          break the connection after TEXT    stall: TEXT             say nothing more after TEXT
    full: TEXT         end after TEXT at the limit of output tokens
"""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import json
import re
import threading
from collections import deque
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import pytest

from model_formats import ANTHROPIC_REFUSALS, OPENAI_REFUSALS, Format, Tokens, ToolUse, format_for

__all__ = [
    "Answer",
    "Cut",
    "Fault",
    "Hold",
    "ModelServer",
    "Raw",
    "Received",
    "Refuse",
    "Script",
    "Scripted",
    "Signal",
    "Stall",
    "Tokens",
    "ToolUse",
    "litellm_ready",
    "model_server",
]


class Signal:
    """An event that happens once. Can be set and awaited in any thread and on any event loop."""

    def __init__(self) -> None:
        self._event = threading.Event()
        self._lock = threading.Lock()
        self._waiting: list[Callable[[], object]] = []

    def set(self) -> None:
        with self._lock:
            self._event.set()
            waiting, self._waiting = self._waiting, []
        for wake in waiting:
            with contextlib.suppress(RuntimeError):  # its loop has ended
                wake()

    def is_set(self) -> bool:
        return self._event.is_set()

    async def wait(self, timeout: float | None = 20) -> None:  # noqa: ASYNC109
        """Raises TimeoutError."""
        loop, woken = asyncio.get_running_loop(), asyncio.Event()
        with self._lock:
            if self._event.is_set():
                return
            self._waiting.append(lambda: loop.call_soon_threadsafe(woken.set))
        async with asyncio.timeout(timeout):
            await woken.wait()

    def wait_blocking(self, timeout: float = 20) -> None:
        if not self._event.wait(timeout):
            raise TimeoutError


@dataclass(frozen=True)
class Answer:
    """Reasoning, then text, then calls. `chunks` instead of `text` defines the chunks; `delay` is in seconds, before each.

    `ends` False: the stream ends normally, but without a stop reason.
    """

    text: str = ""
    chunks: Sequence[str] | None = None
    reasoning: str = ""
    tools: Sequence[ToolUse] = ()
    delay: float = 0
    tokens: Tokens | None = None
    usage: bool = True
    reason: str | None = None
    ends: bool = True


@dataclass(frozen=True)
class Stall:
    """Sends `text`, then nothing more, and keeps the connection open. Without text not even the headers are sent."""

    text: str = ""


@dataclass(frozen=True)
class Cut:
    """Sends `text`, then breaks the connection. Without text not even the headers are sent."""

    text: str = ""


@dataclass(frozen=True)
class Fault:
    """Sends `text`, then an error inside the stream."""

    text: str = ""
    message: str = "The server had an error while processing your request."


@dataclass(frozen=True)
class Hold:
    """Sends `text` (then `reached` is set), waits until the test sets `go`, and continues with `then`."""

    text: str = ""
    then: Answer = field(default_factory=Answer)
    reached: Signal = field(default_factory=Signal)
    go: Signal = field(default_factory=Signal)


@dataclass(frozen=True)
class Refuse:
    """An HTTP error. `body` is sent unchanged; without it, the other fields make the API's error object."""

    status: int
    message: str = "refused"
    type: str = "invalid_request_error"
    code: str | None = None
    headers: Mapping[str, str] = field(default_factory=dict)
    body: str | None = None

    @staticmethod
    def of(kind: str, *, retry_after: float | None = None, anthropic: bool = False) -> Refuse:
        """A real refusal of the providers. The kinds are the keys of the tables in `model_formats.py`."""
        status, message, kind_of_error, code = (ANTHROPIC_REFUSALS if anthropic else OPENAI_REFUSALS)[kind]
        headers = {} if retry_after is None else {"retry-after": str(retry_after)}
        return Refuse(status, message, kind_of_error, code, headers)


@dataclass(frozen=True)
class Raw:
    """Sends these pieces unchanged, each `delay` seconds after the previous one, for any request."""

    pieces: Sequence[bytes]
    content_type: str = "text/event-stream"
    delay: float = 0


@dataclass
class Received:
    """A received request. `done` is set when it was answered, `closed` if the caller disconnected before the end."""

    path: str
    headers: Mapping[str, str]
    body: dict[str, Any]
    closed: Signal = field(default_factory=Signal)
    done: Signal = field(default_factory=Signal)

    @property
    def messages(self) -> list[dict[str, Any]]:
        return list(self.body.get("messages") or self.body.get("input") or [])

    @property
    def text(self) -> str:
        """The text of the last message, including tool results in Anthropic's format."""
        return _text(self.messages[-1].get("content")) if self.messages else ""

    @property
    def system(self) -> str:
        """The instructions, in either format."""
        told = [_text(m.get("content")) for m in self.messages if m.get("role") in ("system", "developer")]
        return "\n\n".join(part for part in (_text(self.body.get("system")), _text(self.body.get("instructions")), *told) if part)

    @property
    def tools(self) -> list[str]:
        """The names of the offered tools."""
        return [tool.get("function", tool)["name"] for tool in self.body.get("tools") or []]


Scripted = Answer | Stall | Cut | Fault | Hold | Refuse | Raw
Script = Scripted | Callable[[Received], Scripted]


def _text(content: Any) -> str:
    if isinstance(content, list):
        return "\n".join(_text(part.get("text", part.get("content")) if isinstance(part, dict) else part) for part in content)
    return content if isinstance(content, str) else ""


class ModelServer:
    """Runs in a separate thread from `start` to `stop`.

    `ollama` are the models that `/api/tags` lists; None: no Ollama. `seeing` are those that accept images, according to
    `/api/show`. `strays` are requested paths that do not exist.
    """

    def __init__(self, port: int = 0) -> None:
        self.port = port
        self.requests: list[Received] = []
        self.strays: list[str] = []
        self.default: Callable[[Received], Scripted] = by_convention
        self.ollama: list[str] | None = None
        self.seeing: list[str] = []
        self._script: deque[Script] = deque()
        self._arrived: list[tuple[int, Signal]] = []
        self._lock = threading.Lock()
        self._connections: set[asyncio.Task[None]] = set()

    @property
    def url(self) -> str:
        """The address without a path, as base URL for Anthropic and Ollama."""
        return f"http://127.0.0.1:{self.port}"

    @property
    def openai(self) -> str:
        """The base URL for OpenAI."""
        return f"{self.url}/v1"

    def script(self, *answers: Script) -> None:
        """Add responses for the next requests, one each. A function gets the request."""
        self._script.extend(answers)

    async def received(self, count: int = 1, timeout: float = 20) -> Received:  # noqa: ASYNC109
        """Wait until that many requests have been received. Returns the last of them."""
        signal = Signal()
        with self._lock:
            if len(self.requests) >= count:
                return self.requests[count - 1]
            self._arrived.append((count, signal))
        await signal.wait(timeout)
        return self.requests[count - 1]

    def start(self) -> None:
        ready: Signal = Signal()
        self._thread = threading.Thread(target=lambda: asyncio.run(self._serve(ready)), name="model-server", daemon=True)
        self._thread.start()
        ready.wait_blocking()

    def stop(self) -> None:
        self._loop.call_soon_threadsafe(self._ended.set)
        self._thread.join(20)

    async def _serve(self, ready: Signal) -> None:
        self._loop, self._ended = asyncio.get_running_loop(), asyncio.Event()
        server = await asyncio.start_server(self._connected, "127.0.0.1", self.port, limit=1 << 26)
        self.port = server.sockets[0].getsockname()[1]
        ready.set()
        await self._ended.wait()
        server.close()
        for connection in self._connections:
            connection.cancel()
        await asyncio.gather(*self._connections, return_exceptions=True)

    async def _connected(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        connection = asyncio.current_task()
        assert connection is not None
        self._connections.add(connection)
        try:
            while (request := await _read(reader)) is not None:
                await self._dispatch(request, reader, writer)
        except (ConnectionError, _Broken, asyncio.CancelledError):
            writer.transport.abort()
        finally:
            self._connections.discard(connection)
            writer.close()
            with contextlib.suppress(Exception, asyncio.CancelledError):
                await writer.wait_closed()

    async def _dispatch(self, request: Received, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        if request.path.endswith("/models"):
            models = [{"id": "test", "object": "model", "created": 0, "owned_by": "tests"}]
            return await _send(writer, 200, json.dumps({"object": "list", "data": models}).encode())
        if request.path == "/api/tags" and self.ollama is not None:
            return await _send(writer, 200, json.dumps({"models": [{"name": name} for name in self.ollama]}).encode())
        if request.path == "/api/show" and request.body.get("model") in (self.ollama or ()):
            more = ["vision"] if request.body["model"] in self.seeing else []
            return await _send(writer, 200, json.dumps({"capabilities": ["completion", *more]}).encode())
        made = format_for(request.path, request.body, len(self.requests) + 1)
        if made is None:
            self.strays.append(request.path)
            return await _send(writer, 404, b'{"error": {"message": "no such path"}}')
        with self._lock:
            self.requests.append(request)
            scripted = self._script.popleft() if self._script else self.default
            arrived = [signal for count, signal in self._arrived if count <= len(self.requests)]
        for signal in arrived:
            signal.set()
        answer = scripted(request) if callable(scripted) else scripted
        # A caller sends nothing more during a response, so the end of input means that it has disconnected.
        answering = asyncio.create_task(_answer(answer, request, made, writer))
        watching = asyncio.create_task(reader.read(1))
        try:
            await asyncio.wait((answering, watching), return_when=asyncio.FIRST_COMPLETED)
            if not answering.done() or answering.exception() is not None:
                if not isinstance(answer, Cut):
                    request.closed.set()
                raise _Broken
        finally:
            for step in (answering, watching):
                step.cancel()
            await asyncio.gather(answering, watching, return_exceptions=True)
            request.done.set()


class _Broken(Exception):
    """Break this connection."""


async def _read(reader: asyncio.StreamReader) -> Received | None:
    try:
        head = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1")
        first, *lines = head.split("\r\n")
        headers = {name.strip().lower(): value.strip() for name, _, value in (line.partition(":") for line in lines if line)}
        body = await reader.readexactly(int(headers.get("content-length", "0")))
    except asyncio.IncompleteReadError:
        return None
    path = first.split(" ")[1].partition("?")[0]
    return Received(path, headers, json.loads(body) if body else {})


async def _send(writer: asyncio.StreamWriter, status: int, body: bytes, headers: Mapping[str, str] | None = None) -> None:
    told = {"content-type": "application/json", **(headers or {}), "content-length": str(len(body))}
    head = "".join(f"{name}: {value}\r\n" for name, value in told.items())
    writer.write(f"HTTP/1.1 {status} X\r\n{head}\r\n".encode() + body)
    await writer.drain()


async def _answer(answer: Scripted, request: Received, made: Format, writer: asyncio.StreamWriter) -> None:
    match answer:
        case Refuse():
            error = {"message": answer.message, "type": answer.type}
            if request.path.endswith("/messages"):
                data: dict[str, Any] = {"type": "error", "error": error, "request_id": "req_test"}
            elif request.path.endswith("/api/chat"):
                data = {"error": answer.message}
            else:
                data = {"error": {**error, "param": None, "code": answer.code}}
            body = answer.body if answer.body is not None else json.dumps(data)
            await _send(writer, answer.status, body.encode(), answer.headers)
        case Raw():
            writer.write(f"HTTP/1.1 200 OK\r\ncontent-type: {answer.content_type}\r\ntransfer-encoding: chunked\r\n\r\n".encode())
            for piece in answer.pieces:
                await asyncio.sleep(answer.delay)
                writer.write(f"{len(piece):x}\r\n".encode() + piece + b"\r\n")
            writer.write(b"0\r\n\r\n")
            await writer.drain()
        case Answer() if not request.body.get("stream", "/api/chat" in request.path):
            text = "".join(answer.chunks) if answer.chunks is not None else answer.text
            await _send(writer, 200, made.whole(text, answer.reasoning, answer.tools, _reason(answer), _tokens(answer, request)))
        case Stall(text="") | Cut(text=""):
            await _break(answer)
        case _:
            await _stream(answer, request, made, writer)


async def _break(answer: Scripted) -> None:
    if isinstance(answer, Cut):
        raise _Broken
    await asyncio.Event().wait()


async def _stream(answer: Scripted, request: Received, made: Format, writer: asyncio.StreamWriter) -> None:
    writer.write(f"HTTP/1.1 200 OK\r\ncontent-type: {made.content_type}\r\ntransfer-encoding: chunked\r\n\r\n".encode())

    async def send(frames: Iterator[bytes]) -> None:
        for frame in frames:
            writer.write(f"{len(frame):x}\r\n".encode() + frame + b"\r\n")
        await writer.drain()

    await send(made.start())
    if not isinstance(answer, Answer):
        assert not isinstance(answer, Refuse | Raw)
        if answer.text:
            await send(made.text(answer.text))
        if isinstance(answer, Fault):
            await send(made.fault(answer.message))
            writer.write(b"0\r\n\r\n")
            return
        if not isinstance(answer, Hold):
            await _break(answer)
            return
        answer.reached.set()
        await answer.go.wait(None)
        answer = answer.then
    for text in _words(answer.reasoning) if answer.reasoning else ():
        await send(made.reasoning(text))
    for text in answer.chunks if answer.chunks is not None else _words(answer.text):
        if answer.delay:
            await asyncio.sleep(answer.delay)
        await send(made.text(text))
    if answer.tools:
        await send(made.tools(answer.tools))
    # The last frames and the end of the body are sent together, so that a caller that stops at the last frame can reuse the
    # connection.
    last = b"".join(made.end(_reason(answer), _tokens(answer, request) if answer.usage else None)) if answer.ends else b""
    writer.write((f"{len(last):x}\r\n".encode() + last + b"\r\n" if last else b"") + b"0\r\n\r\n")
    await writer.drain()


def _words(text: str) -> list[str]:
    return re.findall(r"\S+\s*|\s+", text)


def _reason(answer: Answer) -> str:
    return answer.reason or ("tool_calls" if answer.tools else "stop")


def _tokens(answer: Answer, request: Received) -> Tokens:
    chunks = answer.chunks if answer.chunks is not None else _words(answer.text)
    return answer.tokens or Tokens(max(1, len(json.dumps(request.body)) // 4), max(1, len(chunks)))


_CONVENTION = re.compile(r"(?:^|\s)(say|slow|count|think|tool|fail|cut|stall|full): *(.*)$", re.MULTILINE)


def by_convention(request: Received) -> Scripted:
    """The response that the last message asks for, according to the module's docstring, or else an echo of it."""
    text = request.text
    found = _CONVENTION.findall(text) if request.messages and request.messages[-1].get("role") == "user" else []
    if not found:
        return Answer(f"echo: {text}")
    verb, rest = found[-1]
    match verb:
        case "slow":
            return Answer(rest, delay=0.05)
        case "count":
            number, _, delay = rest.partition(" ")
            return Answer(chunks=[f"{at} " for at in range(int(number))], delay=float(delay or 0) / 1000)
        case "think":
            thought, _, said = rest.partition("|")
            return Answer(said.strip(), reasoning=thought.strip())
        case "tool":
            calls = [part.strip().partition(" ") for part in rest.split("&&")]
            return Answer(tools=[ToolUse(name, arguments or "{}") for name, _, arguments in calls])
        case "fail":
            kinds = {row[0]: kind for kind, row in OPENAI_REFUSALS.items() if kind not in ("quota", "overflow")}
            return Refuse.of(kinds[int(rest)]) if int(rest) in kinds else Refuse(int(rest))
        case "cut":
            return Cut(rest)
        case "stall":
            return Stall(rest)
        case "full":
            return Answer(rest, reason="length")
        case _:
            return Answer(rest)


@pytest.fixture(scope="session")
def litellm_ready() -> Iterator[None]:
    """Import litellm and call it once before a test, because that blocks and takes long."""
    from sessionls.models import library

    with pytest.MonkeyPatch.context() as patch:
        for name in ("SSL_CERT_FILE", "SSL_VERIFY"):  # litellm looks for the files they name with every new client
            patch.delenv(name, raising=False)
        asyncio.run(library.load())
        yield


@pytest.fixture
def model_server() -> Iterator[ModelServer]:
    """A provider for one test. Set OPENAI_API_BASE to `.openai`, ANTHROPIC_API_BASE and OLLAMA_API_BASE to `.url`."""
    server = ModelServer()
    server.start()
    yield server
    server.stop()


def main() -> None:
    parser = argparse.ArgumentParser(description="A model provider for tests, on loopback.")
    parser.add_argument("--port", type=int, default=0, help="0: any free one")
    server = ModelServer(parser.parse_args().port)
    server.start()
    print(server.url, flush=True)  # noqa: T201
    try:
        threading.Event().wait()
    except KeyboardInterrupt:
        server.stop()


if __name__ == "__main__":
    main()
