"""The write transaction: the events of a change go into the log and every projection of it, or nothing is written."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Generic, TypeVar

from sqlalchemy import BigInteger, Connection, Row, bindparam, case, delete, func, insert, select, update

from sessionls.domain.change import Change, Claim, Presence
from sessionls.domain.errors import NotPermitted, SessionNotFound
from sessionls.domain.events import Compacted, Created, Event, MessageSent, ReplyFinished, StepFinished
from sessionls.domain.ids import now as time_now
from sessionls.domain.roles import require_role
from sessionls.domain.state import Entry, State
from sessionls.store import lineage
from sessionls.store.columns import TEXT
from sessionls.store.drafts import Drafts
from sessionls.store.engine import dialect_of
from sessionls.store.findings import write_findings
from sessionls.store.images import write_images
from sessionls.store.liveness import beat, clock_ms, is_alive
from sessionls.store.parts import is_growing, write_parts
from sessionls.store.presence import find_presence, write_presence
from sessionls.store.reading import summary_before
from sessionls.store.rows import changed_values, event_values, load_state, message_values, require, session_values, title_key_of
from sessionls.store.schema import claims, drafts, events, messages, processes, session_places, sessions, summaries
from sessionls.store.search import index_message
from sessionls.store.titles import add_title, change_title

__all__ = ["Changes", "Outcome", "save_drafts"]

T = TypeVar("T")

_SESSION_WITHOUT_LOCK = select(sessions).where(sessions.c.id == bindparam("id"))
_SESSION = _SESSION_WITHOUT_LOCK.with_for_update(key_share=True)
_CLAIMS = (
    select(claims.c.message_id, claims.c.process, processes.c.alive_until, processes.c.lease)
    .select_from(claims)
    .outerjoin(processes, processes.c.id == claims.c.process)
    .where(claims.c.session_id == bindparam("id"))
)
_UPDATE_SESSION = update(sessions).where(sessions.c.id == bindparam("key"))
_UPDATE_MESSAGE = update(messages).where(messages.c.session_id == bindparam("key"), messages.c.id == bindparam("message"))
_UPDATE_STATUS = _UPDATE_MESSAGE.values(
    seq=bindparam("seq"),
    place=bindparam("place"),
    ended_seq=bindparam("ended_seq"),
    data=case((messages.c.content_seq.is_(None), bindparam("whole", type_=TEXT)), else_=bindparam("data", type_=TEXT)),
)
# This updates few rows: only the messages that were sent before that one ended.
_SEAL = (
    update(messages)
    .where(
        messages.c.session_id == bindparam("key"),
        messages.c.place >= bindparam("from_place"),
        messages.c.place < bindparam("below", type_=BigInteger),
        messages.c.ended_seq.is_not(None),
        func.coalesce(messages.c.sealed_seq, 0) < bindparam("ended"),
    )
    .values(sealed_seq=bindparam("ended"))
)
_DELETE_MESSAGE = delete(messages).where(messages.c.session_id == bindparam("key"), messages.c.id == bindparam("message"))
_UPDATE_PLACES = update(session_places).where(session_places.c.session_id == bindparam("key"))
_DELETE_PLACES = delete(session_places).where(session_places.c.session_id == bindparam("key"))
_DELETE_DRAFTS = delete(drafts).where(drafts.c.session_id == bindparam("key"), drafts.c.message_id == bindparam("message"))
_DELETE_CLAIM = delete(claims).where(claims.c.session_id == bindparam("key"), claims.c.message_id == bindparam("message"))
_WRITING = (
    select(sessions.c.id, sessions.c.reply)
    .join(claims, (claims.c.session_id == sessions.c.id) & (claims.c.message_id == sessions.c.reply))
    .where(sessions.c.id.in_(bindparam("ids", expanding=True)), claims.c.process == bindparam("process"))
    .with_for_update(read=True, of=claims)  # no other process takes over the reply before the drafts are written
)
_CACHED_STATES = 64  # sessions


@dataclass(frozen=True, slots=True)
class Outcome(Generic[T]):
    """The outcome of a change. `rev` is its number among all changes, or None if nothing was written.

    `lease`: this process claims a reply in the session, or has just opened it, and so must renew its lease.
    """

    result: T
    state: State
    events: Sequence[Event] = ()
    rev: int | None = None
    lease: bool = False


class Changes:
    """Makes changes. Caches each session's state with the number of its last change, and reads the state again only after
    another process has made a newer change.
    """

    def __init__(self, process: str, lease: float, pending: Drafts) -> None:
        self._process = process
        self._lease = lease
        self._pending = pending
        self._states: OrderedDict[str, tuple[int, State]] = OrderedDict()

    def make(self, connection: Connection, session_id: str, decide: Callable[[Change], T]) -> Outcome[T]:
        """Run `decide` and write the events that it added. After the commit the caller calls `remember` with the outcome."""
        dialect = dialect_of(connection)
        row = connection.execute(_SESSION, {"id": session_id}).one_or_none()
        if row is None and dialect.readers(connection) is not None:  # a reader must not lock the session for others
            row = connection.execute(_SESSION_WITHOUT_LOCK, {"id": session_id}).one_or_none()
        if row is not None and row.deleted:
            raise SessionNotFound(session_id)
        before = None if row is None else self._state(connection, row)
        claimed = _claims(connection, session_id, self._process)
        recorded: list[Presence] = []

        def presence() -> Sequence[Presence]:
            recorded[:] = find_presence(connection, session_id, self._process)
            return recorded

        change = Change(
            session_id=session_id,
            at=time_now(),
            process=self._process,
            state=before,
            claims=dict(claimed),
            find_presence=presence,
        )
        if row is not None:
            change.role = dialect.role(connection, session_id)
        result = decide(change)
        if change.state is None:
            raise SessionNotFound(session_id)
        first = self._write(connection, row, before, change) if change.events else None
        claims_reply, renews_lease = self._write_claims(connection, session_id, claimed, change.claims)
        if change.has_read_presence:
            write_presence(connection, session_id, recorded, change.presence)
            opened = any(entry.process == self._process for entry in change.presence if entry not in recorded)
            claims_reply, renews_lease = claims_reply or opened, renews_lease or opened
        if renews_lease:
            beat(connection, self._process, self._lease)
        rev: int | None = None
        if change.events:
            self._write_drafts(connection, change)
            rev = self._number(connection, change, first)
        return Outcome(result, change.state, tuple(change.events), rev, claims_reply)

    def require_deletable(self, connection: Connection, session_id: str) -> None:
        """Check whether a session that cannot be read may be deleted. Raises `NotPermitted`.

        Checks only what does not depend on the session's data: the role, and that no live process claims a reply in it. (That
        process may have a newer version, which can read the session.)
        """
        require_role(dialect_of(connection).role(connection, session_id), "delete", session_id)
        if any(claim.alive for claim in _claims(connection, session_id, self._process).values()):
            raise NotPermitted(
                "The session cannot be deleted while a reply is being written in it.",
                hint="Wait until it has ended, or end the other sessionls that writes it.",
                sessionId=session_id,
            )

    def remember(self, session_id: str, outcome: Outcome[Any]) -> None:
        """Cache the state of a committed outcome."""
        if outcome.rev is not None:
            self._states[session_id] = (outcome.rev, outcome.state)
            self._states.move_to_end(session_id)
            while len(self._states) > _CACHED_STATES:
                self._states.popitem(last=False)

    def forget(self, session_id: str) -> None:
        self._states.pop(session_id, None)

    def forget_all(self) -> None:
        self._states.clear()

    def _state(self, connection: Connection, row: Row[*tuple[Any, ...]]) -> State:
        rev, state = self._states.get(row.id, (None, None))
        if state is not None and rev == row.rev:
            return state
        return load_state(connection, row)

    # -- writing -----------------------------------------------------------------------------------------------------

    def _write(
        self, connection: Connection, row: Row[*tuple[Any, ...]] | None, before: State | None, change: Change
    ) -> int | None:
        """Write everything except the row of an existing session. Returns the number with which a new row was inserted."""
        state, session_id = change.now, change.session_id
        first: int | None = None
        if row is None:
            values = session_values(state) | _fork_columns(connection, change)
            first, summary = dialect_of(connection).first_rev(connection), values["summary"]
            connection.execute(insert(sessions), {"id": session_id, "rev": first, "deleted": False, **values})
        else:
            title_key, summary = title_key_of(state), row.summary
            if row.title_key != title_key:
                change_title(connection, session_id, row.title_key, title_key)
        connection.execute(insert(events), [event_values(event) for event in change.events])
        if row is None:  # (after its events, which give access to it)
            add_title(connection, session_id, title_key_of(state))
        write_images(connection, change)
        _remove_messages(connection, before, change)
        _write_messages(connection, before, change)
        _write_places(connection, before, state)
        _index_messages(connection, before, change)
        _write_summaries(connection, change, summary)
        return first

    def _number(self, connection: Connection, change: Change, first: int | None) -> int:
        """Number the change and write the rows that store the number, last in the transaction (see `Dialect.last_rev`)."""
        rev = dialect_of(connection).last_rev(connection, change.session_id, first)
        if first is None:
            written = connection.execute(_UPDATE_SESSION, {"key": change.session_id, "rev": rev, **session_values(change.now)})
            if written.rowcount != 1:  # events without their session would break its log
                raise RuntimeError(f"The row of session {change.session_id} was not written: nothing of the change is kept.")
        write_findings(connection, change, rev)
        return rev

    def _write_drafts(self, connection: Connection, change: Change) -> None:
        """Delete the drafts whose text is now in an event, and save all others in the same transaction."""
        finished = {event.message_id for event in change.events if isinstance(event, StepFinished)}
        finished |= {event.message.id for event in change.events if isinstance(event, ReplyFinished)}
        for message_id in finished:
            connection.execute(_DELETE_DRAFTS, {"key": change.session_id, "message": message_id})
        save_drafts(connection, self._pending, leave_out={(change.session_id, message_id) for message_id in finished})

    def _write_claims(
        self, connection: Connection, session_id: str, before: Mapping[str, Claim], after: Mapping[str, Claim]
    ) -> tuple[bool, bool]:
        """Returns whether this process claims a reply in this session, and whether it must renew its lease because of that."""
        for message_id, claim in before.items():
            if message_id not in after or after[message_id].process != claim.process:
                connection.execute(_DELETE_CLAIM, {"key": session_id, "message": message_id})
        for message_id, claim in after.items():
            if message_id not in before or before[message_id].process != claim.process:
                connection.execute(insert(claims), {"session_id": session_id, "message_id": message_id, "process": claim.process})
        claims_reply = any(claim.process == self._process for claim in after.values())
        return claims_reply, claims_reply and after != before


def _claims(connection: Connection, session_id: str, process: str) -> dict[str, Claim]:
    now = clock_ms(connection)
    return {
        row.message_id: Claim(
            row.message_id, row.process, alive=row.process == process or is_alive(row.alive_until, row.lease, now)
        )
        for row in connection.execute(_CLAIMS, {"id": session_id})
    }


def _fork_columns(connection: Connection, change: Change) -> dict[str, Any]:
    """The columns that say which part of its parent's log a new session shares."""
    created = change.events[0]
    assert isinstance(created, Created)
    parent, place = created.session.parent, created.placed
    if parent is None:
        return {"parent_id": None, "fork_place": 0, "fork_seq": 0, "summary": None}
    row = require(connection, parent.session_id, keep=True)
    # The summary is looked up once, now: if the parent is compacted later, the fork does not change.
    summary = summary_before(connection, row.summary, place)
    return {"parent_id": parent.session_id, "fork_place": place, "fork_seq": parent.seq, "summary": summary}


