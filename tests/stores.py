"""Stores without the rest of the program: adds events directly to the log, and records the notices of a feed."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

from sessionls.domain import events as ev
from sessionls.domain.change import Change
from sessionls.domain.events import Event
from sessionls.domain.ids import new_id, now
from sessionls.domain.model import AgentAuthor, Message, ParentRef, Part, Participant, ReasoningPart, Session, TextPart
from sessionls.ports.store import Delta, EventNotice, Notice, SessionNotice
from sessionls.store import SqlStore

__all__ = [
    "ANN",
    "ENGINES",
    "Heard",
    "all_sessions",
    "answer",
    "ask",
    "begin",
    "compact",
    "create",
    "database_url",
    "end",
    "exchange",
    "exchanges",
    "fork",
    "rename",
    "say",
    "step",
    "texts",
    "url",
]

ANN = Participant(id="ann", name="Ann")
AUTHOR = AgentAuthor(agent="code", model="test", definition="0" * 64)
Status = Literal["complete", "paused", "interrupted", "cancelled", "failed"]


ENGINES = ("sqlite", "postgres")
current_engine = "sqlite"


def url(folder: Path, *, empty: bool = False) -> str:
    """The URL of the test's database: one for each folder."""
    return database_url(folder / "data" / "sessions.db", empty=empty)


def database_url(path: Path, *, empty: bool = False) -> str:
    """A database of that name, on the engine that the test runs on. On PostgreSQL it has its tables already, unless `empty`."""
    if current_engine == "postgres":
        from postgres_server import PostgresServer

        return PostgresServer.shared().database_for(str(path), empty=empty)
    return f"sqlite:///{path}"


async def create(
    store: SqlStore,
    *,
    title: str = "A session",
    folders: Sequence[str] = ("file:///work",),
    identities: Sequence[str] = (),
    session_id: str | None = None,
) -> str:
    at = now()
    session = Session(
        id=session_id or new_id(), title=title, agent="code", workspace_folders=list(folders), created_at=at, updated_at=at
    )

    def decide(change: Change) -> None:
        change.add(ev.Created, seq=1, by=ANN, session=session, identities=list(identities))

    await store.change(session.id, decide)
    return session.id


async def say(store: SqlStore, session_id: str, text: str) -> str:
    """Send a message, which is queued. Returns its id."""
    message = Message(
        id=new_id(),
        session_id=session_id,
        seq=0,
        role="participant",
        author=ANN,
        parts=[TextPart(text=text)],
        status="queued",
        created_at=now(),
    )

    def decide(change: Change) -> None:
        change.add(ev.MessageSent, by=ANN, message=message.model_copy(update={"seq": change.now.next_seq}))
        change.claim(message.id)

    await store.change(session_id, decide)
    return message.id


async def begin(store: SqlStore, session_id: str, to: str, reply_id: str | None = None) -> str:
    """Start or resume the reply to that message. Returns its id."""
    reply = reply_id or new_id()

    def decide(change: Change) -> None:
        change.release(to)
        change.add(
            ev.ReplyStarted,
            message_id=reply,
            reply_to=to,
            agent=AUTHOR.agent,
            model=AUTHOR.model,
            definition=AUTHOR.definition,
        )
        change.claim(reply)

    await store.change(session_id, decide)
    return reply


async def step(store: SqlStore, session_id: str, reply: str, index: int, *parts: Part) -> None:
    await store.change(session_id, lambda change: change.add(ev.StepFinished, message_id=reply, index=index, parts=list(parts)))


async def ask(store: SqlStore, session_id: str, reply: str, scope: str, *, agent: str = "code", detail: str | None = None) -> str:
    """Let the reply ask for permission. Returns the id of the request."""
    fields = {"message_id": reply, "tool": "run_command", "summary": f"Run {scope}", "risk": "execute", "scope": scope}
    question, by = new_id(), ev.ByAgent(agent=agent)
    await store.change(
        session_id, lambda change: change.add(ev.PermissionAsked, by=by, request_id=question, detail=detail, **fields)
    )
    return question


async def answer(
    store: SqlStore, session_id: str, question: str, decision: Literal["once", "session", "deny"], by: Participant = ANN
) -> None:
    await store.change(
        session_id, lambda change: change.add(ev.PermissionAnswered, by=by, request_id=question, decision=decision)
    )


async def end(store: SqlStore, session_id: str, reply: str, *parts: Part | str, status: Status = "complete") -> None:
    def decide(change: Change) -> None:
        message = change.now.entry(reply).message
        whole = [TextPart(text=part) if isinstance(part, str) else part for part in parts]
        ended = message.model_copy(update={"parts": whole, "status": status, "finished_at": change.at})
        change.add(ev.ReplyFinished, message=ended)
        change.release(reply)

    await store.change(session_id, decide)


