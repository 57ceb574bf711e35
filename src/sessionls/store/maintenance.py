"""Maintenance of a database by a person: migrate, show the status, check, copy, back up, vacuum. Call these in a thread.

Every function opens the databases that it works on and closes them again. `progress` is called after each session with the
number of sessions done and the total.
"""

from __future__ import annotations

import contextlib
import logging
import sqlite3
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from sqlalchemy import Connection, bindparam, func, select

from sessionls.domain.errors import InvalidParams, SessionUnreadable, StoreUnavailable
from sessionls.domain.model import Participant
from sessionls.domain.state import State, apply
from sessionls.store import migrations
from sessionls.store.copying import CopyOutcome, copy_session
from sessionls.store.deleting import leftovers
from sessionls.store.engine import Database, open_database
from sessionls.store.engine.versions import revision_of
from sessionls.store.failures import explain
from sessionls.store.rows import EVENT_COLUMNS, event_json, events_of, session_of, with_content
from sessionls.store.schema import events, messages, sessions
from sessionls.store.search import purge
from sessionls.store.titles import purge_titles

__all__ = ["CopyReport", "Status", "backup", "check", "copy", "migrate", "status", "vacuum"]

log = logging.getLogger(__name__)
Progress = Callable[[int, int], None]

_PATIENCE = 30.0  # seconds that maintenance waits for other processes
_SESSION = select(sessions).where(sessions.c.id == bindparam("id"))
_IDS = select(sessions.c.id, sessions.c.deleted).order_by(sessions.c.rev)
_LOG = select(*EVENT_COLUMNS).where(events.c.session_id == bindparam("id")).order_by(events.c.seq)
_PLACES = select(messages.c.place).where(messages.c.session_id == bindparam("id"), messages.c.place.is_not(None))
_WITHOUT_CONTENT = (
    select(messages.c.id)
    .select_from(with_content(messages))
    .where(messages.c.session_id == bindparam("id"), messages.c.content_seq.is_not(None), events.c.message.is_(None))
)
# Fields that must agree with the log. (Older versions did not store all fields of the list.)
_SHOWN = ("id", "title", "state", "agent", "model", "messageCount", "seq", "createdAt", "updatedAt")
_BATCH = 200  # sessions in one transaction


@dataclass(frozen=True, slots=True)
class Status:
    """`revision` is None for a database without tables. `newest` is the revision that this version of sessionls uses."""

    revision: str | None
    newest: str
    counts: dict[str, int]
    facts: list[str]


@dataclass(slots=True)
class CopyReport:
    copied: list[str] = field(default_factory=list)
    unchanged: int = 0
    refused: dict[str, str] = field(default_factory=dict)
    """Sessions that were left out, each with the reason."""
    masked: int = 0
    """The number of secrets that were masked in the copies."""


def status(url: str) -> Status:
    """Returns the status. Never changes the database, even if another version made it."""
    with _open_database(url, bare=True) as database:
        with database.reading() as connection:
            revision = revision_of(connection)
            counts: dict[str, int] = {}
            if revision == migrations.HEAD:
                counts["sessions"] = _count(connection, select(func.count()).select_from(sessions).where(~sessions.c.deleted))
                counts["messages"] = _count(connection, select(func.count()).select_from(messages))
                counts["events"] = _count(connection, select(func.count()).select_from(events))
        return Status(revision, migrations.HEAD, counts, database.facts())


def migrate(url: str) -> tuple[str | None, str]:
    """Create the tables, or bring them up to date. Returns the revision before and after."""
    before = None
    if not _is_missing_file(url):
        with _open_database(url, bare=True) as database, database.reading() as connection:
            before = revision_of(connection)
    with _open_database(url) as database, database.reading():
        return before, migrations.HEAD


def check(url: str, progress: Progress) -> dict[str, list[str]]:
    """Returns the faults of each damaged session. Reads the whole database and changes nothing."""
    faults: dict[str, list[str]] = {}
    _expect_database(url)
    with _open_database(url) as database:
        for connection, session_id, deleted in _each_session(database, progress):
            if session_faults := list(_faults(connection, session_id, deleted=deleted)):
                faults[session_id] = session_faults
    return faults


def copy(
    source: str,
    target: str,
    wanted: Sequence[str],
    progress: Progress,
    own: Participant | None = None,
    *,
    masks: bool = True,
) -> CopyReport:
    """Copy these sessions (none: all) and their ancestors. Copies that the target has already are brought up to date.

    `own` is the person who copies, as a participant of the source. In a target with logins the copies belong to that person, and
    with `masks` their secrets are masked. The owner of the tables copies everything unchanged.
    """
    _expect_database(source)
    report = CopyReport()
    with _open_database(source) as here, _open_database(target) as there:
        if _is_same_database(source, target):
            raise InvalidParams("Both databases are the same.", fields=["database"], hint="Choose another database to copy to.")
        with here.reading() as connection:
            known = [row.id for row in connection.execute(_IDS) if not row.deleted]
        chosen = _select_sessions(known, wanted)
        for done, session_id in enumerate(chosen, 1):
            outcome: CopyOutcome = copy_session(here, there, session_id, own, masks=masks)
            if outcome.refused:
                report.refused[session_id] = outcome.refused
            elif outcome.written:
                report.copied.append(session_id)
                report.masked += outcome.masked
            else:
                report.unchanged += 1
            progress(done, len(chosen))
    return report


