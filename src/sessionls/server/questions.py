"""Asking the person at this editor whether a tool may do something."""

from __future__ import annotations

from typing import TYPE_CHECKING

from lsprotocol import types as lsp
from pydantic import ValidationError
from pygls.exceptions import JsonRpcException

from sessionls.server.params import PermissionDecision, PermissionParams
from sessionls.sessions.tooling import Answer, Question

if TYPE_CHECKING:
    from sessionls.server.options import Client
    from sessionls.server.protocol import SessionProtocol

__all__ = ["ask"]

_ANSWERS: dict[str, Answer] = {"Allow once": "once", "Allow for this session": "session", "Deny": "deny"}
_DETAIL = 1500  # characters that a message box can hold


async def ask(protocol: SessionProtocol, client: Client, question: Question) -> Answer | None:
    """The person's answer; None where the question was dismissed, or the client cannot ask. Cancelling withdraws it."""
    try:
        return await (_by_plugin if client.permissions else _by_message)(protocol, question)
    except (JsonRpcException, ValidationError):
        return None


async def _by_plugin(protocol: SessionProtocol, question: Question) -> Answer | None:
    params = PermissionParams(
        session_id=question.session_id,
        request_id=question.request_id,
        agent=question.agent,
        tool=question.tool,
        summary=question.summary,
        detail=question.detail,
        risk=question.risk,
        scope=question.scope,
    )
    decision: PermissionDecision = await protocol.ask_client("session/requestPermission", params)
    return decision.decision


async def _by_message(protocol: SessionProtocol, question: Question) -> Answer | None:
    words = f"{question.agent} asks: {question.summary}"
    if question.detail:
        words += f"\n\n{question.detail[:_DETAIL]}{'…' if len(question.detail) > _DETAIL else ''}"
    words += f"\n\nA yes for this session covers: {question.scope}"
    params = lsp.ShowMessageRequestParams(
        type=lsp.MessageType.Warning, message=words, actions=[lsp.MessageActionItem(title=title) for title in _ANSWERS]
    )
    chosen: lsp.MessageActionItem | None = await protocol.ask_client(lsp.WINDOW_SHOW_MESSAGE_REQUEST, params)
    return _ANSWERS.get(chosen.title) if chosen is not None else None
