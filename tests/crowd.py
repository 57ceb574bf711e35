"""Many participants in several processes, on one database, at once; and what must be true of the logs and of what they saw.

Processes are killed and suspended in the middle. Everything that a participant was shown is recorded. At the end the logs say
what was accepted, and each participant's view is compared with them.
"""

from __future__ import annotations

import asyncio
import contextlib
import itertools
import json
import os
import random
import signal
import sys
import time
from collections import Counter, defaultdict
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from sqlalchemy import select

from in_process_app import write_agent
from logins import TeamDatabase
from model_server import ModelServer
from older_databases import engine_of
from sessionls.domain import events as ev
from sessionls.domain.errors import SessionNotFound
from sessionls.domain.events import Event
from sessionls.domain.model import Participant, Session
from sessionls.domain.roles import TEAM
from sessionls.store import SqlStore, maintenance
from sessionls.store.schema import sessions

__all__ = ["Counts", "Crowd"]

_SCRIPT = Path(__file__).with_name("crowd_process.py")
_DONE = ("complete", "cancelled", "failed")
# What each kind of event needs, of those that participants cause: 1 reader, 2 commenter, 3 writer, 4 owner.
_NEEDS = {"shared": 4, "unshared": 4, "archived": 4, "unarchived": 4, "messageSent": 2, "participantJoined": 2}
_ROLES = {"reader": 1, "commenter": 2, "writer": 3, "owner": 4}
_ACTIONS = {
    "message": 30,
    "open": 12,
    "comment": 5,
    "pause": 4,
    "resume": 9,
    "cancel": 4,
    "fork": 3,
    "agent": 4,
    "rename": 3,
    "create": 3,
    "archive": 1,
    "unarchive": 3,
    "delete": 2,
}
_SHARING = {"share": 8, "unshare": 3}


@dataclass
class Counts:
    """`accepted` messages: each is `finished`, `stopped` (its reply can be resumed), `waiting`, or a `comment`."""

    actions: int = 0
    kills: int = 0
    suspensions: int = 0
    restarts: int = 0
    refused: Counter[str] = field(default_factory=Counter)
    sessions: int = 0
    deleted: int = 0
    events: int = 0
    shown: int = 0
    accepted: int = 0
    comments: int = 0
    finished: int = 0
    stopped: int = 0
    waiting: int = 0
    lost: list[str] = field(default_factory=list)
    doubled: list[str] = field(default_factory=list)
    without_right: list[str] = field(default_factory=list)
    wrong: list[str] = field(default_factory=list)

    def __str__(self) -> str:
        refused = ", ".join(f"{kind} {count}" for kind, count in self.refused.most_common())
        return (
            f"actions {self.actions} (refused: {refused or 'none'}), kills {self.kills}, suspensions {self.suspensions}, "
            f"restarts of the server {self.restarts}\n"
            f"sessions {self.sessions}, deleted {self.deleted}, events {self.events}, shown {self.shown}\n"
            f"accepted {self.accepted} = finished {self.finished} + stopped {self.stopped} + waiting {self.waiting} "
            f"+ comments {self.comments}\n"
            f"lost {len(self.lost)}, doubled {len(self.doubled)}, seen or done without right {len(self.without_right)}, "
            f"other faults {len(self.wrong)}"
        )

    @property
    def faults(self) -> list[str]:
        return [
            *(f"lost: {one}" for one in self.lost),
            *(f"doubled: {one}" for one in self.doubled),
            *(f"without right: {one}" for one in self.without_right),
            *(f"wrong: {one}" for one in self.wrong),
        ]


@dataclass
class _View:
    """What a participant's client was shown of a session since it opened it."""

    opened: int | None = None
    events: list[tuple[int, str]] = field(default_factory=list)


