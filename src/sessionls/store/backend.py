"""The work that the store does in its two threads: one writes and publishes changes, the other only reads.

The database may have a third thread, which watches for changes and publishes new drafts.

The first thread that needs this module imports it: SQLAlchemy takes longer to load than everything else.
"""

from __future__ import annotations

import contextlib
import logging
import threading
from collections.abc import Callable, Iterator, Mapping
from typing import Any, TypeVar

from sqlalchemy import Connection
from sqlalchemy.exc import DBAPIError

from sessionls.domain.change import Change
from sessionls.domain.errors import SessionUnreadable, StoreUnavailable
from sessionls.domain.events import Shared
from sessionls.domain.model import Participant
from sessionls.ports.store import ExternalSession, SessionNotice
from sessionls.store import liveness
from sessionls.store.changing import Changes, Outcome, save_drafts
from sessionls.store.deleting import delete_session
from sessionls.store.drafts import Drafts
from sessionls.store.engine import CommitUnknown, Newest, PollResult, dialect_of, open_database
from sessionls.store.engine.versions import revision_of
from sessionls.store.external_sessions import keep_external_session
from sessionls.store.failures import explain
from sessionls.store.options import StoreOptions
from sessionls.store.people import own_profile
from sessionls.store.reading import Reader
from sessionls.store.rows import require
from sessionls.store.search import purge
from sessionls.store.tail import FeedBatch, FeedCursor, FollowSnapshot
from sessionls.store.titles import purge_titles

__all__ = ["Backend"]

log = logging.getLogger(__name__)
T = TypeVar("T")

_SHARING = 60.0  # seconds that sharing one session may take


