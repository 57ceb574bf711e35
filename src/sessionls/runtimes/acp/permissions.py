"""Permissions of an external agent: our rules apply to its requests, and the people in the session are asked.

An agent's own "always" option is chosen only if it offers no other: then a person is always asked, with a note about it.
Permissions for the session are kept here, where every participant sees them, and are as narrow as for our own tools. If a person
allowed an action in answer to the agent's request, nobody is asked again when the agent then does exactly that through us.
"""

from __future__ import annotations

import asyncio
import hashlib
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from sessionls.domain.agent import Definition
from sessionls.domain.permission import PermissionRequest, Policy, Risk, stricter
from sessionls.ports.hands import Files
from sessionls.ports.runtime import ReplySink
from sessionls.ports.tools import ToolFailed
from sessionls.runtimes.acp.updates import CallUpdate, read_call

__all__ = ["Permissions"]

_TOOLS: Mapping[str, tuple[str, Risk]] = {
    "read": ("read_file", "read"),
    "search": ("search", "read"),
    "think": ("think", "read"),
    "edit": ("edit_file", "write"),
    "move": ("edit_file", "write"),
    "delete": ("delete_file", "write"),
    "execute": ("run_command", "execute"),
    "fetch": ("fetch", "network"),
}
"""Our tool whose rules apply, and the risk, by ACP's kind of a call. Calls of any other kind may do anything."""
_OTHER: tuple[str, Risk] = ("other", "execute")
_OUR_TOOL = re.compile(r"mcp__sessionls__(\w+)")
"""The names under which agents call a tool of our MCP server."""
_MOST = 200  # questions to people during one message
_DETAIL = 20_000
_OPTIONS = 50

_ALWAYS = "The agent can only be allowed to do this always. Then it does not ask for this again, in its own session."

DENIED = "This was not permitted. Do not try to do it in another way. Continue without it, or say what you need."


@dataclass
class Permissions:
    """The permissions during one message. `allowed` are permitted actions that the agent has not carried out yet."""

    definition: Definition
    policy: Policy
    sink: ReplySink
    files: Files
    allowed: set[tuple[str, str]] = field(default_factory=set, init=False)
    _question_count: int = field(default=0, init=False)
    _question_lock: asyncio.Lock = field(default_factory=asyncio.Lock, init=False)

    async def answer(self, params: Mapping[str, Any]) -> dict[str, Any]:
        """The response to `session/request_permission`."""
        options = [option for option in _list(params.get("options"))[:_OPTIONS] if isinstance(option.get("optionId"), str)]
        call = params.get("toolCall")
        update = read_call(call) if isinstance(call, dict) else None
        once, always = _option(options, "allow_once"), _option(options, "allow_always")
        allow = once or always
        reject = _option(options, "reject_once") or _option(options, "reject_always")
        if update is None or allow is None:
            await self.sink.add_notice(
                f"{self.definition.name} asked for permission without a way to allow it, so it was denied."
            )
            return _response(reject)
        kind = update.kind or ""
        tool, risk = _TOOLS.get(kind, _OTHER)
        if (our_tool := _OUR_TOOL.fullmatch(update.title or "")) is not None:  # it runs in this process, which asks if necessary
            return _response(reject if self.is_denied(our_tool[1], "read") else allow)
        request = _request(self.definition, update, kind)
        paths = _paths(update)
        if risk == "write":
            try:
                startup = [name for path in paths if (name := await self.files.check(path)) is not None]
            except ToolFailed as problem:
                await self.sink.add_notice(f"{self.definition.name} was not permitted to change a file: {problem}")
                return _response(reject)
            request = replace(request, startup=next(iter(startup), None))
        # Only files in the workspace may be read without asking.
        outside = risk == "read" and kind != "think" and not (paths and await self.files.may_read(paths))
        if once is None:
            detail = "\n\n".join(filter(None, (_ALWAYS, request.detail)))
            request = replace(request, detail=detail, scope=f"{request.scope} (always)")
        if not await self._permits(tool, risk, request, ask=outside or once is None):
            return _response(reject)
        self._remember(update, kind)
        return _response(allow)

    async def permits(self, action: str, target: str, tool: str, risk: Risk, request: PermissionRequest) -> bool:
        """Whether it may now do `action` on `target` through us, by the rules for our `tool`."""
        if self.refusal(risk) is not None:
            return False
        if (action, target) in self.allowed:
            self.allowed.discard((action, target))
            return not self.is_denied(tool, risk)
        return await self._permits(tool, risk, request)

    def refusal(self, risk: Risk) -> str | None:
        """Why actions of that risk are forbidden now, even with permission; None if they are not."""
        return self.policy.refusal_reason(risk, runs_programs=False)

    def is_denied(self, tool: str, risk: Risk) -> bool:
        """Whether a rule or the bounds forbid it, even with permission."""
        return self.refusal(risk) is not None or self.policy.decide(self.definition, tool, risk) == "deny"

    async def _permits(self, tool: str, risk: Risk, request: PermissionRequest, *, ask: bool = False) -> bool:
        if self.refusal(risk) is not None:
            return False
        rule = self.policy.decide(self.definition, tool, risk)
        if ask:
            rule = stricter(rule, "ask")
        if request.startup is not None:
            rule = stricter(rule, self.policy.decide_startup(self.definition, request.startup))
        if rule != "ask":
            return rule == "allow"
        self._question_count += 1
        if self._question_count > _MOST:
            if self._question_count == _MOST + 1:
                await self.sink.add_notice(
                    f"{self.definition.name} asked for permission more than {_MOST} times; everything after that was denied."
                )
            return False
        async with self._question_lock:  # one question at a time
            answer = await self.sink.ask_permission(
                agent=self.definition.name,
                tool=tool,
                risk=risk,
                summary=request.summary,
                detail=request.detail,
                scope=request.scope or tool,
            )
        return answer != "deny" and self.refusal(risk) is None

    def _remember(self, update: CallUpdate, kind: str) -> None:
        if kind == "execute" and isinstance(command := (update.arguments or {}).get("command"), str):
            self.allowed.add(("execute", command))
        elif kind == "edit":
            for path in _paths(update):
                self.allowed.add(("write", path))


