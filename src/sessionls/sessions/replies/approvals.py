"""Asks the people in a session whether a tool may run."""

from __future__ import annotations

import asyncio
import contextlib
import logging
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from typing import Literal

from sessionls.domain.errors import SessionlsError
from sessionls.domain.permission import Answer, Question
from sessionls.domain.results import KeptPermission
from sessionls.ports.editor import Editor
from sessionls.ports.permissions import KeptPermissions

__all__ = ["Approvals"]

log = logging.getLogger(__name__)


class Approvals:
    """Asks the participants of a session. The first answer counts; no answer in time means no.

    The person at this editor is asked through the editor; the others see the question as an event and answer with
    `session/answer`. An answer is an event too, and `answered` is called when the feed delivers it.
    """

    def __init__(self, editor: Editor, *, seconds: float = 300.0, kept: KeptPermissions | None = None) -> None:
        self._editor = editor
        self._kept = kept
        self._seconds = seconds
        self._waiting: dict[str, asyncio.Future[Answer]] = {}

    async def kept(self) -> Sequence[KeptPermission]:
        """The person's permanent permissions, empty if they cannot be read."""
        if self._kept is None:
            return ()
        try:
            return await self._kept.all()
        except SessionlsError as problem:
            log.warning("%s", problem.message)
            return ()

    def answered(self, request_id: str, decision: Answer) -> None:
        future = self._waiting.get(request_id)
        if future is not None and not future.done():
            future.set_result(decision)

    @contextlib.asynccontextmanager
    async def expected(self, question: Question) -> AsyncIterator[asyncio.Future[Answer]]:
        """A future of the answer, registered before the question is in the log, so that no answer is missed."""
        future: asyncio.Future[Answer] = asyncio.get_running_loop().create_future()
        self._waiting[question.request_id] = future
        try:
            yield future
        finally:
            del self._waiting[question.request_id]

    async def ask(
        self,
        question: Question,
        future: asyncio.Future[Answer],
        answer: Callable[[Answer, Literal["person", "time"]], Awaitable[None]],
    ) -> Answer:
        """The answer to a question that is in the log. `answer` adds one to the log, if it is the first.

        Cancelling withdraws the question at the editor.
        """
        person = asyncio.ensure_future(self._ask_person(question, answer))
        try:
            async with asyncio.timeout(self._seconds):
                return await asyncio.shield(future)
        except TimeoutError:
            await answer("deny", "time")
            return future.result() if future.done() else "deny"
        finally:
            person.cancel()
            await asyncio.gather(person, return_exceptions=True)

    async def _ask_person(
        self, question: Question, answer: Callable[[Answer, Literal["person", "time"]], Awaitable[None]]
    ) -> None:
        decision = await self._editor.ask(question)
        if decision is not None:
            await asyncio.shield(asyncio.ensure_future(answer(decision, "person")))