class Backend:
    """`publish` passes changes to the event loop. It is called in the order of the commits, before a method returns.
    `reconnected` is called after each connection of the writing thread, except the first.
    """

    def __init__(
        self,
        url: str,
        patience: float,
        lease: float,
        drafts: Drafts,
        publish: Callable[[FeedBatch], None],
        reconnected: Callable[[], None],
        *,
        durable: bool,
        options: StoreOptions,
    ) -> None:
        self.database = open_database(url, patience, durable=durable, options=options)
        self._options = options
        self._process = process = drafts.process
        self._lease = lease
        self._drafts = drafts
        self._publish = publish
        self._reconnected = reconnected
        self._connected = False
        self._unknown: tuple[Callable[[Change], Any], Outcome[Any], str] | None = None
        self._changes = Changes(process, lease, drafts)
        self._tail = FeedCursor(process)
        # Held from reading what was published already until the rest is published.
        self._publishing = threading.Lock()
        self._version: int | None = None
        self._committed = False  # whether this process has committed since the last poll

    # -- in the thread that writes -----------------------------------------------------------------------------------

    @contextlib.contextmanager
    def _writing(self, *, drafts: bool = False) -> Iterator[Connection]:
        with self.database.writing(drafts=drafts) as connection:
            if "known" not in connection.info:
                connection.info["known"] = True
                # A replica that took over, or a server that crashed, may have lost the last changes.
                self._changes.forget_all()
                if self._connected:
                    self._reconnected()
                self._connected = True
            yield connection

    def change(self, session_id: str, decide: Callable[[Change], T]) -> Outcome[T]:
        """Raises `CommitUnknown` if it is not known whether the change was saved. Call again with this `decide` to find out."""
        if self._unknown is not None and self._unknown[0] is decide:
            _, outcome, commit = self._unknown
            if self.database.committed(commit):
                self._unknown = None
                return outcome  # the next poll publishes it
        self._unknown = None
        return self._run_with_retry(lambda: self._change(session_id, decide))

    def _run_with_retry(self, transaction: Callable[[], T]) -> T:
        """Run the transaction, and once more if it was undone because of a broken connection or the like."""
        try:
            return transaction()
        except DBAPIError as error:
            if not self.database.may_repeat(error):
                raise
        return transaction()

    def _change(self, session_id: str, decide: Callable[[Change], T]) -> Outcome[T]:
        outcome: Outcome[T] | None = None

        def decide_and_allow(change: Change) -> T:
            result = decide(change)
            if any(isinstance(event, Shared) for event in change.events):  # each message is indexed for the new reader
                self.database.allow(_SHARING)
            return result

        try:
            with self._writing() as connection:
                outcome = self._changes.make(connection, session_id, decide_and_allow)
                events = list(outcome.events)
                if events:
                    events = self._tail.unpublished_events(connection, session_id, events[0].seq) + events
        except BaseException as error:
            if isinstance(error, CommitUnknown) and outcome is not None:
                self._unknown = decide, outcome, error.commit
            self._drafts.give_back()
            raise
        saved_sessions = self._drafts.saved()
        self._committed = True
        if outcome.rev is not None:
            self._changes.remember(session_id, outcome)
            state = outcome.state
            with self._publishing:
                self._tail.mark_published(session_id, state.session.seq)
                self._tail.note_own_change(session_id, outcome.rev)
                self._publish(
                    FeedBatch(
                        events=[(session_id, events)],
                        sessions=[SessionNotice(session_id, state.session, state.scope)],
                    )
                )
            self.database.signal({session_id, *saved_sessions}, listed=True)
        return outcome

    def participant(self, local: Participant, *, renames: bool) -> Participant:
        def load_profile() -> Participant:
            with self._writing() as connection:
                return own_profile(connection, local, renames=renames)

        return self._run_with_retry(load_profile)

    def delete(self, session_id: str, check: Callable[[Change], None] | None) -> None:
        def delete_in_transaction() -> int:
            with self._writing() as connection:
                if check is not None:
                    try:
                        self._changes.make(connection, session_id, check)
                    except SessionUnreadable:
                        self._changes.require_deletable(connection, session_id)
                return delete_session(connection, session_id)

        rev = self._run_with_retry(delete_in_transaction)
        self._changes.forget(session_id)
        with self._publishing:
            self._tail.unfollow(session_id)
            self._tail.note_own_change(session_id, rev)
            self._publish(FeedBatch(sessions=[SessionNotice(session_id, None)]))
        self.database.signal([session_id], listed=True)

    def purge(self, *, first: bool) -> bool:
        """After a deletion: take one step in erasing the deleted text from the indexes. Returns whether there may be more."""
        with self._writing() as connection:
            if first:
                purge_titles(connection)
            return purge(connection, first=first)

    def keep_external_session(self, session_id: str, agent: str, known: ExternalSession) -> None:
        with self._writing() as connection:
            require(connection, session_id, keep=True)
            keep_external_session(connection, session_id, agent, known)
        self._committed = True

    def save_drafts(self) -> None:
        if self._drafts.pending:
            self._run_with_retry(self._save_drafts)
            self._committed = True
            self.database.signal(self._drafts.saved(), listed=False)

    def _save_drafts(self) -> None:
        try:
            with self._writing(drafts=True) as connection:
                if not dialect_of(connection).send_drafts(connection, self._drafts.take(), self._process):
                    save_drafts(connection, self._drafts)
        except BaseException:
            self._drafts.give_back()
            raise

    def beat(self) -> bool:
        """Renew the lease of this process. Returns False if it does not need one: no claims, and no session is open."""
        with self._writing() as connection:
            return liveness.beat_while_needed(connection, self._process, self._lease)

    def follow(
        self, session_id: str, limit: int, after: int | None, events_bytes: int | None, start: Callable[[FollowSnapshot], None]
    ) -> None:
        self.database.follow(session_id)
        with self._publishing:
            with self.database.reading() as connection:
                batch, snapshot = self._tail.follow(connection, session_id, limit, after, events_bytes)
            self._publish(batch)
            start(snapshot)

    def unfollow(self, session_id: str) -> None:
        with self._publishing:
            self._tail.unfollow(session_id)
        self.database.unfollow(session_id)

    def begin_watch(self) -> None:
        self._version = self.database.version()
        with self._publishing:
            with self.database.reading() as connection:
                batch = self._tail.begin(connection)
            self._publish(batch)

    def end_watch(self) -> None:
        with self._publishing:
            self._tail.end()

    def poll(self) -> PollResult:
        """Publish the changes that other processes made since the last poll, if any."""
        version = self.database.version()
        if version is not None and version == self._version:
            own, self._committed = self._committed, False
            return "own" if own else "nothing"
        with self._publishing:
            batch = self._tail.only_drafts(self.database.newest(self._tail.drafted))
            if batch is None:
                with self.database.reading() as connection:
                    batch = self._tail.poll(connection)
            self._version = version
            self._publish(batch)
        return "followed" if batch.events or batch.chunks else "others"

    # -- in the thread that watches ----------------------------------------------------------------------------------

    def publish_drafts(self, newest: Callable[[Mapping[str, int]], Newest]) -> PollResult | None:
        """Publish new drafts of other processes, read by `newest`. Returns None if something else changed, too: call `poll`."""
        with self._publishing:
            drafted = self._tail.drafted
        found = newest(drafted)  # the thread that writes does not wait for this
        with self._publishing:
            batch = self._tail.only_drafts(found)
            if batch is not None:
                self._publish(batch)
        return None if batch is None else "followed" if batch.chunks else "others"

    # -- in the thread that writes -----------------------------------------------------------------------------------

    def finish(self) -> None:
        """Save the remaining drafts, give up the lease, and close the connection."""
        try:
            if self.database.opened:
                self.save_drafts()
                with self._writing() as connection:
                    liveness.leave(connection, self._process)
        except Exception as error:
            if explain(error) is None and not isinstance(error, StoreUnavailable):
                raise
            log.warning("could not close the store cleanly; the claims of this process will expire", exc_info=True)
        finally:
            self.database.close()

    # -- in the thread that reads ------------------------------------------------------------------------------------

    def read(self, query: Callable[[Reader], T]) -> T:
        def read() -> T:
            with self.database.reading() as connection:
                return query(Reader(connection, self._options))

        return self._run_with_retry(read)

    def facts(self) -> tuple[str, int, list[str]]:
        """The schema's revision, the number of sessions, and the facts of the database (see `Database.facts`)."""
        with self.database.reading() as connection:
            revision, count = str(revision_of(connection)), Reader(connection).number_of_sessions()
        return revision, count, self.database.facts()

    # -- in both -----------------------------------------------------------------------------------------------------

    def run_command(self, job: Callable[[Backend], T], requested_at: float, silence: float) -> T:
        """Run the job (see `Database.begin_job`), and raise errors of the database and the disk as `StoreUnavailable`."""
        self.database.begin_job(requested_at, silence)
        try:
            return job(self)
        except Exception as error:
            explained = explain(error)
            if explained is None:
                raise
            log.warning("the database failed", exc_info=True)
            raise explained from None