def backup(url: str, file: Path, progress: Progress) -> int:
    """Write all sessions into a new SQLite file. Returns their number. If it fails, there is no file."""
    _expect_database(url)
    if file.exists():
        raise InvalidParams(f"{file} exists already.", fields=["file"], hint="Choose the name of a new file.")
    part = file.with_name(f"{file.name}.part")
    for leftover in file.parent.glob(f"{part.name}*"):
        leftover.unlink()
    try:
        report = copy(url, f"sqlite:///{part.absolute().as_posix()}", (), progress)
        if report.refused:
            session_id, reason = next(iter(report.refused.items()))
            raise StoreUnavailable(f"Session {session_id} cannot be copied: {reason}", hint="Try again later.")
        with contextlib.closing(sqlite3.connect(part)) as connection:  # one file, without a write-ahead log
            connection.execute("PRAGMA journal_mode = DELETE").fetchall()
        part.replace(file)
    finally:
        for leftover in file.parent.glob(f"{part.name}*"):
            leftover.unlink()
    return len(report.copied)


def vacuum(url: str) -> None:
    """Erase deleted content and free its disk space."""
    _expect_database(url)
    with _open_database(url) as database:
        with database.writing() as connection:
            purge_titles(connection)
            more = purge(connection, first=True)
        while more:
            with database.writing() as connection:
                more = purge(connection, first=False)
        database.vacuum()


# -- helpers ---------------------------------------------------------------------------------------------------------


@contextlib.contextmanager
def _open_database(url: str, *, bare: bool = False) -> Iterator[Database]:
    """`bare`: open the database as it is, without creating or migrating tables."""
    database = open_database(url, _PATIENCE)
    if bare:
        _expect_database(url)
        database.open_as_is()
    try:
        try:
            yield database
        except Exception as error:
            explained = explain(error)
            if explained is None:
                raise
            log.warning("the database failed", exc_info=True)
            raise explained from None
    finally:
        database.close()


def _select_sessions(known: Sequence[str], wanted: Sequence[str]) -> list[str]:
    """The known ids that match one of the wanted ids or endings; all if none are wanted."""
    for text in wanted:
        matches = [session_id for session_id in known if _matches(text, session_id)]
        if len(matches) != 1:
            problem = "There is no session" if not matches else "Several sessions end with"
            raise InvalidParams(f"{problem} {text!r}.", fields=["session"], hint="Use the whole id, as in a list or an export.")
    return [session_id for session_id in known if not wanted or any(_matches(text, session_id) for text in wanted)]


def _matches(text: str, session_id: str) -> bool:
    return text == session_id or (len(text) >= 4 and session_id.endswith(text))


def _is_missing_file(url: str) -> bool:
    kind, _, name = url.partition(":///")
    return kind == "sqlite" and not Path(name).is_file()


def _expect_database(url: str) -> None:
    if _is_missing_file(url):
        raise StoreUnavailable("There is no database yet.", hint="It is created with the first session.")


def _is_same_database(source: str, target: str) -> bool:
    if source == target:
        return True
    (kind, _, path), (other_kind, _, other_path) = source.partition(":///"), target.partition(":///")
    return kind == other_kind == "sqlite" and Path(path).resolve() == Path(other_path).resolve()


def _count(connection: Connection, statement: object) -> int:
    return int(connection.execute(statement).scalar_one())  # type: ignore[call-overload]


def _each_session(database: Database, progress: Progress) -> Iterator[tuple[Connection, str, bool]]:
    """Every session, in several transactions: one long transaction would prevent the database from freeing old data."""
    with database.reading() as connection:
        all_sessions = [(row.id, bool(row.deleted)) for row in connection.execute(_IDS)]
    for start in range(0, len(all_sessions), _BATCH):
        with database.reading() as connection:
            for done, (session_id, deleted) in enumerate(all_sessions[start : start + _BATCH], start + 1):
                yield connection, session_id, deleted
                progress(done, len(all_sessions))


def _faults(connection: Connection, session_id: str, *, deleted: bool) -> Iterator[str]:
    row = connection.execute(_SESSION, {"id": session_id}).one()
    log = connection.execute(_LOG, {"id": session_id}).all()
    numbers = [event.seq for event in log]
    if numbers != list(range(row.fork_seq + 1, row.fork_seq + 1 + len(numbers))):
        yield "the numbers of its events have a gap"
        return
    if row.deleted or deleted:
        if left := sorted(leftovers(connection, session_id) if row.deleted else ()):
            yield f"it was deleted, but parts of it are left in: {', '.join(left)}"
        return
    if (numbers[-1] if numbers else 0) != row.seq:
        yield f"its last event has number {numbers[-1] if numbers else 0} instead of {row.seq}"
        return
    state: State | None = None
    try:
        for event in events_of(session_id, [event_json(event_row) for event_row in log]):
            state = apply(state, event).state
    except (SessionUnreadable, ValueError, KeyError, AssertionError):
        yield "its events cannot be read, or do not form a valid sequence"
        return
    assert state is not None
    try:
        shown = session_of(row).wire()
    except SessionUnreadable:
        yield "its entry in the list cannot be read"
        return
    if any(shown.get(name) != value for name, value in state.session.wire().items() if name in _SHOWN):
        yield "its entry in the list does not agree with its events"
    if (row.reply, row.placed) != (state.reply, state.placed):
        yield "the state of its reply does not agree with its events"
    places = sorted(connection.execute(_PLACES, {"id": session_id}).scalars())
    if places != list(range(row.fork_place + 1, row.placed + 1)):
        yield "the places of its messages have a gap"
    if connection.execute(_WITHOUT_CONTENT, {"id": session_id}).first() is not None:
        yield "the text of a message is not where the message says"
