"""How a question for permission reaches a person in an editor without a plugin, whose document shows the question already."""

from __future__ import annotations

import asyncio
from typing import Any, cast

from sessionls.domain.permission import Question
from sessionls.server.editor.capabilities import Client
from sessionls.server.editor.permission_prompts import Typing, ask
from sessionls.server.transport.protocol import SessionProtocol

QUESTION = Question("s1", "m1", "r1", "code", "run_command", "run make", "execute", "make")


class Notifications:
    """A protocol that keeps what it sends."""

    def __init__(self) -> None:
        self.sent: list[Any] = []

    def notify(self, method: str, params: Any) -> None:
        self.sent.append((method, params.message))


class PersonTyping(Typing):
    """A person who types until `stops` is set."""

    def __init__(self) -> None:
        super().__init__()
        self.stops = asyncio.Event()

    async def pause(self) -> None:
        await self.stops.wait()


async def test_a_question_in_an_open_document_is_announced_when_the_person_stops_typing() -> None:
    protocol, typing = Notifications(), PersonTyping()
    asking = asyncio.create_task(ask(cast("SessionProtocol", protocol), Client(), typing, QUESTION, shown=True))
    for _ in range(20):
        await asyncio.sleep(0)
    assert protocol.sent == []
    typing.stops.set()
    assert await asking is None
    assert protocol.sent == [("window/showMessage", "sessionls: A question waits in the session.")]


async def test_a_withdrawn_question_is_not_announced() -> None:
    protocol, typing = Notifications(), PersonTyping()
    asking = asyncio.create_task(ask(cast("SessionProtocol", protocol), Client(), typing, QUESTION, shown=True))
    await asyncio.sleep(0)
    asking.cancel()
    typing.stops.set()
    await asyncio.gather(asking, return_exceptions=True)
    assert protocol.sent == []