def _remove_messages(connection: Connection, before: State | None, change: Change) -> None:
    known = before.open if before is not None else {}
    for message_id in change.removed:
        index_message(connection, change.session_id, message_id, _indexed_text(known.get(message_id)), "")
        connection.execute(_DELETE_MESSAGE, {"key": change.session_id, "message": message_id})


def _write_messages(connection: Connection, before: State | None, change: Change) -> None:
    known = before.open if before is not None else {}
    sources = {event.message.id: event for event in change.events if isinstance(event, MessageSent | ReplyFinished)}
    new: list[dict[str, Any]] = []
    ended: list[tuple[int, int]] = []
    for message_id, entry in change.touched.items():
        earlier = known.get(message_id)
        if entry.ended_seq is not None and entry.place is not None and (earlier is None or earlier.ended_seq != entry.ended_seq):
            ended.append((entry.ended_seq, entry.place))
        write_parts(connection, None if earlier is None else earlier.message, entry.message)
        key = {"key": change.session_id, "message": message_id}
        if earlier is None:
            new.append({"session_id": change.session_id, "id": message_id, **message_values(entry, sources.get(message_id))})
        elif message_id not in sources and (values := changed_values(earlier.message, entry)) is not None:
            connection.execute(_UPDATE_STATUS, key | values)
        else:
            connection.execute(_UPDATE_MESSAGE, key | message_values(entry, sources.get(message_id)))
    if new:
        connection.execute(insert(messages), new)
    below = lineage.ENDLESS
    for seq, place in sorted(ended, reverse=True):  # so that each message is written once
        if place < below:
            connection.execute(_SEAL, {"key": change.session_id, "ended": seq, "from_place": place, "below": below})
            below = place


