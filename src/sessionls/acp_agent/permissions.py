"""Forwards permission requests of any process to the client. The first answer counts, wherever it comes from.

Requests come from the session's events, and are answered like those of any participant. A dismissed request stays open.
"""

from __future__ import annotations

import asyncio
import contextlib
import contextvars
import logging
from collections.abc import Awaitable, Callable, Sequence
from typing import Any

from acp import schema
from acp.exceptions import RequestError
from pydantic import ValidationError

from sessionls.acp_agent.tool_calls import Content, kind_of, patch_diffs, text_content
from sessionls.acp_agent.transport import on_request_id
from sessionls.acp_agent.view import SessionView
from sessionls.domain.errors import SessionlsError
from sessionls.domain.events import PermissionAnswered, PermissionAsked, ReplyFinished, ReplyStarted
from sessionls.domain.model import OpenQuestion
from sessionls.domain.permission import Answer
from sessionls.domain.questions import answer_command
from sessionls.ports.store import EventNotice, Notice
from sessionls.sessions.service import Sessions

__all__ = ["Questions"]

log = logging.getLogger("sessionls")

_DISMISSED = 0.5  # seconds until a dismissed question counts as still open: cancelling a reply withdraws it sooner
_ANSWERS: dict[str, Answer] = {"once": "once", "session": "session", "deny": "deny"}

Request = Callable[[str, dict[str, Any]], Awaitable[Any]]


class Questions:
    """The open questions of one session. `request` asks the client, `notify` sends it a notification."""

    def __init__(
        self, view: SessionView, sessions: Sessions, request: Request, notify: Callable[[str, dict[str, Any]], None]
    ) -> None:
        self._view = view
        self._sessions = sessions
        self._request = request
        self._notify = notify
        self._asking: dict[str, asyncio.Task[None]] = {}
        self._ids: dict[str, Any] = {}  # the id of the request to the client, by open question
        self._calls: dict[str, str] = {}  # the tool call with which it is shown, by open question
        self._messages: dict[str, str] = {}

    def notice(self, notice: Notice) -> None:
        match notice:
            case EventNotice(event=PermissionAsked() as event):
                self.ask(
                    OpenQuestion(
                        request_id=event.request_id,
                        message_id=event.message_id,
                        agent="",
                        tool=event.tool,
                        summary=event.summary,
                        detail=event.detail,
                        risk=event.risk,
                        scope=event.scope or None,
                        at=event.at,
                    )
                )
            case EventNotice(event=PermissionAnswered() as event):
                self.withdraw(event.request_id, "completed" if event.decision != "deny" else "failed")
            case EventNotice(event=ReplyFinished() as event):
                self._withdraw_all(event.message.id)
            case EventNotice(event=ReplyStarted() as event):  # another process continues it, and asks again
                self._withdraw_all(event.message_id)
            case _:
                pass

    def ask(self, question: OpenQuestion) -> None:
        """Ask the client, once."""
        if question.request_id in self._asking:
            return
        self._messages[question.request_id] = question.message_id
        found = self._view.waiting_call(question.message_id, question.tool, set(self._calls.values()))
        key = found[0] if found is not None else f"{question.message_id}:{question.request_id}"
        self._calls[question.request_id] = key
        call = schema.ToolCallUpdate(
            tool_call_id=key,
            title=question.summary,
            kind=kind_of(question.tool),
            status="pending",
            content=_detail(question) or None,
            raw_input=dict(found[1].arguments) if found is not None and found[1].arguments else None,
        )
        # A new context, because the id of the request belongs to this question alone.
        context = contextvars.copy_context()
        context.run(on_request_id.set, lambda number: self._ids.__setitem__(question.request_id, number))
        self._asking[question.request_id] = asyncio.get_running_loop().create_task(
            self._ask(question, call), name="ask for permission", context=context
        )

    def withdraw(self, request_id: str, status: str | None = None) -> None:
        """Cancel the request to the client: the question was answered, or nobody is waiting for it anymore."""
        task = self._asking.pop(request_id, None)
        if task is None:
            return
        key = self._calls.pop(request_id)
        self._messages.pop(request_id, None)
        number = self._ids.pop(request_id, None)
        if not task.done() and task is not asyncio.current_task():
            task.cancel()
            if number is not None:
                self._notify("$/cancel_request", {"requestId": number})
        if status is not None and key.endswith(f":{request_id}"):  # the call exists only for this question: end it
            update = {"sessionUpdate": "tool_call_update", "toolCallId": key, "status": status}
            self._notify("session/update", {"sessionId": self._view.session.id, "update": update})

    def close(self) -> None:
        for request_id in list(self._asking):
            self.withdraw(request_id)

    def _withdraw_all(self, message_id: str) -> None:
        for request_id in [request_id for request_id, owner in self._messages.items() if owner == message_id]:
            self.withdraw(request_id, "failed")

    async def _ask(self, question: OpenQuestion, call: schema.ToolCallUpdate) -> None:
        session_id = self._view.session.id
        params = schema.RequestPermissionRequest(session_id=session_id, tool_call=call, options=_options(question))
        decision: Answer | None = None
        try:
            answer = await self._request(
                "session/request_permission", params.model_dump(mode="json", by_alias=True, exclude_none=True)
            )
            decision = _decision(answer, question)
        except (RequestError, ConnectionError) as error:  # the question stays open
            log.warning("The client did not answer a permission request: %s", error)
        self._ids.pop(question.request_id, None)
        if decision is None:
            await asyncio.sleep(_DISMISSED)
            command = answer_command(session_id, question.request_id)
            self._view.say(
                f"> The question stays open: {question.summary}. Answer it in another editor, or in a terminal: `{command}`"
            )
            return
        with contextlib.suppress(SessionlsError):  # somebody else answered first
            await self._sessions.answer(session_id, question.request_id, decision)


def _options(question: OpenQuestion) -> list[schema.PermissionOption]:
    options = [schema.PermissionOption(option_id="once", name="Allow once", kind="allow_once")]
    if question.scope:
        name = f"Allow for this session: {question.scope}"
        options.append(schema.PermissionOption(option_id="session", name=name, kind="allow_always"))
    return [*options, schema.PermissionOption(option_id="deny", name="Deny", kind="reject_once")]


def _decision(answer: Any, question: OpenQuestion) -> Answer | None:
    """The chosen answer; None if none of the offered options was chosen. Only the option *Deny* denies."""
    try:
        outcome = schema.RequestPermissionResponse.model_validate(answer).outcome
    except ValidationError:
        return None
    if not isinstance(outcome, schema.AllowedOutcome):
        return None
    decision = _ANSWERS.get(outcome.option_id)
    return None if decision == "session" and not question.scope else decision


def _detail(question: OpenQuestion) -> Sequence[Content]:
    """The details of the question. A complete patch is shown as a diff."""
    detail = question.detail
    if not detail:
        return []
    if question.risk == "write" and detail.startswith("--- "):
        lines = detail.splitlines()
        name = next((line[6:] for line in lines[:2] if line[4:6] in ("a/", "b/")), "")
        if name and all(line[:1] in ("", " ", "+", "-", "@", "\\") for line in lines):
            return list(patch_diffs(detail, name))
        return [text_content(f"```diff\n{detail}\n```")]
    return [text_content(f"```\n{detail}\n```")]
