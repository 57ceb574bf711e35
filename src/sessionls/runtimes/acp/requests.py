"""Handles the requests of an external agent during a message: permissions, files through the editor, commands."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from sessionls.domain.ids import new_id
from sessionls.ports.hands import Commands, Files
from sessionls.ports.runtime import ReplyToWrite
from sessionls.ports.tools import ToolFailed
from sessionls.runtimes.acp.permissions import DENIED, Permissions
from sessionls.runtimes.acp.terminals import Terminals
from sessionls.runtimes.acp.turn import Turn
from sessionls.runtimes.acp.writing import Call, Writing

__all__ = ["ACTIONS_PER_REPLY", "Requests"]

ACTIONS_PER_REPLY = 5_000  # written files and commands


@dataclass
class Requests:
    """`cost` is the cost of the agent's session so far, if the agent reported it."""

    reply: ReplyToWrite
    writing: Writing
    permissions: Permissions
    files: Files
    commands: Commands
    actions_per_reply: int = ACTIONS_PER_REPLY
    turn: Turn | None = field(default=None, init=False)
    cost: float | None = field(default=None, init=False)
    _actions: int = field(default=0, init=False)
    terminals: Terminals = field(init=False)

    def __post_init__(self) -> None:
        self.terminals = Terminals(self.commands, self.permissions)

    def set_cost(self, cost: float) -> None:
        self.cost = cost

    async def handle(self, method: str, params: Mapping[str, Any]) -> Any:
        from acp.exceptions import RequestError

        try:
            if method in ("fs/write_text_file", "terminal/create"):
                self._count_action()
            match method:
                case "session/request_permission":
                    return await self.permissions.answer(params)
                case "fs/read_text_file":
                    return {"content": await self._read(params)}
                case "fs/write_text_file":
                    await self._write(params)
                    return {}
                case _ if method.startswith("terminal/"):
                    return await self.terminals.handle(method, params)
        except ToolFailed as problem:
            raise RequestError(-32603, str(problem)) from None
        raise RequestError.method_not_found(method[:200])

    def _count_action(self) -> None:
        self._actions += 1
        if self._actions > self.actions_per_reply:
            raise ToolFailed(
                f"You have written files and run commands more than {self.actions_per_reply:,} times. End your reply."
            )

    async def close(self) -> None:
        await self.terminals.close()

    async def _read(self, params: Mapping[str, Any]) -> str:
        text = await self.files.read(_path(params), self.reply.session.id)
        line, limit = params.get("line"), params.get("limit")
        if not isinstance(line, int) and not isinstance(limit, int):
            return text
        lines = text.splitlines(keepends=True)
        first = max(line - 1, 0) if isinstance(line, int) else 0
        return "".join(lines[first : first + max(limit, 0)] if isinstance(limit, int) else lines[first:])

    async def _write(self, params: Mapping[str, Any]) -> None:
        path, content = _path(params), params.get("content")
        if not isinstance(content, str):
            raise ToolFailed("The content is missing.")
        if (refusal := self.permissions.refusal("write")) is not None:
            raise ToolFailed(refusal)
        request = await self.files.request(path, content)
        if not await self.permissions.permits("write", path, "edit_file", "write", request):
            raise ToolFailed(DENIED)
        await self.files.write(path, content, Call(self.writing, new_id()))


def _path(params: Mapping[str, Any]) -> str:
    path = params.get("path")
    if not isinstance(path, str) or not path:
        raise ToolFailed("The path is missing.")
    return path