def _write_places(connection: Connection, before: State | None, after: State) -> None:
    session = after.session
    listed = {"state": session.state, "updated_at": session.updated_at}
    places = after.scope
    if before is not None and before.scope == places:
        if listed != {"state": before.session.state, "updated_at": before.session.updated_at}:
            connection.execute(_UPDATE_PLACES, {"key": session.id, **listed})
        return
    if before is not None:
        connection.execute(_DELETE_PLACES, {"key": session.id})
    rows = [{"session_id": session.id, "kind": kind, "value": value, **listed} for kind, value in places]
    if rows:
        connection.execute(insert(session_places), rows)


def _index_messages(connection: Connection, before: State | None, change: Change) -> None:
    """Index messages once they are sent, and replies while they are not being written."""
    known = before.open if before is not None else {}
    for message_id, entry in change.touched.items():
        index_message(connection, change.session_id, message_id, _indexed_text(known.get(message_id)), _indexed_text(entry))


def _indexed_text(entry: Entry | None) -> str:
    """The text that is indexed for a message."""
    return "" if entry is None or is_growing(entry.message) else entry.message.text


def _write_summaries(connection: Connection, change: Change, newest: int | None) -> None:
    compactions = [event for event in change.events if isinstance(event, Compacted)]
    if not compactions:
        return
    for event in compactions:
        values = {
            "session_id": change.session_id,
            "seq": event.seq,
            "at_place": change.now.placed,
            "through": event.through,
            "summary": event.summary,
            "previous": newest,
        }
        newest = connection.execute(insert(summaries).returning(summaries.c.n), values).scalar_one()
    connection.execute(_UPDATE_SESSION, {"key": change.session_id, "summary": newest})


# -- drafts ----------------------------------------------------------------------------------------------------------


def save_drafts(connection: Connection, pending: Drafts, leave_out: Collection[tuple[str, str]] = ()) -> None:
    """Write the drafts that are not saved yet, for the replies that this process is still writing."""
    chunks = [chunk for chunk in pending.take() if (chunk.session_id, chunk.message_id) not in leave_out]
    if chunks:
        ids = list({chunk.session_id for chunk in chunks})
        replies = connection.execute(_WRITING, {"ids": ids, "process": pending.process})
        writing = {(row.id, row.reply) for row in replies}
        rows = [
            {
                "session_id": chunk.session_id,
                "message_id": chunk.message_id,
                "part": chunk.part,
                "kind": chunk.kind,
                "offset": chunk.offset,
                "text": chunk.text,
            }
            for chunk in chunks
            if (chunk.session_id, chunk.message_id) in writing
        ]
        if rows:
            connection.execute(insert(drafts), rows)
