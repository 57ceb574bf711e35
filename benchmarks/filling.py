"""Sessions in bulk: events put straight into the store, many in one change."""

from __future__ import annotations

from bench import Bench
from lsp import Server
from sessionls.sessions import events as ev
from sessionls.sessions.ids import new_id, now
from sessionls.sessions.model import AgentAuthor, Message, Participant, Session, TextPart
from sessionls.sessions.ports import Change
from sessionls.store import SqlStore

__all__ = ["fill", "many_sessions"]

_ANN = Participant(id="p-ann", name="Ann")
_AUTHOR = AgentAuthor(agent="code", model="openai/bench", definition="0" * 64)
_WORDS = "The parser reads the file line by line and drops the last one, because the range ends one line too early. " * 3
_STEP = 500  # messages in one change


async def fill(bench: Bench, length: int) -> str:
    """A session of that many messages; gives its id."""
    session = _session(bench, f"A session of {length} messages")
    async with SqlStore(f"sqlite:///{bench.database}") as store:
        await store.change(session.id, lambda change: _born(change, session, []))
        for start in range(0, length, _STEP):
            exchanges = min(_STEP, length - start) // 2
            await store.change(session.id, lambda change, exchanges=exchanges: _exchanges(change, exchanges))  # type: ignore[misc]
    return session.id


async def many_sessions(bench: Bench, numbers: range) -> None:
    """Sessions of the workspace with these numbers, of one exchange each."""
    identities = await _identities(bench)
    async with SqlStore(f"sqlite:///{bench.database}") as store:
        for n in numbers:
            session = _session(bench, f"Session number {n}")

            def decide(change: Change, session: Session = session, n: int = n) -> None:
                _born(change, session, identities)
                _exchanges(change, 1, f" unique{n}")

            await store.change(session.id, decide)


async def _identities(bench: Bench) -> list[str]:
    """What the server knows the workspace by."""
    async with Server.sessionls(bench.env, bench.folder) as server:
        await server.request("session/create", {})
    with bench.sql() as connection:
        found = connection.execute("SELECT DISTINCT value FROM session_places WHERE kind = 'identity'").fetchall()
    return [value for (value,) in found]


def _session(bench: Bench, title: str) -> Session:
    at = now()
    folders = [bench.folder.as_uri()]
    return Session(
        id=new_id(), title=title, agent="code", workspace_folders=folders, participants=[_ANN], created_at=at, updated_at=at
    )


def _born(change: Change, session: Session, identities: list[str]) -> None:
    change.add(ev.Created, seq=1, by=_ANN, session=session, identities=identities)


def _exchanges(change: Change, count: int, more: str = "") -> None:
    for _ in range(count):
        asked = Message(
            id=new_id(),
            session_id=change.session_id,
            seq=change.now.next_seq,
            role="participant",
            author=_ANN,
            parts=[TextPart(text=f"Is this right?{more}")],
            status="queued",
            created_at=change.at,
        )
        change.add(ev.MessageSent, by=_ANN, message=asked)
        reply = new_id()
        change.add(
            ev.ReplyStarted,
            message_id=reply,
            reply_to=asked.id,
            agent=_AUTHOR.agent,
            model=_AUTHOR.model,
            definition=_AUTHOR.definition,
        )
        begun = change.now.entry(reply).message
        ended = begun.model_copy(update={"parts": [TextPart(text=_WORDS)], "status": "complete", "finished_at": change.at})
        change.add(ev.ReplyFinished, message=ended)
