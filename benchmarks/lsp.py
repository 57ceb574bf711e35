"""A minimal client of a language server: framing, requests, notifications, and as little work as possible."""

from __future__ import annotations

import asyncio
import json
import os
import sys
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, Self

from pending_requests import PendingRequests

__all__ = ["Server"]

_PATIENCE = 120  # seconds


class Server:
    """A server process as an async context manager: starts and initializes the server, and shuts it down at the end.

    `heard` is called with each notification: its method, its params, and the time (`time.monotonic_ns`) at which it was read.
    """

    def __init__(
        self,
        command: list[str],
        env: Mapping[str, str],
        folder: Path,
        options: Mapping[str, Any] | None = None,
        stderr: Path | None = None,
    ) -> None:
        self._command, self._env, self._folder, self._options, self._stderr = command, env, folder, options, stderr
        self._requests = PendingRequests()
        self.heard: Callable[[str, Any, int], None] = lambda _method, _params, _at: None

    @classmethod
    def sessionls(cls, env: Mapping[str, str], folder: Path, *python: str, stderr: Path | None = None) -> Self:
        """`python`: options of the interpreter."""
        options = {"participant": {"name": "Bench"}}
        return cls([sys.executable, *python, "-m", "sessionls", "--stdio"], env, folder, options, stderr)

    @classmethod
    def bare(cls, env: Mapping[str, str], folder: Path, *python: str, stderr: Path | None = None) -> Self:
        """A pygls server that does nothing."""
        return cls([sys.executable, *python, str(Path(__file__).with_name("bare_server.py"))], env, folder, None, stderr)

    @property
    def pid(self) -> int:
        return self._process.pid

    async def __aenter__(self) -> Self:
        await self.start()
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.stop()

    async def start(self) -> None:
        """Start the process. Returns when `initialize` is answered."""
        pipe = asyncio.subprocess.PIPE
        stderr = asyncio.subprocess.DEVNULL if self._stderr is None else os.open(self._stderr, os.O_WRONLY | os.O_CREAT, 0o600)
        try:
            self._process = await asyncio.create_subprocess_exec(
                *self._command, stdin=pipe, stdout=pipe, stderr=stderr, env=dict(self._env), cwd=self._folder
            )
        finally:
            if self._stderr is not None:
                os.close(stderr)
        assert self._process.stdin is not None
        self._to = self._process.stdin
        self._reading = asyncio.create_task(self._read())
        uri = self._folder.as_uri()
        await self.request(
            "initialize",
            {
                "processId": None,
                "rootUri": uri,
                "workspaceFolders": [{"uri": uri, "name": "bench"}],
                "capabilities": {"experimental": {"sessionls": {"events": True}}},
                "initializationOptions": self._options,
            },
        )
        self.notify("initialized", {})

    async def stop(self) -> None:
        await self.request("shutdown", None)
        self.notify("exit", None)
        await asyncio.wait_for(self._process.wait(), _PATIENCE)
        self._to.close()
        await self._reading

    async def request(self, method: str, params: Any) -> Any:
        number, future = self._requests.new()
        self._send({"jsonrpc": "2.0", "id": number, "method": method, "params": params})
        return await asyncio.wait_for(future, _PATIENCE)

    async def timed(self, method: str, params: Any) -> float:
        """Milliseconds from sending the request until its response is read."""
        began = time.perf_counter()
        await self.request(method, params)
        return (time.perf_counter() - began) * 1000

    def notify(self, method: str, params: Any) -> None:
        self._send({"jsonrpc": "2.0", "method": method, "params": params})

    def _send(self, message: Mapping[str, Any]) -> None:
        body = json.dumps(message).encode()
        self._to.write(b"Content-Length: %d\r\n\r\n%b" % (len(body), body))

    async def _read(self) -> None:
        source = self._process.stdout
        assert source is not None
        try:
            while True:
                length = 0
                while (line := await source.readuntil(b"\r\n")) != b"\r\n":
                    name, _, value = line.partition(b":")
                    length = int(value) if name.lower() == b"content-length" else length
                body = await source.readexactly(length)
                at = time.monotonic_ns()
                message = json.loads(body)
                if "method" not in message:
                    self._requests.answered(message)
                elif "id" not in message:
                    self.heard(message["method"], message.get("params"), at)
        except asyncio.IncompleteReadError:
            self._requests.ended()
