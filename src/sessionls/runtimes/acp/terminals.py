"""ACP terminals: commands that an agent runs through us, with our permission rules and limits."""

from __future__ import annotations

import asyncio
import contextlib
import re
import shlex
import subprocess
import sys
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from sessionls.domain.ids import new_id
from sessionls.environment import name_problem
from sessionls.ports.hands import Commands
from sessionls.ports.tools import ToolFailed
from sessionls.runtimes.acp.permissions import DENIED, Permissions

__all__ = ["Terminals"]

_OUTPUT = 1 << 20  # bytes of output that are kept
_MOST = 32  # terminals at the same time
_PLAIN = re.compile(r"[A-Za-z0-9_@%+=:,./-]+")


@dataclass
class _Terminal:
    limit: int
    output: bytearray = field(default_factory=bytearray)
    truncated: bool = False
    code: int | None = None
    problem: str | None = None
    running: asyncio.Task[None] | None = None

    def append_output(self, data: bytes) -> None:
        """Keep only the newest output, starting at a character boundary."""
        self.output += data
        if len(self.output) > self.limit:
            del self.output[: len(self.output) - self.limit]
            self.truncated = True
            while self.output and (self.output[0] & 0xC0) == 0x80:
                del self.output[0]

    @property
    def ended(self) -> bool:
        return self.running is None or self.running.done()

    def status(self) -> dict[str, Any]:
        if self.code is not None and self.code < 0:
            return {"exitCode": None, "signal": str(-self.code)}
        return {"exitCode": self.code, "signal": None if self.code is not None else "KILL"}


@dataclass
class Terminals:
    """The terminals of one message. They end with it."""

    commands: Commands
    permissions: Permissions
    _terminals: dict[str, _Terminal] = field(default_factory=dict, init=False)

    async def handle(self, method: str, params: Mapping[str, Any]) -> dict[str, Any]:
        """Handle a `terminal/…` request. Raises `ToolFailed`."""
        if method == "terminal/create":
            return {"terminalId": await self._create(params)}
        key = str(params.get("terminalId"))
        terminal = self._terminals.get(key)
        if terminal is None:
            raise ToolFailed(f"There is no terminal {key[:60]}.")
        match method:
            case "terminal/output":
                answer: dict[str, Any] = {
                    "output": terminal.output.decode("utf-8", "replace"),
                    "truncated": terminal.truncated,
                }
                if terminal.ended:
                    answer["exitStatus"] = terminal.status()
                return answer
            case "terminal/wait_for_exit":
                if terminal.running is not None:
                    await asyncio.wait((terminal.running,))
                return terminal.status()
            case "terminal/kill":
                await _kill(terminal)
                return {}
            case "terminal/release":
                del self._terminals[key]
                await _kill(terminal)
                return {}
            case _:
                raise ToolFailed(f"There is no method {method[:60]}.")

    async def close(self) -> None:
        """End all running commands."""
        terminals, self._terminals = list(self._terminals.values()), {}
        await asyncio.gather(*(_kill(terminal) for terminal in terminals), return_exceptions=True)

    def output(self, key: str) -> str | None:
        """The output of a terminal, for the call that shows it."""
        terminal = self._terminals.get(key)
        return None if terminal is None else terminal.output.decode("utf-8", "replace")

    async def _create(self, params: Mapping[str, Any]) -> str:
        self._check_limit()
        command = command_line(params)
        folder = params.get("cwd")
        folder = folder if isinstance(folder, str) and folder else None
        request = await self.commands.request(command, folder)
        if (refusal := self.permissions.refusal("execute")) is not None:
            raise ToolFailed(refusal)
        if not await self.permissions.permits("execute", command, "run_command", "execute", request):
            raise ToolFailed(DENIED)
        self._check_limit()  # others may have been opened meanwhile
        limit = params.get("outputByteLimit")
        terminal = _Terminal(min(limit, _OUTPUT) if isinstance(limit, int) and limit > 0 else _OUTPUT)
        key = new_id()
        self._terminals[key] = terminal
        terminal.running = asyncio.create_task(self._run(terminal, command, folder, _environment(params.get("env"))))
        return key

    def _check_limit(self) -> None:
        if len(self._terminals) >= _MOST:
            raise ToolFailed(f"{_MOST} terminals are open. Release one first.")

    async def _run(self, terminal: _Terminal, command: str, folder: str | None, environment: Mapping[str, str]) -> None:
        try:
            terminal.code = await self.commands.run(command, folder, environment, terminal.append_output)
        except ToolFailed as problem:
            terminal.append_output(str(problem).encode())
            terminal.code = 127


async def _kill(terminal: _Terminal) -> None:
    if terminal.running is not None and not terminal.running.done():
        terminal.running.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await terminal.running


def command_line(params: Mapping[str, Any]) -> str:
    """The command line for the system's shell. A command without arguments is used as it is."""
    command, args = params.get("command"), params.get("args")
    if not isinstance(command, str) or not command.strip():
        raise ToolFailed("The command is missing.")
    arguments = [argument for argument in args if isinstance(argument, str)] if isinstance(args, list) else []
    if not arguments:
        return command
    if sys.platform == "win32":
        return subprocess.list2cmdline([command, *arguments])
    return shlex.join([command, *arguments]) if _PLAIN.fullmatch(command) else f"{command} {shlex.join(arguments)}"


def _environment(variables: Any) -> dict[str, str]:
    """The variables that the agent sets, without those that look like API keys."""
    return {
        variable["name"]: variable["value"]
        for variable in (variables if isinstance(variables, list) else [])[:100]
        if isinstance(variable, dict)
        and isinstance(variable.get("name"), str)
        and isinstance(variable.get("value"), str)
        and re.fullmatch(r"[A-Za-z_][A-Za-z0-9_]*", variable["name"])
        and name_problem(variable["name"]) is None
        and "\0" not in variable["value"]
        and len(variable["value"]) <= 32_000
    }