@dataclass
class _Host:
    """A process, and what its participants were shown. `views` are those of the process that runs now."""

    people: dict[str, str]  # the URL of each participant
    process: asyncio.subprocess.Process | None = None
    reading: asyncio.Task[None] | None = None
    views: dict[tuple[str, str], _View] = field(default_factory=dict)
    gone: set[tuple[str, str]] = field(default_factory=set)  # what its participants were told is gone
    ready: set[str] = field(default_factory=set)


class Crowd:
    """`people` are distributed over so many processes. `database`: with logins; else `url` is a SQLite file."""

    def __init__(
        self,
        folder: Path,
        model: ModelServer,
        people: Sequence[str],
        processes: int,
        *,
        database: TeamDatabase | None = None,
        lease: float = 2.0,
        seed: int = 0,
    ) -> None:
        self.folder, self.model, self.database, self.lease = folder, model, database, lease
        self.counts = Counts()
        self.random = random.Random(seed)
        self.sessions: list[str] = []
        self._ids: dict[str, str] = {}  # the participant's id, by name
        self._numbers = itertools.count()
        self._waiting: dict[int, tuple[_Host, asyncio.Future[dict[str, Any]]]] = {}
        self._sending: set[asyncio.Task[Any]] = set()
        self._saw: dict[str, dict[tuple[str, int], tuple[str, str | None]]] = defaultdict(dict)  # by participant
        self._listed: dict[str, set[tuple[str, int]]] = defaultdict(set)
        self._back: set[tuple[str, str]] = set()  # who was shown a session again after it was gone
        self.url = f"sqlite:///{folder.parent / 'crowd.db'}" if database is None else database.url(f"{database.name}_owner")
        groups = [people[n::processes] for n in range(processes)]
        self._hosts = [_Host({one: self._url(one) for one in group}) for group in groups]
        write_agent(folder, "plain", "You are plain.", tools="[]")
        write_agent(folder, "other", "You are other.", tools="[]")

    def _url(self, name: str) -> str:
        return self.url if self.database is None else self.database.of(name)

    # -- processes ---------------------------------------------------------------------------------------------------

    async def start(self) -> None:
        await asyncio.gather(*(self._start(host) for host in self._hosts))

    async def _start(self, host: _Host) -> None:
        host.views.clear()
        host.gone.clear()
        host.ready.clear()
        environment = {**os.environ, "OPENAI_API_KEY": "sk-test", "OPENAI_API_BASE": self.model.openai}
        pipe = asyncio.subprocess.PIPE
        people = [f"{name}={url}" for name, url in host.people.items()]
        host.process = await asyncio.create_subprocess_exec(
            *[sys.executable, str(_SCRIPT), str(self.folder), str(self.lease), *people],
            stdin=pipe,
            stdout=pipe,
            stderr=asyncio.subprocess.DEVNULL,
            env=environment,
            limit=1 << 22,
        )
        host.reading = asyncio.create_task(self._read(host))
        async with asyncio.timeout(120):
            while len(host.ready) < len(host.people):
                if host.process.returncode is not None:
                    raise RuntimeError("a process of participants did not start")
                await asyncio.sleep(0.02)

    async def _read(self, host: _Host) -> None:
        assert host.process is not None and host.process.stdout is not None
        while (line := await host.process.stdout.readline()).endswith(b"\n"):
            told = json.loads(line)
            who = told["who"]
            if "ready" in told:
                self._ids[who] = told["ready"]
                host.ready.add(who)
            elif "number" in told:
                if (waiting := self._waiting.pop(told["number"], None)) is not None and not waiting[1].done():
                    waiting[1].set_result(told)
            else:
                self._note(host, who, told)
        for number in [number for number, (of, _) in self._waiting.items() if of is host]:
            self._waiting.pop(number)[1].set_result({"error": "killed"})

    def _note(self, host: _Host, who: str, told: dict[str, Any]) -> None:
        shown = (who, told.get("saw") or told.get("listed"))
        if shown in host.gone:
            host.gone.discard(shown)
            self._back.add(shown)
        if "saw" in told:
            self.counts.shown += 1
            session_id, seq, kind = told["saw"], told["seq"], told["kind"]
            self._saw[who][session_id, seq] = kind, told["text"]
            host.views.setdefault((who, session_id), _View()).events.append((seq, kind))
        elif "opened" in told and (who, told["opened"]) not in host.gone:  # (deleted while it was being opened)
            view = host.views.setdefault((who, told["opened"]), _View())
            view.opened = told["seq"] if view.opened is None else view.opened
        elif "listed" in told:
            self._listed[who].add((told["listed"], told["seq"]))
        elif "gone" in told:
            host.views.pop((who, told["gone"]), None)
            host.gone.add((who, told["gone"]))
            self._back.discard((who, told["gone"]))

    async def kill(self) -> None:
        """Kill a process with SIGKILL, and start it again."""
        host = self.random.choice(self._hosts)
        assert host.process is not None and host.reading is not None
        host.ready.clear()
        host.process.kill()
        self.counts.kills += 1
        await host.process.wait()
        await host.reading
        await self._start(host)

    async def suspend(self) -> None:
        """Suspend a process for longer than its lease."""
        host = self.random.choice(self._hosts)
        if host.process is None or not hasattr(signal, "SIGSTOP"):
            return
        host.process.send_signal(signal.SIGSTOP)
        self.counts.suspensions += 1
        await asyncio.sleep(self.lease * 1.5)
        host.process.send_signal(signal.SIGCONT)

    async def close(self) -> None:
        for host in self._hosts:
            if host.process is not None and host.process.returncode is None:
                host.process.kill()
                await host.process.wait()
            if host.reading is not None:
                await host.reading
        await asyncio.gather(*self._sending)

    # -- acting ------------------------------------------------------------------------------------------------------

    async def do(self, who: str, do: str, session: str = "", *, seconds: float = 60, **more: str) -> dict[str, Any]:
        """Let a participant do something. Returns the outcome; that of a killed process is `{"error": "killed"}`."""
        host = next(host for host in self._hosts if who in host.people)
        number, future = next(self._numbers), asyncio.get_running_loop().create_future()
        self._waiting[number] = host, future
        self.counts.actions += 1
        try:
            assert host.process is not None and host.process.stdin is not None
            host.process.stdin.write(
                json.dumps({"who": who, "number": number, "do": do, "session": session, **more}).encode() + b"\n"
            )
            async with asyncio.timeout(seconds):
                await host.process.stdin.drain()
                outcome: dict[str, Any] = await future
        except (TimeoutError, ConnectionError, asyncio.CancelledError):
            self._waiting.pop(number, None)
            outcome = {"error": "killed"}
        if "error" in outcome:
            self.counts.refused[outcome["error"]] += 1
            if outcome["error"] in ("unexpected", "internalError"):
                self.counts.wrong.append(f"{do}: {outcome['message']}")
        return outcome

    async def act_at_random(self) -> None:
        """Let somebody do something, and wait for its outcome."""
        there = [name for host in self._hosts for name in host.ready]
        if not there:
            return
        who = self.random.choice(there)
        actions = _ACTIONS if self.database is None else _ACTIONS | _SHARING
        do = self.random.choices(list(actions), list(actions.values()))[0]
        if do == "create" or not self.sessions:
            await self.create(who)
            return
        session = self.random.choice(self.sessions)
        word = f"word{next(self._numbers)}"
        match do:
            case "message":
                text = self.random.choice([f"say: {word}", f"slow: {word} and more words of it", f"{word}\ncount: 30 10"])
                sending = asyncio.create_task(self.do(who, do, session, text=text, seconds=600))  # its reply may take long
                self._sending.add(sending)
                sending.add_done_callback(self._sending.discard)
            case "comment" | "rename":
                await self.do(who, do, session, text=word)
            case "agent":
                await self.do(who, do, session, text=self.random.choice(["plain", "other"]))
            case "fork":
                outcome = await self.do(who, do, session)
                if "ok" in outcome and len(self.sessions) < 60:
                    self.sessions.append(outcome["ok"])
            case "delete":
                if "ok" in await self.do(who, do, session) and session in self.sessions:
                    self.sessions.remove(session)
            case "share" | "unshare":
                to = self.random.choice([*self._ids.values(), TEAM])
                role = self.random.choice(["reader", "commenter", "writer", "writer", "owner"])
                if do == "share":
                    await self.do(who, do, session, to=to, role=role)
                else:
                    await self.do(who, do, session, to=to)
            case _:
                await self.do(who, do, session)

    async def create(self, who: str) -> str | None:
        """A new session, which in a database with logins some may write to."""
        if len(self.sessions) >= 40:
            return None
        outcome = await self.do(who, "create", text=f"session {next(self._numbers)}")
        if "ok" not in outcome:
            return None
        session_id: str = outcome["ok"]
        if self.database is not None and self.random.random() < 0.7:
            await self.do(who, "share", session_id, to=TEAM, role=self.random.choice(["reader", "commenter", "writer"]))
        self.sessions.append(session_id)
        return session_id

    async def run(
        self, seconds: float, *, at_once: int = 6, pause: float = 0.1, disturb: Sequence[Any] = (), every: float = 5.0
    ) -> None:
        """Act for that time, so many participants at once, with about so long a pause after each action.

        The functions of `disturb` are called in turn, one `every` so many seconds, each at least once.
        """
        until, disturbing = time.monotonic() + seconds, bool(disturb)

        async def act() -> None:
            while time.monotonic() < until or disturbing:
                await self.act_at_random()
                await asyncio.sleep(self.random.uniform(0, 2 * pause))

        async def disturb_them() -> None:
            nonlocal disturbing
            for number, disturbance in enumerate(itertools.cycle(disturb)):
                if number >= len(disturb) and time.monotonic() + every > until:
                    break
                await asyncio.sleep(every)
                await disturbance()
            disturbing = False

        async with asyncio.TaskGroup() as tasks:
            for _ in range(at_once):
                tasks.create_task(act())
            if disturb:
                tasks.create_task(disturb_them())

    async def settle(self, seconds: float = 60) -> None:
        """Wait until nothing is going on any more, and everybody was shown everything."""
        async with SqlStore(self.url) as store:
            until = time.monotonic() + seconds
            before: object = None
            while True:
                now = await self._state_of(store)
                if now == before and not any(busy for _, busy in now):
                    break
                if time.monotonic() > until:
                    self.counts.wrong.append("it does not come to rest")
                    break
                before = now
                await asyncio.sleep(2.0)

    @staticmethod
    async def _state_of(store: SqlStore) -> list[tuple[str, bool]]:
        found: list[tuple[str, bool]] = []
        for state in (None, "archived"):
            cursor: str | None = None
            while True:
                page, cursor = await store.sessions(scope=None, state=state, query=None, limit=100, cursor=cursor)
                found += [(f"{one.id} {one.seq}", one.replying) for one in page]
                if cursor is None:
                    break
        return sorted(found)

    # -- checking ----------------------------------------------------------------------------------------------------

    async def check(self) -> Counts:
        """Compare the logs with what everybody was shown, and count."""
        counts = self.counts
        logs: dict[str, list[Event]] = {}
        found_sessions: dict[str, Session] = {}
        async with SqlStore(self.url) as store:
            for found, _ in await self._state_of(store):
                session_id = found.split()[0]
                session = found_sessions[session_id] = await store.session(session_id)
                log = await store.events(session_id, after=0, limit=1_000_000)
                logs[session_id] = log
                if [event.seq for event in log] != list(range(1, len(log) + 1)):
                    counts.wrong.append(f"the events of {session_id} are not numbered 1, 2, 3")
                self._count_messages(session, log)
        wrong = await asyncio.to_thread(maintenance.check, self.url, lambda done, of: None)
        counts.wrong += [f"{session_id}: {what}" for session_id, what in wrong.items()]
        counts.sessions, counts.events = len(logs), sum(map(len, logs.values()))
        rights = {session_id: _Rights(found_sessions[session_id], log) for session_id, log in logs.items()}
        deleted = await asyncio.to_thread(self._deleted)
        counts.deleted = len(deleted)
        self._compare_shown(logs, rights, deleted)
        self._compare_views(logs, rights, deleted)
        for who in self._ids:
            await self._look_for_deleted(who, deleted)
        return counts

    def _deleted(self) -> set[str]:
        engine = engine_of(self.url)
        with engine.begin() as connection:
            found = set(connection.execute(select(sessions.c.id).where(sessions.c.deleted)).scalars())
            if connection.dialect.name == "sqlite":  # in PostgreSQL the index refers to the messages
                unknown = connection.exec_driver_sql(
                    "SELECT count(*) FROM message_text_docsize WHERE id NOT IN (SELECT n FROM messages)"
                ).scalar_one()
                if unknown:
                    self.counts.wrong.append(f"the words of {unknown} deleted messages are still indexed")
        engine.dispose()
        return found

    async def _look_for_deleted(self, who: str, deleted: set[str]) -> None:
        """A participant finds nothing of a deleted session."""
        async with SqlStore(self._url(who)) as store:
            for session_id in deleted:
                with contextlib.suppress(SessionNotFound):
                    await store.session(session_id)
                    self.counts.without_right.append(f"{who} can read {session_id}, which was deleted")
                with contextlib.suppress(SessionNotFound):
                    await store.history(session_id, before=None, limit=10)
                    self.counts.without_right.append(f"{who} can read the messages of {session_id}, which was deleted")
            hits = await store.search("word", scope=None, limit=1000)
            self.counts.without_right += [f"{who} found {hit.session.id}" for hit in hits if hit.session.id in deleted]

    def _count_messages(self, session: Session, log: list[Event]) -> None:
        counts = self.counts
        shared = session.parent.seq if session.parent is not None else 0
        own = [event for event in log if event.seq > shared]
        sent = {event.message.id: event.message for event in own if isinstance(event, ev.MessageSent)}
        texts = Counter(message.text for message in sent.values() if "word" in message.text)
        counts.doubled += [f"{text!r} in {session.id}" for text, times in texts.items() if times > 1]
        ends: dict[str, dict[str, str]] = defaultdict(dict)  # by message: its replies, each as it ended last
        started: set[str] = set()
        settled: set[str] = set()
        for event in log:
            match event:
                case ev.ReplyStarted():
                    started.add(event.reply_to)
                    ends[event.reply_to][event.message_id] = "replying"
                case ev.ReplyFinished():
                    ends[event.message.reply_to or ""][event.message.id] = event.message.status
                case ev.MessageSteered() | ev.MessageWithdrawn():
                    settled.add(event.message_id)
                case _:
                    pass
        queued = session.queued
        for message_id, message in sent.items():
            counts.accepted += 1
            replies = ends.get(message_id, {})
            if message.status == "complete":
                counts.comments += 1
            elif len(replies) > 1:
                counts.doubled.append(f"replies to {message_id} in {session.id}")
            elif message_id in settled or any(status in _DONE for status in replies.values()):
                counts.finished += 1
            elif replies:
                counts.stopped += 1
            elif queued:
                queued -= 1
                counts.waiting += 1
            else:
                counts.lost.append(f"{message_id} in {session.id} has no reply and does not wait")

    def _compare_shown(self, logs: dict[str, list[Event]], rights: dict[str, _Rights], deleted: set[str]) -> None:
        """What anybody was ever shown is in the log, and they had a right to see it."""
        for who, saw in self._saw.items():
            for (session_id, seq), (kind, text) in saw.items():
                if session_id in deleted:
                    continue  # its log is gone
                log = logs.get(session_id, [])
                event = log[seq - 1] if seq <= len(log) else None
                if event is None or event.kind != kind:
                    self.counts.lost.append(f"{who} saw {seq} {kind} {text or ''} in {session_id}")
                elif not rights[session_id].saw_rightly(self._ids[who], seq):
                    self.counts.without_right.append(f"{who} saw {seq} {kind} in {session_id}")
            for session_id, seq in self._listed[who]:
                if session_id in deleted:
                    continue
                if session_id not in rights or not rights[session_id].saw_rightly(self._ids[who], seq):
                    self.counts.without_right.append(f"{who} was shown {session_id} at {seq} in the list")
        self.counts.without_right += [f"{who} was shown {one} after its end" for who, one in self._back if one in deleted]
        for session_id, of in rights.items():
            self.counts.without_right += [f"{one} in {session_id}" for one in of.wrong]

    def _compare_views(self, logs: dict[str, list[Event]], rights: dict[str, _Rights], deleted: set[str]) -> None:
        """Each client that has a session open was shown the log, from there on to its end, each event once and in order."""
        for host in self._hosts:
            for (who, session_id), view in host.views.items():
                if session_id in deleted:
                    self.counts.wrong.append(f"{who} was not told that {session_id} is gone")
                    continue
                if view.opened is None or not rights[session_id].may_see(self._ids[who]):
                    continue
                log = [(event.seq, event.kind) for event in logs[session_id]]
                # (Whoever sends a message follows the session for a while without opening it.)
                shown = [one for one in view.events if one[0] > view.opened]
                if shown != log[view.opened :]:
                    numbers = [seq for seq, _ in shown]
                    place = self.counts.doubled if len(set(numbers)) < len(numbers) else self.counts.wrong
                    place.append(f"{who} was shown {numbers[-3:]} of {len(log)} in {session_id}, opened at {view.opened}")