async def exchange(store: SqlStore, session_id: str, text: str, answer: str) -> tuple[str, str]:
    """Add a message with a complete reply."""
    message = await say(store, session_id, text)
    reply = await begin(store, session_id, message)
    await end(store, session_id, reply, answer)
    return message, reply


async def exchanges(store: SqlStore, session_id: str, answers: Sequence[str]) -> None:
    """Add a message with a complete reply for each answer, all in one change."""

    def decide(change: Change) -> None:
        for answer in answers:
            message = Message(
                id=new_id(),
                session_id=session_id,
                seq=change.now.next_seq,
                role="participant",
                author=ANN,
                parts=[TextPart(text="Go on.")],
                status="queued",
                created_at=change.at,
            )
            change.add(ev.MessageSent, by=ANN, message=message)
            reply, author = new_id(), {"agent": AUTHOR.agent, "model": AUTHOR.model, "definition": AUTHOR.definition}
            change.add(ev.ReplyStarted, message_id=reply, reply_to=message.id, **author)
            whole = {"parts": [TextPart(text=answer)], "status": "complete", "finished_at": change.at}
            change.add(ev.ReplyFinished, message=change.now.entry(reply).message.model_copy(update=whole))

    await store.change(session_id, decide)


async def fork(store: SqlStore, session_id: str, place: int, *, title: str = "A fork") -> str:
    parent, at = await store.session(session_id), now()
    child = parent.model_copy(
        update={
            "id": new_id(),
            "title": title,
            "parent": ParentRef(session_id=session_id, seq=await store.seq_at(session_id, place)),
            "message_count": place,
            "replying": False,
            "queued": 0,
            "stopped": None,
            "asking": None,
            "created_at": at,
            "updated_at": at,
        }
    )

    def decide(change: Change) -> None:
        assert child.parent is not None
        change.add(ev.Created, seq=child.parent.seq + 1, by=ANN, session=child, placed=place)

    await store.change(child.id, decide)
    return child.id


async def compact(store: SqlStore, session_id: str, through: int, summary: str) -> None:
    await store.change(session_id, lambda change: change.add(ev.Compacted, through=through, through_seq=0, summary=summary))


async def rename(store: SqlStore, session_id: str, title: str) -> int:
    """Rename the session. Returns the number of the event."""
    return await store.change(session_id, lambda change: change.add(ev.Renamed, by=ANN, title=title).seq)


async def texts(store: SqlStore, session_id: str, *, page: int = 500) -> list[str]:
    """The texts of all messages of the session, read page by page."""
    found: list[Message] = []
    before: str | None = None
    while True:
        messages, more = await store.history(session_id, before=before, limit=page)
        found = [*messages, *found]
        if not more:
            return [message.text for message in found]
        before = messages[0].id


@dataclass
class Heard:
    """Records the notices of a store's feed, in order."""

    store: SqlStore
    notices: list[Notice] = field(default_factory=list)
    _more: asyncio.Event = field(default_factory=asyncio.Event)

    def __post_init__(self) -> None:
        self.stop = self.store.subscribe(self._hear)

    def _hear(self, notice: Notice) -> None:
        self.notices.append(notice)
        self._more.set()

    async def until(self, condition: Callable[[], bool]) -> None:
        async with asyncio.timeout(30):
            while not condition():
                self._more.clear()
                await self._more.wait()

    @property
    def events(self) -> list[Event]:
        return [notice.event for notice in self.notices if isinstance(notice, EventNotice)]

    @property
    def sessions(self) -> list[SessionNotice]:
        return [notice for notice in self.notices if isinstance(notice, SessionNotice)]

    @property
    def deltas(self) -> list[Delta]:
        return [notice for notice in self.notices if isinstance(notice, Delta)]

    def joined(self, message_id: str, known: Sequence[Part] = ()) -> dict[int, str]:
        """The texts of the reply's parts, joined from its deltas. Every offset must be at the end of the text so far."""
        parts = {n: part.text for n, part in enumerate(known) if isinstance(part, TextPart | ReasoningPart)}
        for delta in self.deltas:
            if delta.message_id == message_id:
                assert delta.offset == len(parts.get(delta.part, "")) and delta.text
                parts[delta.part] = parts.get(delta.part, "") + delta.text
        return parts


async def all_sessions(store: SqlStore, **filters: object) -> list[str]:
    """The titles of all pages."""
    found: list[str] = []
    cursor: str | None = None
    while True:
        arguments = {"scope": None, "state": None, "query": None, "limit": 2, "cursor": cursor, **filters}
        sessions, cursor = await store.sessions(**arguments)  # type: ignore[arg-type]
        found += [session.title for session in sessions]
        if cursor is None:
            return found
