"""Sessions in bulk: events added directly to the store, many in one change."""

from __future__ import annotations

from collections.abc import Sequence

from bench import Bench
from lsp import Server
from sessionls.domain import events as ev
from sessionls.domain.change import Change
from sessionls.domain.ids import new_id, now
from sessionls.domain.model import AgentAuthor, Message, Participant, Session, TextPart
from sessionls.store import SqlStore

__all__ = ["ASKED", "WORDS", "copy_session", "fill", "identities_of", "many_sessions"]

_ANN = Participant(id="p-ann", name="Ann")
_AUTHOR = AgentAuthor(agent="code", model="openai/bench", definition="0" * 64)
ASKED = "Is this right?"
WORDS = "The parser reads the file line by line and drops the last one, because the range ends one line too early. " * 3
# The text of the messages above a number, and the numbers from 0 on.
_INDEX = """
INSERT INTO message_text (rowid, text)
SELECT m.n, json_extract(e.message, '$.parts[0].text')
FROM messages AS m JOIN events AS e ON e.session_id = m.session_id AND e.seq = m.content_seq WHERE m.n > ? ORDER BY m.n
"""
_NUMBERS = "WITH RECURSIVE number(v) AS (SELECT 0 UNION ALL SELECT v + 1 FROM number WHERE v + 1 < {count}) SELECT v FROM number"
_STEP = 500  # messages in one change


async def fill(bench: Bench, length: int, identities: Sequence[str] = ()) -> str:
    """Create a session of that many messages. Returns its id."""
    session = _session(bench, f"A session of {length} messages")
    async with SqlStore(f"sqlite:///{bench.database}") as store:
        await store.change(session.id, lambda change: _fork_columns(change, session, [*identities]))
        for start in range(0, length, _STEP):
            exchanges = min(_STEP, length - start) // 2
            await store.change(session.id, lambda change, exchanges=exchanges: _exchanges(change, exchanges))  # type: ignore[misc]
    return session.id


async def many_sessions(bench: Bench, numbers: range) -> None:
    """Create sessions of the workspace with these numbers, each with one question and one reply."""
    identities = await identities_of(bench)
    async with SqlStore(f"sqlite:///{bench.database}") as store:
        for n in numbers:
            session = _session(bench, f"Session number {n}")

            def decide(change: Change, session: Session = session, n: int = n) -> None:
                _fork_columns(change, session, identities)
                _exchanges(change, 1, f" unique{n}")

            await store.change(session.id, decide)


def copy_session(bench: Bench, session_id: str, count: int, first: int) -> None:
    """Make `count` copies of a session, numbered from `first` on, by SQL: the store would take too long."""
    with bench.sql() as connection:
        connection.execute("PRAGMA synchronous = OFF")
        connection.execute("BEGIN")
        n: int = connection.execute("SELECT max(n) FROM messages").fetchone()[0]
        rev: int = connection.execute("SELECT max(rev) FROM sessions").fetchone()[0]
        length: int = connection.execute("SELECT count(*) FROM messages WHERE session_id = ?", (session_id,)).fetchone()[0]
        own = f"'{session_id[:-8]}' || printf('%08d', {first} + copy.v)"
        other = {
            "rev": f"{rev + 1} + copy.v",
            "session_id": own,
            "n": f"{n} + copy.v * {length} + row_number() OVER (PARTITION BY copy.v ORDER BY t.n)",
        }
        connection.execute(f"CREATE TEMP TABLE copy AS {_NUMBERS.format(count=count)}")
        for table in ("sessions", "session_places", "events", "messages"):
            names = [row[1] for row in connection.execute(f"PRAGMA table_info({table})")]
            values = {name: f"t.{name}" for name in names} | {name: other[name] for name in names if name in other}
            if table == "sessions":
                values["id"] = own
            key = "id" if table == "sessions" else "session_id"
            connection.execute(
                f"INSERT INTO {table} ({', '.join(names)}) SELECT {', '.join(values.values())} FROM copy, {table} AS t "
                f"WHERE t.{key} = ? ORDER BY copy.v",
                (session_id,),
            )
        connection.execute(_INDEX, (n,))
        connection.execute("DROP TABLE copy")
        connection.execute("COMMIT")


async def identities_of(bench: Bench) -> list[str]:
    """The identities by which the server recognizes the workspace."""
    async with Server.sessionls(bench.env, bench.folder) as server:
        await server.request("session/create", {})
    with bench.sql() as connection:
        found = connection.execute("SELECT DISTINCT value FROM session_places WHERE kind = 'repository'").fetchall()
    return [value for (value,) in found]


def _session(bench: Bench, title: str) -> Session:
    at = now()
    folders = [bench.folder.as_uri()]
    return Session(
        id=new_id(), title=title, agent="code", workspace_folders=folders, participants=[_ANN], created_at=at, updated_at=at
    )


def _fork_columns(change: Change, session: Session, identities: list[str]) -> None:
    change.add(ev.Created, seq=1, by=_ANN, session=session, identities=identities)


def _exchanges(change: Change, count: int, more: str = "") -> None:
    for _ in range(count):
        asked = Message(
            id=new_id(),
            session_id=change.session_id,
            seq=change.now.next_seq,
            role="participant",
            author=_ANN,
            parts=[TextPart(text=f"{ASKED}{more}")],
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
        ended = begun.model_copy(update={"parts": [TextPart(text=WORDS)], "status": "complete", "finished_at": change.at})
        change.add(ev.ReplyFinished, message=ended)