class _Rights:
    """Who had which role in a session after each event of its log, kept here beside the program."""

    def __init__(self, session: Session, log: list[Event]) -> None:
        self.wrong: list[str] = []
        self._shared = session.parent.seq if session.parent is not None else 0
        created = next((event for event in log if isinstance(event, ev.Created) and event.seq > self._shared), None)
        people = created.session.people if created is not None else None
        self._open = people is None  # a database without logins
        roles = {person.id: _ROLES[person.role] for person in people or ()}
        self._last: dict[str, int] = {}  # the number of the last event after which somebody may see the session
        for event in log:
            if event.seq <= self._shared or self._open:
                continue
            if isinstance(event.by, Participant) and not isinstance(event, ev.Created):
                needed = _NEEDS.get(event.kind, 3)
                if isinstance(event, ev.MessageSent) and event.message.status != "complete":
                    needed = 3
                if event.kind not in ("participantLeft", "forked") and self._role(roles, event.by.id) < needed:
                    self.wrong.append(f"{event.by.id} did {event.seq} {event.kind} as {self._role(roles, event.by.id)} of 4")
            if isinstance(event, ev.Shared):
                self._leave(roles, event.seq)
                roles[event.person.id] = _ROLES[event.person.role]
            elif isinstance(event, ev.Unshared):
                self._leave(roles, event.seq)
                roles.pop(event.person_id, None)
        self._leave(roles, 1 << 60)
        self._roles = roles

    def _leave(self, roles: dict[str, int], seq: int) -> None:
        """Everybody with a role may see what is there up to that event, which takes or gives roles."""
        self._last.update(dict.fromkeys(roles, seq))

    @staticmethod
    def _role(roles: dict[str, int], participant: str) -> int:
        return max(roles.get(participant, 0), roles.get(TEAM, 0))

    def may_see(self, participant: str) -> bool:
        return self._open or self._role(self._roles, participant) > 0

    def saw_rightly(self, participant: str, seq: int) -> bool:
        """Whether the participant had a role at some time after that event, but before they lost it."""
        return self._open or seq <= max(self._last.get(participant, -1), self._last.get(TEAM, -1))
