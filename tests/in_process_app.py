"""The whole application in one process, for tests without a protocol: real store, real models, a model server on loopback."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

import pytest

from model_server import ModelServer
from sessionls.compose import Composition, compose, identify, open_store, preload
from sessionls.domain.events import Event
from sessionls.domain.model import Message, Participant, Session
from sessionls.domain.permission import Answer, Bounds, Question
from sessionls.ports.editor import Buffer, DocumentChange, EditOutcome
from sessionls.ports.store import Delta, EventNotice, Notice
from sessionls.sessions.replies.timing import DEFAULT_TIMING, Timing
from sessionls.sessions.service import Sessions
from sessionls.settings.settings import Settings
from stores import database_url

__all__ = [
    "ANN",
    "BEN",
    "App",
    "PlainEditor",
    "app",
    "home",
    "last_message",
    "questions_during_reply",
    "session_of_both",
    "write_agent",
]

ANN = Participant(id="ann", name="Ann", email="ann@example.org")
BEN = Participant(id="ben", name="Ben", email="ben@example.org")


@dataclass
class PlainEditor:
    """An editor with these folders and open buffers."""

    folders: list[str]
    buffers: dict[str, Buffer] = field(default_factory=dict)
    encoding: Literal["utf-8", "utf-16", "utf-32"] = "utf-16"

    diagnosed: dict[str, list[dict[str, Any]]] = field(default_factory=dict)
    answers: list[Answer | None] = field(default_factory=list)
    questions: list[Question] = field(default_factory=list)
    asked: asyncio.Event = field(default_factory=asyncio.Event)
    withdrawn: list[str] = field(default_factory=list)

    def buffer(self, uri: str) -> Buffer | None:
        return self.buffers.get(uri)

    def open_documents(self) -> Sequence[str]:
        return list(self.buffers)

    async def save(self, uris: Sequence[str]) -> frozenset[str]:
        return frozenset()

    def diagnostics(self, uri: str) -> Sequence[Mapping[str, Any]]:
        return self.diagnosed.get(uri, [])

    async def apply(self, label: str, changes: Sequence[DocumentChange], *, confirm: bool = False) -> EditOutcome:
        return EditOutcome(applied=False, reason="This editor applies no edits.")

    async def ask(self, question: Question) -> Answer | None:
        """Return the next of `answers`; without one the question stays open until it is withdrawn."""
        self.questions.append(question)
        self.asked.set()
        if self.answers:
            return self.answers.pop(0)
        try:
            await asyncio.Event().wait()
        except asyncio.CancelledError:
            self.withdrawn.append(question.request_id)
            raise
        return None


@dataclass
class App:
    """One process: its sessions, and the notices of its feed."""

    built: Composition
    editor: PlainEditor
    events: list[Event] = field(default_factory=list)
    deltas: list[Delta] = field(default_factory=list)
    known: dict[str, Session] = field(default_factory=dict)
    _changed: asyncio.Event = field(default_factory=asyncio.Event)

    @property
    def sessions(self) -> Sessions:
        return self.built.sessions

    def notice(self, notice: Notice) -> None:
        if isinstance(notice, EventNotice):
            self.events.append(notice.event)
        elif isinstance(notice, Delta):
            self.deltas.append(notice)
        elif notice.session is not None:
            self.known[notice.session_id] = notice.session
        self._changed.set()

    async def until(self, condition: Callable[[], bool], seconds: float = 20) -> None:
        """Wait until the notices of the feed make the condition true."""
        async with asyncio.timeout(seconds):
            while not condition():
                self._changed.clear()
                await self._changed.wait()

    async def queued(self, session_id: str, count: int) -> None:
        """Wait until that many messages are queued in the session."""
        await self.until(lambda: session_id in self.known and self.known[session_id].queued == count)

    async def written(self, text: str) -> None:
        """Wait until the joined deltas of followed sessions end with this text."""
        await self.until(lambda: "".join(delta.text for delta in self.deltas).endswith(text))

    async def event(self, kind: str, seconds: float = 20) -> Event:
        """Wait for an event of that kind, and remove it."""
        await self.until(lambda: any(event.kind == kind for event in self.events), seconds)
        event = next(event for event in self.events if event.kind == kind)
        del self.events[: self.events.index(event) + 1]
        return event


def write_agent(folder: Path, name: str, prompt: str, **fields: object) -> None:
    """Define an agent in a workspace folder."""
    path = folder / ".sessionls" / "agents" / f"{name}.md"
    path.parent.mkdir(parents=True, exist_ok=True)
    lines = [f"{key}: {value}" for key, value in fields.items()]
    path.write_text("\n".join(["---", f"name: {name}", "description: of a test", *lines, "---", prompt]), encoding="utf-8")


@asynccontextmanager
async def app(
    folder: Path,
    server: ModelServer | None,
    *,
    participant: Participant = ANN,
    model: str | None = "openai/test",
    database: str = "one",
    trusted: bool = True,
    timing: Timing = DEFAULT_TIMING,
    url: str | None = None,
    **settings_: Any,
) -> AsyncIterator[App]:
    """An application in `folder`. Applications with the same `database` share sessions. `settings_` are further settings.

    At a `url` with logins the participant is the login, and has the given name.
    """
    import os

    if server is not None:
        os.environ["OPENAI_API_KEY"] = "sk-test"
        os.environ["OPENAI_API_BASE"] = server.openai
    await asyncio.to_thread(preload)
    editor = PlainEditor([folder.as_uri()])
    address = url or database_url(folder.parent / f"{database}.db")
    settings = await asyncio.to_thread(
        lambda: Settings.load(data_dir=folder.parent, database_url=address, model=model, embedded=False, **settings_)
    )
    store = open_store(settings)
    if url is not None:
        participant = await identify(store, participant, renames=True)
    built = compose(settings, editor, bounds=Bounds(trusted=trusted), participant=participant, store=store, timing=timing)
    await built.start()
    home = App(built, editor)
    stop = built.sessions.subscribe(home.notice)
    try:
        yield home
    finally:
        stop()
        await built.close()


async def last_message(home: App, session_id: str) -> Message:
    return (await home.sessions.history(session_id)).messages[-1]


async def session_of_both(home: App, ben: App) -> str:
    """A session in which both were."""
    session = await home.sessions.create(agent="plain", title="Broken tests")
    await ben.sessions.open(session.id)
    await ben.event("participantJoined")
    return session.id


async def questions_during_reply(home: App, session_id: str) -> list[str]:
    """Send a message. Returns the questions at this editor during its reply."""
    before = len(home.editor.questions)
    await home.sessions.message(session_id, "run")
    return [question.detail or "" for question in home.editor.questions[before:]]


@pytest.fixture
async def home(folder: Path, model_server: ModelServer) -> AsyncIterator[App]:
    """Ann's process, in the workspace folder."""
    async with app(folder, model_server) as home:
        yield home