def _request(definition: Definition, update: CallUpdate, kind: str) -> PermissionRequest:
    """The question for a person. Permission for the session covers the same action again, or all edits for an edit."""
    name = definition.name
    arguments = update.arguments or {}
    command = arguments.get("command")
    title = update.title or kind or "something"
    summary = f"{name}: {title}"
    pieces = []
    if isinstance(command, str):
        pieces.append(command)
    elif arguments:
        pieces += [f"{key}: {value}" for key, value in arguments.items()]
    pieces += [_diff_text(diff.path, diff.old, diff.new) for diff in update.diffs]
    if update.text:
        pieces.append(update.text)
    if not update.diffs and (paths := _paths(update)):
        pieces.append("Files: " + ", ".join(paths))
    detail = "\n\n".join(pieces)[:_DETAIL] or None
    if kind == "edit":
        scope = f"edits by {name}"
    elif kind == "execute" and isinstance(command, str):
        scope = f"{name} runs: {command}"
    else:
        digest = hashlib.sha256(repr((kind, title, arguments, _paths(update))).encode("utf-8", "replace")).hexdigest()[:8]
        scope = f"{name}: {title} [{digest}]"
    return PermissionRequest(summary, detail=detail, scope=scope)


def _diff_text(path: str, old: str | None, new: str) -> str:
    removed = "" if old is None else "".join(f"-{line}\n" for line in old.splitlines())
    return f"{path}\n{removed}{''.join(f'+{line}' + chr(10) for line in new.splitlines())}"


def _paths(update: CallUpdate) -> tuple[str, ...]:
    return tuple(dict.fromkeys([*(diff.path for diff in update.diffs), *(update.locations or ())]))


def _option(options: Sequence[Mapping[str, Any]], kind: str) -> str | None:
    return next((str(option["optionId"]) for option in options if option.get("kind") == kind), None)


def _response(option: str | None) -> dict[str, Any]:
    outcome = {"outcome": "cancelled"} if option is None else {"outcome": "selected", "optionId": option}
    return {"outcome": outcome}


def _list(value: Any) -> list[dict[str, Any]]:
    return [item for item in value if isinstance(item, dict)] if isinstance(value, list) else []
