"""The store: sessions in a database. SQL runs in two threads, never on the event loop."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import threading
import time
from collections.abc import Callable, Collection, Coroutine
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, Any, Literal, Self, TypeVar

from sessionls.domain.change import Change
from sessionls.domain.errors import StoreUnavailable
from sessionls.domain.events import ChangesReverted, Edited, Event
from sessionls.domain.ids import new_id
from sessionls.domain.model import Finding, Message, Participant, Session
from sessionls.domain.scope import Scope
from sessionls.domain.state import Drafted, Entry, with_drafts
from sessionls.ports.store import ExternalSession, Hit, Notice, Snapshot, Transcript
from sessionls.store.drafts import Drafts
from sessionls.store.feed import Feed
from sessionls.store.options import StoreOptions

if TYPE_CHECKING:
    from sessionls.store.backend import Backend
    from sessionls.store.engine import PollResult
    from sessionls.store.reading import Page, Reader
    from sessionls.store.tail import FeedBatch, FollowSnapshot

__all__ = ["SqlStore"]

log = logging.getLogger(__name__)
T = TypeVar("T")

_FASTEST_SAVE, _SLOWEST_SAVE = 0.016, 0.1  # seconds between two saves of drafts: on a fast and on a slow disk
_GATHER = 0.002  # seconds before drafts are saved, so that several are saved together
_DELETING = 60.0  # seconds that the server may be busy with one deletion
_HISTORY_ATTEMPTS = 5  # attempts to read a page while it changes


class SqlStore:
    """Implements `ports.Store`, which documents the methods.

    `url`: `sqlite:///` and a path, or a `postgresql://` URL. `lease`: seconds for which a process that claims replies counts as
    alive after its last heartbeat. `patience`: seconds that a transaction waits for other processes. `durable`: committed changes
    survive a power failure, and not only a killed process. `silence`: seconds that reading waits for a database server that
    sends nothing; writing waits only slightly longer than `patience`.

    The database is opened, and SQLAlchemy loaded, at the first use. A store belongs to the event loop that uses it first. If a
    caller is cancelled during `change` or `delete`, the change is still made completely or not at all.
    """

    def __init__(
        self,
        url: str,
        *,
        lease: float = 10.0,
        patience: float = 5.0,
        durable: bool = False,
        silence: float = 20.0,
        options: StoreOptions = StoreOptions(),  # noqa: B008 (frozen)
    ) -> None:
        self._url = url
        self._options = options
        self._silence = silence
        self._lease = lease
        self._patience = patience
        self._durable = durable
        self._process = new_id()
        self._drafts = Drafts(self._process)
        self._feed = Feed(self._drafts)
        self._loop: asyncio.AbstractEventLoop | None = None
        self._writer = ThreadPoolExecutor(1, "store-write")
        self._reader = ThreadPoolExecutor(1, "store-read")
        self._backend: Backend | None = None
        self._lock = threading.Lock()
        self._opened = False
        self._closed = False
        self._older_places: list[tuple[str, str]] | None = None
        self._saving: asyncio.TimerHandle | None = None
        self._next_save_at = 0.0  # the loop time before which drafts are not saved again
        self._background: set[asyncio.Task[None]] = set()
        self._beating: asyncio.Task[None] | None = None
        self._claimed = False
        self._watching: asyncio.Task[None] | None = None
        self._watch_lock = asyncio.Lock()
        self._stop_watching = asyncio.Event()

    @property
    def process(self) -> str:
        return self._process

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.close()

    async def close(self) -> None:
        """Save the drafts, give up all claims, and close the database."""
        if self._closed:
            return
        self._closed = True
        self._feed.close()
        if self._saving is not None:
            self._saving.cancel()
        self._stop_watching.set()
        if self._beating is not None:
            self._beating.cancel()
        backend = self._backend
        if backend is not None:
            backend.database.hurry()
        tasks = [*self._background, *filter(None, [self._beating, self._watching])]
        await asyncio.gather(*tasks, return_exceptions=True)
        loop = asyncio.get_running_loop()
        if backend is not None:
            await loop.run_in_executor(self._reader, backend.database.close)
            await loop.run_in_executor(self._writer, backend.finish)
        self._reader.shutdown(wait=False)
        self._writer.shutdown(wait=False)

    # -- people ------------------------------------------------------------------------------------------------------

    @property
    def has_logins(self) -> bool:
        return self._url.partition(":")[0].partition("+")[0] in ("postgresql", "postgres")

    async def participant(self, local: Participant, *, renames: bool = False) -> Participant:
        if not self.has_logins:
            return local
        return await self._job(self._writer, lambda backend: backend.participant(local, renames=renames))

    async def people(self) -> list[Participant]:
        return await self._read(lambda reader: reader.people()) if self.has_logins else []

    async def login(self, login: str) -> Participant | None:
        return await self._read(lambda reader: reader.login(login)) if self.has_logins else None

    # -- changing ----------------------------------------------------------------------------------------------------

    async def change(self, session_id: str, decide: Callable[[Change], T]) -> T:
        def job(backend: Backend) -> T:
            outcome = backend.change(session_id, decide)
            if outcome.lease:
                self._call_on_loop(self._keep_beating)  # called from this thread, because the caller may be cancelled meanwhile
            return outcome.result

        return await self._write(job)

    async def delete(self, session_id: str, check: Callable[[Change], None] | None = None) -> None:
        await self._run_unless_closed(self._writer, lambda backend: backend.delete(session_id, check), _DELETING)
        self._run_in_background(self._purge())

    async def _purge(self) -> None:
        more = await self._job(self._writer, lambda backend: backend.purge(first=True))
        while more:  # even while the store closes: `close` waits for this
            more = await self._job(self._writer, lambda backend: backend.purge(first=False))

    def draft(
        self, session_id: str, message_id: str, part: int, kind: Literal["text", "reasoning"], text: str, *, base: int = 0
    ) -> None:
        chunk = self._drafts.add(session_id, message_id, part, kind, text, base)
        if chunk is None or self._closed:
            return
        self._feed.draft(chunk)
        if self._saving is None:
            loop = asyncio.get_running_loop()
            self._saving = loop.call_at(max(loop.time() + _GATHER, self._next_save_at), self._start_saving_drafts)

    def _start_saving_drafts(self) -> None:
        self._run_in_background(self._save_drafts_now())

    async def _save_drafts_now(self) -> None:
        loop = asyncio.get_running_loop()
        began = loop.time()
        try:
            await self._write(lambda backend: backend.save_drafts())
        except BaseException:
            self._saving = None
            raise
        assert self._backend is not None
        pause = self._backend.database.pause_factor * (loop.time() - began)
        self._next_save_at = began + min(max(_FASTEST_SAVE, pause), _SLOWEST_SAVE)
        more = self._drafts.pending and not self._closed
        self._saving = loop.call_at(self._next_save_at, self._start_saving_drafts) if more else None

    # -- reading -----------------------------------------------------------------------------------------------------

    async def session(self, session_id: str) -> Session:
        return await self._read(lambda reader: reader.session(session_id))

    async def sessions(
        self,
        *,
        scope: Scope | None,
        state: str | None,
        query: str | None,
        limit: int,
        cursor: str | None,
        participant_id: str | None = None,
    ) -> tuple[list[Session], str | None]:
        return await self._read(lambda reader: reader.sessions(scope, state, query, limit, cursor, participant_id))

    async def history(self, session_id: str, *, before: str | None, limit: int) -> tuple[list[Message], bool]:
        for _ in range(_HISTORY_ATTEMPTS):
            cleared = self._drafts.cleared
            page = await self._read(lambda reader: reader.history(session_id, before, limit))
            if not page.saved or cleared == self._drafts.cleared:
                break  # else drafts may have become part of an event while the page was read
        return [self._with_drafts(session_id, message, page) for message in page.messages], page.more

    def _with_drafts(self, session_id: str, message: Message, page: Page) -> Message:
        saved = page.saved.get(message.id)
        if saved is None:
            return message
        drafted = self._drafts.get(session_id, message.id, saved)
        return message.model_copy(update={"parts": with_drafts(message.parts, drafted)})

    async def entry(self, session_id: str, message_id: str) -> Entry:
        return await self._read(lambda reader: reader.entry(session_id, message_id))

    async def image(self, session_id: str, sha256: str) -> bytes | None:
        return await self._read(lambda reader: reader.image(session_id, sha256))

    async def changes(self, session_id: str, *, after: int = 0) -> list[Edited | ChangesReverted]:
        return await self._read(lambda reader: reader.changes(session_id, after))

    async def events(self, session_id: str, *, after: int, limit: int = 10_000) -> list[Event]:
        return await self._read(lambda reader: reader.events(session_id, after, limit))

    async def drafted(self, session_id: str, message_id: str) -> list[Drafted]:
        saved = await self._read(lambda reader: reader.saved(session_id, message_id))
        return self._drafts.get(session_id, message_id, saved)

    async def transcript(self, session_id: str, *, through: int, after: int = 0) -> Transcript:
        return await self._read(lambda reader: reader.transcript(session_id, through, after))

    async def scope_of(self, session_id: str) -> Scope:
        return await self._read(lambda reader: reader.scope_of(session_id))

    async def seq_at(self, session_id: str, place: int) -> int:
        return await self._read(lambda reader: reader.seq_at(session_id, place))

    async def search(self, query: str, *, scope: Scope | None, limit: int) -> list[Hit]:
        return await self._read(lambda reader: reader.search(query, scope, limit))

    async def finding(self, finding_id: str) -> Finding:
        return await self._read(lambda reader: reader.finding(finding_id))

    async def findings(
        self,
        *,
        session_id: str | None = None,
        ids: Collection[str] | None = None,
        uri: str | None = None,
        state: str | None = None,
        scope: Scope | None = None,
    ) -> list[Finding]:
        return await self._read(lambda reader: reader.findings(session_id, ids, uri, state, scope))

    async def changed_findings(self, since: int | None, *, scope: Scope | None) -> tuple[int, list[Finding]]:
        return await self._read(lambda reader: reader.changed_findings(since, scope))

    async def known_finding(self, session_id: str, finding: Finding) -> Finding | None:
        return await self._read(lambda reader: reader.known_finding(session_id, finding))

    async def external_session(self, session_id: str, agent: str) -> ExternalSession | None:
        return await self._read(lambda reader: reader.external_session(session_id, agent))

    async def keep_external_session(self, session_id: str, agent: str, known: ExternalSession) -> None:
        await self._write(lambda backend: backend.keep_external_session(session_id, agent, known))

    async def older_places(self) -> list[tuple[str, str]]:
        if self._older_places is None:  # cached: no new ones can appear
            self._older_places = await self._read(lambda reader: reader.older_places())
        return self._older_places

    async def lapsed_claims(self) -> list[str]:
        return await self._read(lambda reader: reader.lapsed_claims(self._process))

    async def unchanged_sessions(
        self, state: str, *, before: str, after: tuple[str, str] = ("", ""), limit: int
    ) -> list[Session]:
        """The sessions in that state that were last changed before that time, oldest first.

        `after` is the time and the id of the last session of the page before this one.
        """
        return await self._read(lambda reader: reader.unchanged_sessions(state, before, after, limit))

    async def lapsed_presence(self) -> list[str]:
        return await self._read(lambda reader: reader.lapsed_presence(self._process))

    async def facts(self) -> list[str]:
        """Facts about the database for `sessionls doctor`."""
        revision, number, facts = await self._job(self._reader, lambda backend: backend.facts())
        return [*facts, f"revision {revision}", f"{number} sessions"]

    # -- following ---------------------------------------------------------------------------------------------------

    def subscribe(self, callback: Callable[[Notice], None]) -> Callable[[], None]:
        stop = self._feed.subscribe(callback)
        if self._opened:
            self._run_in_background(self._begin_watching())

        def unsubscribe() -> None:
            stop()
            if not self._feed.subscribed:
                self._stop_watching.set()

        return unsubscribe

    async def follow(
        self, session_id: str, *, limit: int = 0, after: int | None = None, events_bytes: int | None = None
    ) -> Snapshot:
        loop = asyncio.get_running_loop()
        snapshot: asyncio.Future[Snapshot] = loop.create_future()

        def start(found_snapshot: FollowSnapshot) -> None:
            if snapshot.cancelled():
                return
            try:
                snapshot.set_result(self._feed.start(found_snapshot))
            except Exception as error:  # noqa: BLE001 (otherwise the follower would wait for ever)
                snapshot.set_exception(error)

        self._feed.follow(session_id)
        try:
            await self._write(
                lambda backend: backend.follow(
                    session_id, limit, after, events_bytes, lambda found_snapshot: self._call_on_loop(start, found_snapshot)
                )
            )
            return await snapshot
        except BaseException:
            snapshot.cancel()
            self.unfollow(session_id)
            raise

    def unfollow(self, session_id: str) -> None:
        if self._feed.unfollow(session_id) and not self._closed:
            self._run_in_background(self._write(lambda backend: backend.unfollow(session_id)))

    # -- other processes ---------------------------------------------------------------------------------------------

    async def _begin_watching(self) -> None:
        """Watch for changes by other processes. This starts before the first read, so that no change is missed."""
        async with self._watch_lock:
            if self._watching is None and self._feed.subscribed and not self._closed:
                await self._job(self._writer, lambda backend: backend.begin_watch())
                if self._is_closed():  # closed meanwhile: the watch would never be stopped
                    return
                self._stop_watching.clear()
                self._watching = asyncio.get_running_loop().create_task(self._watch())

    def _is_closed(self) -> bool:
        return self._closed

    async def _watch(self) -> None:
        assert self._backend is not None
        try:
            await self._backend.database.watch(self._poll, self._backend.publish_drafts, self._stop_watching)
            await self._job(self._writer, lambda backend: backend.end_watch())
        finally:
            self._watching = None
            if self._feed.subscribed and not self._closed:  # there is a new subscriber by now
                self._run_in_background(self._begin_watching())

    async def _poll(self) -> PollResult:
        try:
            return await self._write(lambda backend: backend.poll())
        except StoreUnavailable:
            pass  # the changes are in the log: the next poll finds them
        except Exception:
            log.exception("could not read the changes of other processes")
        return "others"

    def _keep_beating(self) -> None:
        self._claimed = True
        if self._closed:
            return
        if self._beating is None or self._beating.done():
            self._beating = asyncio.get_running_loop().create_task(self._beat())

    async def _beat(self) -> None:
        """Renew the lease of this process for as long as it claims a reply or has a session open."""
        pause = self._lease / 3
        while self._claimed:
            await asyncio.sleep(pause)
            self._claimed = False
            try:
                claiming = await self._write(lambda backend: backend.beat())
                pause = self._lease / 3
            except StoreUnavailable:
                claiming, pause = True, self._lease / 10
            self._claimed = self._claimed or claiming  # it may have claimed something new meanwhile

    # -- threads -----------------------------------------------------------------------------------------------------

    async def _write(self, job: Callable[[Backend], T]) -> T:
        return await self._run_unless_closed(self._writer, job)

    async def _read(self, query: Callable[[Reader], T]) -> T:
        return await self._run_unless_closed(self._reader, lambda backend: backend.read(query))

    async def _run_unless_closed(
        self, thread: ThreadPoolExecutor, job: Callable[[Backend], T], silence: float | None = None
    ) -> T:
        if self._watching is None and self._feed.subscribed and not self._closed:
            await self._begin_watching()
        if self._closed:
            raise StoreUnavailable("The store is closed.", hint="Start sessionls again.")
        return await self._job(thread, job, silence)

    async def _job(self, thread: ThreadPoolExecutor, job: Callable[[Backend], T], silence: float | None = None) -> T:
        loop = self._loop = asyncio.get_running_loop()
        if silence is None:
            # The thread that writes also renews the lease, so it must not wait so long that the lease expires.
            silence = min(self._silence, self._patience + 1.0) if thread is self._writer else self._silence
        result = await loop.run_in_executor(thread, self._run_command, job, time.monotonic(), silence)
        self._opened = True
        return result

    def _run_command(self, job: Callable[[Backend], T], requested_at: float, silence: float) -> T:
        """Runs in a thread."""
        from sessionls.store.backend import Backend

        with self._lock:
            if self._backend is None:
                self._backend = Backend(
                    self._url,
                    self._patience,
                    self._lease,
                    self._drafts,
                    self._publish,
                    lambda: self._call_on_loop(self._reconnected),
                    durable=self._durable,
                    options=self._options,
                )
        return self._backend.run_command(job, requested_at, silence)

    def _reconnected(self) -> None:
        self._drafts.save_again()
        if self._drafts.pending and self._saving is None and not self._closed:
            self._saving = asyncio.get_running_loop().call_later(0.0, self._start_saving_drafts)

    def _publish(self, batch: FeedBatch) -> None:
        self._call_on_loop(self._feed.publish, batch)

    def _call_on_loop(self, function: Callable[..., object], *arguments: Any) -> None:
        """From a thread: call the function on the event loop, after all earlier calls."""
        assert self._loop is not None
        with contextlib.suppress(RuntimeError):  # the loop is closed, so there are no subscribers
            self._loop.call_soon_threadsafe(function, *arguments)

    def _run_in_background(self, work: Coroutine[Any, Any, None]) -> None:
        """Run the coroutine in the background."""
        task = asyncio.get_running_loop().create_task(work)
        self._background.add(task)
        task.add_done_callback(self._background_done)

    def _background_done(self, task: asyncio.Task[None]) -> None:
        self._background.discard(task)
        error = None if task.cancelled() else task.exception()
        if error is None or self._closed:
            return
        log.warning("a background task of the store failed: %s", error)
        if self._drafts.pending and self._saving is None:
            self._saving = asyncio.get_running_loop().call_later(1.0, self._start_saving_drafts)
