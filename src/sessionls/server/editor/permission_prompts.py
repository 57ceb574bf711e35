"""Asks the person at this editor whether a tool may do something.

A client with `permissions` gets a request of ours. Any other one gets `window/showMessageRequest`, where nothing may be allowed
by accident: the box appears while somebody types, and some editors take the next keys as the answer.
"""

from __future__ import annotations

import asyncio
import logging
from typing import TYPE_CHECKING

from lsprotocol import types as lsp
from pygls.exceptions import JsonRpcException, JsonRpcMethodNotFound

from sessionls.domain.permission import Answer, Question
from sessionls.domain.questions import answer_command, scope_explanation
from sessionls.server.schema.params import PermissionDecision, PermissionParams

if TYPE_CHECKING:
    from sessionls.server.editor.capabilities import Client
    from sessionls.server.transport.protocol import SessionProtocol

__all__ = ["Typing", "ask"]

log = logging.getLogger("sessionls")

# In this order: pressing Return or the first number must do no harm.
_ANSWERS: dict[str, Answer] = {"Deny": "deny", "Allow once": "once", "Allow for this session": "session"}
_DETAIL = 1500  # characters that a message box can hold
_PAUSE = 1.0  # seconds without a key after which a person is assumed to have stopped typing
_LONGEST_TYPING = 30.0  # seconds after which the question is shown anyway: not every change of a document is a person's
_SHORTEST_READING = 0.5  # seconds within which nobody can read a question and decide


class Typing:
    """When the person last typed: when a document changed, or a command was run. Somebody who types does not read.

    `box` is held while a message box is open: an editor shows several in turn, and the next keys would answer the next one.
    """

    def __init__(self) -> None:
        self.box = asyncio.Lock()
        self._last = float("-inf")

    def typed(self) -> None:
        self._last = asyncio.get_running_loop().time()

    async def pause(self) -> None:
        """Wait until nobody types, within bounds."""
        loop = asyncio.get_running_loop()
        latest = loop.time() + _LONGEST_TYPING
        while (left := min(self._last + _PAUSE, latest) - loop.time()) > 0:  # noqa: ASYNC110  # there is no event for silence
            await asyncio.sleep(left)


async def ask(protocol: SessionProtocol, client: Client, typing: Typing, question: Question, *, shown: bool) -> Answer | None:
    """The person's answer; None if the question stays open: dismissed, or the client cannot ask. Cancelling withdraws it.

    Without a plugin, the person then gets a message that says how to answer. `shown`: the question is in a document that
    is open, so no message box is needed, which would take the keys of somebody who types there.
    """
    try:
        if client.permissions and (decision := await _ask_plugin(protocol, question)) is not None:
            return decision
    except Exception as error:  # noqa: BLE001  # whatever the client answers, the question stays open
        log.warning("The client did not answer a question for permission: %s", error)
        return None  # a plugin sees open questions in the session
    if shown:
        # A short message, and not while the editor still shows the menu of a command: some editors wait for a key after messages
        # that take more than one line.
        await typing.pause()
        text = "sessionls: A question waits in the session."
        protocol.notify(lsp.WINDOW_SHOW_MESSAGE, lsp.ShowMessageParams(type=lsp.MessageType.Info, message=text))
        return None
    try:
        async with typing.box:
            answer = await _ask_in_message_box(protocol, typing, question)
    except Exception as error:  # noqa: BLE001
        log.warning("The client did not answer a question for permission: %s", error)
        _explain_how_to_answer(protocol, question, "This editor does not show the question", lsp.MessageType.Warning)
        return None
    if answer is None:
        _explain_how_to_answer(protocol, question, "The question stays open", lsp.MessageType.Info)
    return answer


async def _ask_plugin(protocol: SessionProtocol, question: Question) -> Answer | None:
    """The decision; None if the client does not support the request although it announced it."""
    params = PermissionParams(
        session_id=question.session_id,
        message_id=question.message_id,
        request_id=question.request_id,
        agent=question.agent,
        tool=question.tool,
        summary=question.summary,
        detail=question.detail,
        risk=question.risk,
        scope=question.scope,
    )
    try:
        decision: PermissionDecision = await protocol.ask_client("session/requestPermission", params)
    except JsonRpcException as error:
        if error.code == JsonRpcMethodNotFound.CODE:
            return None
        raise
    return decision.decision


async def _ask_in_message_box(protocol: SessionProtocol, typing: Typing, question: Question) -> Answer | None:
    """The chosen answer. A yes that comes faster than a person can read was typed before the question: then ask again."""
    loop = asyncio.get_running_loop()
    await typing.pause()
    shown = loop.time()
    answer = await _show_message_box(protocol, question, "")
    if answer not in ("once", "session") or loop.time() - shown >= _SHORTEST_READING:
        return answer
    await asyncio.sleep(_PAUSE)  # so that other keys typed ahead are not taken as the answer
    await typing.pause()
    return await _show_message_box(protocol, question, "(Asked again: the answer came before the question could be read.) ")


async def _show_message_box(protocol: SessionProtocol, question: Question, note: str) -> Answer | None:
    text = f"{note}{question.agent} asks: {question.summary}"
    if question.detail:
        text += f"\n\n{question.detail[:_DETAIL]}{'…' if len(question.detail) > _DETAIL else ''}"
    titles = [title for title, answer in _ANSWERS.items() if question.scope or answer != "session"]
    if question.scope:
        text += f"\n\n{scope_explanation(question.scope)}"
    params = lsp.ShowMessageRequestParams(
        type=lsp.MessageType.Warning, message=text, actions=[lsp.MessageActionItem(title=title) for title in titles]
    )
    chosen: lsp.MessageActionItem | None = await protocol.ask_client(lsp.WINDOW_SHOW_MESSAGE_REQUEST, params)
    return _ANSWERS.get(chosen.title) if chosen is not None else None


def _explain_how_to_answer(protocol: SessionProtocol, question: Question, why: str, kind: lsp.MessageType) -> None:
    command = answer_command(question.session_id, question.request_id)
    text = (
        f"sessionls: {why}. {question.agent} asks: {question.summary}. "
        f"Answer with a code action, the command sessionls.answer, or in a terminal: {command}"
    )
    protocol.notify(lsp.WINDOW_SHOW_MESSAGE, lsp.ShowMessageParams(type=kind, message=text))
