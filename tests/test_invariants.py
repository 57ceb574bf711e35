"""The state machine under any interleaving of participants, processes and crashes.

The transitions run on plain states, one change at a time like in a store, with three processes that may die at
any moment. All invariants of a session are checked after each step.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, TypeVar

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import Bundle, RuleBasedStateMachine, invariant, multiple, rule

from sessionls.domain import transitions
from sessionls.domain.change import Change, Claim, Presence
from sessionls.domain.errors import SessionlsError
from sessionls.domain.events import Event, PermissionAnswered, PermissionAsked, ReplyFinished, ToolCalled, ToolFinished
from sessionls.domain.ids import new_id, now
from sessionls.domain.model import AgentAuthor, Message, ParentRef, Participant, Session, TextPart, ToolPart
from sessionls.domain.permission import Answer, Question
from sessionls.domain.state import Entry, State, apply
from sessionls.domain.titles import UNTITLED

T = TypeVar("T")
PROCESSES = ("one", "two", "three")
ADA, BEN = (Participant(id=name.lower(), name=name) for name in ("Ada", "Ben"))
PEOPLE = {"one": ADA, "two": BEN, "three": ADA}  # one person may have two editors open
ENDED = {"complete", "cancelled", "failed"}


@dataclass
class Log:
    """One session as in a store: its events, the folded state, and all entries."""

    session_id: str
    state: State | None = None
    events: list[Event] = field(default_factory=list)
    entries: dict[str, Entry] = field(default_factory=dict)
    claims: dict[str, str] = field(default_factory=dict)
    opened: set[str] = field(default_factory=set)  # the processes that have it open
    parent: Log | None = None
    cut: int = 0
    frozen: list[Message] = field(default_factory=list)

    def transcript(self, through: int | None = None) -> list[Message]:
        placed = [e for e in self.entries.values() if e.place is not None and (through is None or e.place <= through)]
        own = [e.message for e in sorted(placed, key=lambda e: e.place or 0)]
        limit = self.cut if through is None else min(self.cut, through)
        return (self.parent.transcript(limit) if self.parent else []) + own


class Sessions(RuleBasedStateMachine):
    logs = Bundle("logs")

    def __init__(self) -> None:
        super().__init__()
        self.alive = set(PROCESSES)
        self.all: list[Log] = []
        self.finished_calls: dict[str, int] = {}
        self.accepted: dict[str, set[str]] = {}
        self.archived: dict[str, str] = {}  # session → what it was before
        self.granted: set[tuple[str, str, str]] = set()  # session, participant, scope

    def change(self, log: Log, process: str, decide: Callable[[Change], T]) -> T | None:
        """One transaction. A refused one changes nothing."""
        claims = {m: Claim(m, p, alive=p in self.alive) for m, p in log.claims.items()}
        opened = [Presence(p, PEOPLE[p].id, alive=p in self.alive) for p in sorted(log.opened)]
        change = Change(log.session_id, now(), process, log.state, claims, find_presence=lambda: opened)
        try:
            answer = decide(change)
        except SessionlsError:
            return None
        except transitions.WriterGone:
            log_change = Change(log.session_id, now(), process, log.state, claims)
            transitions.interrupt(log_change, [])
            self.keep(log, log_change)
            return self.change(log, process, decide)
        except transitions.ClaimLost:
            return None
        self.keep(log, change)
        return answer

    @staticmethod
    def keep(log: Log, change: Change) -> None:
        log.state = change.state
        log.events += change.events
        log.entries.update(change.touched)
        for message_id in change.removed:
            del log.entries[message_id]
        if change.has_read_presence:
            log.opened = {one.process for one in change.presence}
        log.claims = {claim.message_id: claim.process for claim in change.claims.values()}

    def begin(self, log: Log, reply_id: str | None = None, agent: str | None = None) -> transitions.Start:
        assert log.state is not None
        session = log.state.session
        author = AgentAuthor(agent=agent or session.agent, model="m", definition="d")
        return transitions.Start(reply_id or new_id(), author, (session.agent, session.model))

    # -- what may happen ---------------------------------------------------------------------------------------------

    @rule(target=logs, process=st.sampled_from(PROCESSES))
    def create(self, process: str) -> Any:
        if process not in self.alive or len(self.all) > 6:
            return multiple()
        session = Session(id=new_id(), title=UNTITLED, agent="code", created_at=now(), updated_at=now())
        log = Log(session.id)
        self.change(log, process, lambda change: transitions.create(change, session, [], PEOPLE[process]))
        self.all.append(log)
        self.accepted[log.session_id] = set()
        return log

    @rule(
        log=logs,
        process=st.sampled_from(PROCESSES),
        steer=st.booleans(),
        ready=st.booleans(),
        agent=st.sampled_from([None, None, "review"]),
    )
    def send(self, log: Log, process: str, steer: bool, ready: bool, agent: str | None) -> None:
        if process not in self.alive:
            return
        assert log.state is not None
        default = log.state.session.agent
        message = Message(
            id=new_id(),
            session_id=log.session_id,
            seq=0,
            role="participant",
            author=PEOPLE[process],
            agent=agent,
            parts=[TextPart(text="hi")],
            status="queued",
            delivery="steer" if steer else None,
            created_at="",
        )
        begin = self.begin(log, agent=agent) if ready else None
        if self.change(log, process, lambda change: transitions.send(change, message, begin)) is not None:
            assert log.state.session.state == "active"
            self.accepted[log.session_id].add(message.id)
        assert log.state.session.agent == default, "an agent for one message never changes the session's default"

    @rule(log=logs, process=st.sampled_from(PROCESSES))
    def take_up(self, log: Log, process: str) -> None:
        if process not in self.alive:
            return
        runner = self.runner(process)
        message = self.change(log, process, lambda change: transitions.next_waiting(change, runner))
        if message is not None:
            sent_here = log.claims.get(message.id) == process
            assert sent_here or message.author == PEOPLE[process], "nobody's process answers another person's message unasked"
            begin = self.begin(log, agent=message.agent)
            self.change(log, process, lambda change: transitions.start(change, message.id, begin, runner))

    @staticmethod
    def runner(process: str) -> transitions.Runner:
        return transitions.Runner(PEOPLE[process].id)

    def reply_of(self, log: Log, process: str) -> Message | None:
        """The reply that the process writes."""
        state = log.state
        if state is None or state.reply is None or log.claims.get(state.reply) != process:
            return None
        return state.entry(state.reply).message

    @rule(log=logs, process=st.sampled_from(PROCESSES), tool=st.booleans())
    def step(self, log: Log, process: str, tool: bool) -> None:
        reply = self.reply_of(log, process)
        if process not in self.alive or reply is None:
            return
        parts = [TextPart(text="so")]
        if tool:
            parts.append(ToolPart(call_id=new_id(), name="t", arguments={}, status="waiting"))  # type: ignore[arg-type]
        index, runner = len(reply.parts), self.runner(process)
        taken = self.change(log, process, lambda change: transitions.step(change, reply.id, index, parts, None, runner=runner))
        assert all(message.author == PEOPLE[process] for message in taken or ()), "others' messages do not steer a reply here"

    @rule(log=logs, process=st.sampled_from(PROCESSES), end=st.booleans())
    def use_tool(self, log: Log, process: str, end: bool) -> None:
        reply = self.reply_of(log, process)
        if process not in self.alive or reply is None:
            return
        for index, part in enumerate(reply.parts):
            if isinstance(part, ToolPart) and part.status in ("waiting", "running"):
                call = part.model_copy(update={"status": "done" if end else "running"})
                kind = ToolFinished if end else ToolCalled

                def decide(change: Change, index: int = index, call: ToolPart = call, kind: Any = kind) -> None:
                    transitions.own(change, reply.id)
                    change.add(kind, message_id=reply.id, index=index, part=call)

                self.change(log, process, decide)
                return

    @rule(log=logs, process=st.sampled_from(PROCESSES), status=st.sampled_from(["complete", "failed", "cancelled", "paused"]))
    def finish(self, log: Log, process: str, status: Any) -> None:
        reply = self.reply_of(log, process)
        if process not in self.alive or reply is None:
            return
        parts, runner = [*reply.parts, TextPart(text="the end")], self.runner(process)
        self.change(log, process, lambda change: transitions.finish(change, reply.id, status, parts, None, runner=runner))

    @rule(log=logs, process=st.sampled_from(PROCESSES), scope=st.sampled_from(["git", "make"]))
    def ask(self, log: Log, process: str, scope: str) -> None:
        """A tool needs permission, unless the participant who runs the reply granted it and the reply answers nobody else."""
        reply = self.reply_of(log, process)
        if process not in self.alive or reply is None:
            return
        person = PEOPLE[process]
        answered = [
            entry.message
            for entry in log.entries.values()
            if entry.message.id == reply.reply_to or (entry.message.steered and entry.message.steered.message_id == reply.id)
        ]
        covered = (log.session_id, person.id, scope) in self.granted and all(one.author == person for one in answered)
        question = Question(log.session_id, reply.id, new_id(), "code", "run_command", f"Run {scope}", "execute", scope)
        assert self.change(log, process, lambda change: transitions.ask(change, reply.id, question, person)) == covered

    @rule(
        log=logs,
        process=st.sampled_from(PROCESSES),
        decision=st.sampled_from(["once", "session", "session", "deny"]),
        pick=st.integers(0, 5),
        asked_before=st.booleans(),
    )
    def answer(self, log: Log, process: str, decision: Answer, pick: int, asked_before: bool) -> None:
        """Anybody answers, perhaps too late."""
        asked = [event for event in log.events if isinstance(event, PermissionAsked)]
        if process not in self.alive or not asked:
            return
        self.change(log, process, transitions.live_state)  # (a writer that is gone is noticed first)
        waiting = self.open_questions(log)
        if not asked_before and waiting:
            asked = [event for event in asked if event.request_id in waiting]
        event = asked[pick % len(asked)]
        first = self.change(log, process, lambda change: transitions.answer(change, event.request_id, decision, PEOPLE[process]))
        assert first == (event.request_id in waiting), "an open question takes an answer, and no other one does"
        if first and decision == "session":
            self.granted.add((log.session_id, PEOPLE[process].id, event.scope))

    @staticmethod
    def open_questions(log: Log) -> list[str]:
        """Open questions whose reply has not ended, computed without the fold."""
        ended: set[str] = set()
        waiting: list[str] = []
        for event in reversed(log.events):
            match event:
                case PermissionAnswered():
                    ended.add(event.request_id)
                case ReplyFinished():
                    ended.add(event.message.id)
                case PermissionAsked() if not ended & {event.request_id, event.message_id}:
                    waiting.insert(0, event.request_id)
                case _:
                    pass
        return waiting

    @rule(log=logs, process=st.sampled_from(PROCESSES))
    def pause(self, log: Log, process: str) -> None:
        if process in self.alive:
            self.change(log, process, lambda change: transitions.pause(change, PEOPLE[process]))

    @rule(log=logs, process=st.sampled_from(PROCESSES))
    def resume(self, log: Log, process: str) -> None:
        if process not in self.alive:
            return
        state = self.change(log, process, transitions.live_state)
        begin = self.begin(log, state.resumable) if state and state.resumable else None
        self.change(log, process, lambda change: transitions.restart(change, PEOPLE[process], begin))

    @rule(log=logs, process=st.sampled_from(PROCESSES))
    def cancel(self, log: Log, process: str) -> None:
        if (
            process in self.alive
            and self.change(log, process, lambda change: transitions.ask_cancel(change, PEOPLE[process])) is None
        ):
            self.change(log, process, lambda change: transitions.cancel_stopped(change, PEOPLE[process]))

    @rule(log=logs, process=st.sampled_from(PROCESSES))
    def cancel_waiting(self, log: Log, process: str) -> None:
        if process in self.alive and log.state and log.state.queue:
            last = log.state.queue[-1].message.id
            self.change(log, process, lambda change: transitions.cancel_waiting(change, last, PEOPLE[process]))

    @rule(log=logs, process=st.sampled_from(PROCESSES), pick=st.integers(0, 5))
    def withdraw(self, log: Log, process: str, pick: int) -> None:
        """Anybody withdraws a message, perhaps too late."""
        sent = [entry.message for entry in log.entries.values() if entry.message.role == "participant"]
        if process not in self.alive or not sent:
            return
        self.change(log, process, transitions.live_state)
        chosen = sent[-1 - pick % len(sent)]
        waits = log.entries[chosen.id].message.status == "queued"
        done = self.change(log, process, lambda change: transitions.withdraw(change, chosen.id, PEOPLE[process]))
        assert (done is not None) == waits == (chosen.id not in log.entries), "only a waiting message can be withdrawn"
        if waits:
            self.accepted[log.session_id].remove(chosen.id)

    @rule(log=logs, process=st.sampled_from(PROCESSES), picks=st.lists(st.integers(0, 3), min_size=1, max_size=3))
    def reorder(self, log: Log, process: str, picks: list[int]) -> None:
        if process not in self.alive or log.state is None or not log.state.queue:
            return
        before = [entry.message.id for entry in log.state.queue]
        first = list(dict.fromkeys(before[pick % len(before)] for pick in picks))
        self.change(log, process, lambda change: transitions.reorder(change, first, PEOPLE[process]))
        rest = [message_id for message_id in before if message_id not in first]
        assert [entry.message.id for entry in log.state.queue] == [*first, *rest]

    @rule(log=logs, process=st.sampled_from(PROCESSES), pick=st.integers(0, 5))
    def send_now(self, log: Log, process: str, pick: int) -> None:
        if process not in self.alive or log.state is None or not log.state.queue:
            return
        self.change(log, process, transitions.live_state)
        chosen = log.state.queue[pick % len(log.state.queue)].message.id
        active = log.state.session.state == "active"
        stopped = self.change(log, process, lambda change: transitions.send_now(change, chosen, PEOPLE[process]))
        if active:
            assert stopped == log.state.reply
            assert log.state.queue[0].message.id == chosen, "it is the next"
            assert log.state.queue[0].message.delivery is None, "and steers nothing"
            assert log.state.stopped in (None, "failed"), "nothing stands in its way"

    @rule(log=logs, process=st.sampled_from(PROCESSES), pick=st.integers(0, 5))
    def replace(self, log: Log, process: str, pick: int) -> None:
        """A message replaces another one: both happen, or neither."""
        sent = [entry.message for entry in log.entries.values() if entry.message.role == "participant"]
        if process not in self.alive or log.state is None or not sent:
            return
        self.change(log, process, transitions.live_state)
        old = log.entries[sent[-1 - pick % len(sent)].id].message
        before = [entry.message.id for entry in log.state.queue]
        fields = {"id": new_id(), "author": PEOPLE[process], "status": "queued", "steered": None}
        new = old.model_copy(update=fields)
        may = old.id in before and old.author == new.author and log.state.session.state == "active"
        self.change(log, process, lambda change: transitions.send(change, new, None, old.id))
        if may:
            self.accepted[log.session_id] = (self.accepted[log.session_id] - {old.id}) | {new.id}
        wanted = [new.id if may and message_id == old.id else message_id for message_id in before]
        assert [entry.message.id for entry in log.state.queue] == wanted

    @rule(process=st.sampled_from(PROCESSES))
    def die(self, process: str) -> None:
        if len(self.alive) > 1:
            self.alive.discard(process)

    @rule(process=st.sampled_from(PROCESSES))
    def start_again(self, process: str) -> None:
        """In this test a new process reuses the old one's name only if nothing of the old one is left."""
        if all(process not in log.claims.values() and process not in log.opened for log in self.all):
            self.alive.add(process)

    @rule(log=logs, process=st.sampled_from(PROCESSES))
    def join(self, log: Log, process: str) -> None:
        if process in self.alive:
            self.change(log, process, lambda change: transitions.join(change, PEOPLE[process]))
            assert process in log.opened
            self.check_present(log)

    @rule(log=logs, process=st.sampled_from(PROCESSES))
    def leave(self, log: Log, process: str) -> None:
        if process in self.alive:
            self.change(log, process, lambda change: transitions.leave(change, PEOPLE[process]))
            assert process not in log.opened
            self.check_present(log)

    @rule(log=logs, process=st.sampled_from(PROCESSES))
    def lapse(self, log: Log, process: str) -> None:
        if process in self.alive:
            self.change(log, process, transitions.lapse)
            self.check_present(log)

    @rule(log=logs, process=st.sampled_from(PROCESSES))
    def hand_over(self, log: Log, process: str) -> None:
        if process not in self.alive or log.state is None:
            return
        by, to = PEOPLE[process], BEN if PEOPLE[process] is ADA else ADA
        handed = self.change(log, process, lambda change: transitions.hand_over(change, to.id, "Please.", by))
        if handed is not None:
            [need] = [one for one in handed.needs or () if one.kind == "handOver"]
            assert (need.participant.id, need.by) == (to.id, by)

    @rule(log=logs, process=st.sampled_from(PROCESSES))
    def mention(self, log: Log, process: str) -> None:
        if process not in self.alive or log.state is None:
            return
        by, other = PEOPLE[process], BEN if PEOPLE[process] is ADA else ADA
        message = Message(
            id=new_id(),
            session_id=log.session_id,
            seq=0,
            role="participant",
            author=by,
            parts=[TextPart(text="@you")],
            status="queued",
            mentions=[other.id],
            created_at="",
        )
        self.change(log, process, lambda change: transitions.mention(change, message))
        if message.id in log.entries:
            assert log.entries[message.id].message.status == "complete"
            assert message.id not in log.state.open

    def check_present(self, log: Log) -> None:
        """Present are those who have it open in a process that is alive, each once."""
        assert log.state is not None
        assert log.opened <= self.alive
        assert sorted(one.id for one in log.state.present) == sorted({PEOPLE[process].id for process in log.opened})

    @rule(log=logs, process=st.sampled_from(PROCESSES))
    def archive(self, log: Log, process: str) -> None:
        if process in self.alive:
            before = log.state.session if log.state else None
            after = self.change(log, process, lambda change: transitions.archive(change, PEOPLE[process]))
            if after is not None and before is not None and before.state != "archived":
                self.archived[log.session_id] = before.state

    @rule(log=logs, process=st.sampled_from(PROCESSES))
    def unarchive(self, log: Log, process: str) -> None:
        if process in self.alive:
            after = self.change(log, process, lambda change: transitions.unarchive(change, PEOPLE[process]))
            if after is not None and (state := self.archived.pop(log.session_id, None)) is not None:
                assert after.state == state, "a session comes back as it was"

    @rule(log=logs, process=st.sampled_from(PROCESSES), agent=st.sampled_from(["code", "review"]))
    def switch_agent(self, log: Log, process: str, agent: str) -> None:
        if process in self.alive:
            self.change(log, process, lambda change: transitions.switch_agent(change, agent, None, PEOPLE[process]))

    @rule(log=logs, process=st.sampled_from(PROCESSES), budget=st.sampled_from([None, 0.0, 1.0]))
    def set_budget(self, log: Log, process: str, budget: float | None) -> None:
        if process in self.alive:
            before = log.state.session.state if log.state else None
            after = self.change(log, process, lambda change: transitions.set_budget(change, budget, PEOPLE[process]))
            assert after is not None and after.budget == budget and after.state == before

    @rule(log=logs, process=st.sampled_from(PROCESSES))
    def reach_budget(self, log: Log, process: str) -> None:
        reply = self.reply_of(log, process)
        if (
            process in self.alive
            and reply is not None
            and self.change(log, process, lambda change: transitions.pause_for_budget(change, reply.id))
        ):
            assert log.state is not None and log.state.session.state == "paused"

    @rule(target=logs, log=logs, process=st.sampled_from(PROCESSES), pick=st.integers(0, 30), with_unfinished=st.booleans())
    def fork(self, log: Log, process: str, pick: int, with_unfinished: bool) -> Any:
        state = self.change(log, process, transitions.live_state) if process in self.alive else None
        if state is None or len(self.all) > 6:
            return multiple()
        place = min(pick, state.settled)
        copies: list[Message] = []
        if with_unfinished:
            place = state.settled
            left = [e for e in log.entries.values() if e.place is None or e.place > place]
            copies = [e.message for e in sorted(left, key=lambda e: (e.place is None, e.place or 0, e.message.seq))]
        parent = ParentRef(session_id=log.session_id, seq=state.session.seq)
        fresh = {"state": "active", "pause_reason": None, "replying": False, "queued": 0, "stopped": None}
        fresh |= {"asking": None, "present": None, "needs": None}
        child = state.session.model_copy(update={"id": new_id(), "parent": parent, "message_count": place, **fresh})
        forked = Log(child.id, parent=log, cut=place)
        self.change(forked, process, lambda change: transitions.fork(change, child, [], place, copies, PEOPLE[process]))
        self.change(log, process, lambda change: transitions.record_fork(change, child.id, PEOPLE[process]))
        forked.frozen = forked.transcript()
        assert len(forked.frozen) == place + len(copies)
        self.all.append(forked)
        self.accepted[forked.session_id] = set()
        return forked

    # -- what always holds -------------------------------------------------------------------------------------------

    @invariant()
    def numbers_have_no_gap(self) -> None:
        for log in self.all:
            first = log.events[0].seq
            assert [event.seq for event in log.events] == list(range(first, first + len(log.events)))

    @invariant()
    def the_state_is_the_fold_of_the_log(self) -> None:
        for log in self.all:
            state: State | None = None
            for event in log.events:
                state = apply(state, event).state
            assert state == log.state

    @invariant()
    def at_most_one_reply_is_being_written(self) -> None:
        for log in self.all:
            writing = [e.message for e in log.entries.values() if e.message.role == "agent" and e.message.status == "replying"]
            assert len(writing) <= 1
            assert log.state is not None
            assert log.state.session.replying == bool(writing)
            assert log.state.session.queued == len(log.state.queue)

    @invariant()
    def every_accepted_message_has_one_reply_or_waits_for_it(self) -> None:
        for log in self.all:
            replies = [e.message for e in log.entries.values() if e.message.role == "agent"]
            for message_id in self.accepted[log.session_id]:
                message = log.entries[message_id].message
                mine = [r for r in replies if r.reply_to == message_id]
                if message.status == "queued":
                    assert not mine and message_id in {e.message.id for e in (log.state.queue if log.state else [])}
                elif message.steered is not None:
                    assert not mine and message.steered.message_id in {r.id for r in replies}
                else:
                    assert len(mine) == 1
                    assert (message.status == "complete") == (mine[0].status in ENDED)

    @invariant()
    def what_stopped_can_be_resumed(self) -> None:
        for log in self.all:
            for entry in log.entries.values():
                if entry.message.role == "agent" and entry.message.status in ("paused", "interrupted"):
                    assert log.state is not None and log.state.resumable == entry.message.id

    @invariant()
    def the_session_says_how_the_reply_stopped_that_resume_goes_on_with(self) -> None:
        for log in self.all:
            assert log.state is not None
            resumable = log.state.resumable
            session, archived = log.state.session, log.state.session.state == "archived"
            assert session.stopped == (None if resumable is None or archived else log.entries[resumable].message.status)
            assert session.stopped is None or not session.replying
            assert not (archived and session.replying)
            assert session.pause_reason is None or log.state.paused
            assert log.state.paused == ((self.archived[log.session_id] if archived else session.state) == "paused")

    @invariant()
    def a_question_is_open_until_it_is_answered_or_its_reply_ends(self) -> None:
        for log in self.all:
            assert log.state is not None
            asking = log.state.session.asking
            assert asking is None or asking, "nothing open is nothing said"
            assert [question.request_id for question in asking or ()] == self.open_questions(log)
            assert all(question.message_id == log.state.reply for question in asking or ())

    @invariant()
    def a_finished_call_is_never_made_again(self) -> None:
        for log in self.all:
            done: set[str] = set()
            for event in log.events:
                if isinstance(event, ToolCalled):
                    assert event.part.call_id not in done
                if isinstance(event, ToolFinished):
                    done.add(event.part.call_id)

    @invariant()
    def a_fork_keeps_what_it_began_with(self) -> None:
        for log in self.all:
            assert log.transcript()[: len(log.frozen)] == log.frozen

    @invariant()
    def places_are_dense(self) -> None:
        for log in self.all:
            places = sorted(e.place for e in log.entries.values() if e.place is not None)
            assert places == list(range(log.cut + 1, log.cut + 1 + len(places)))


Sessions.TestCase.settings = settings(max_examples=150, stateful_step_count=60, deadline=None)
TestSessions = Sessions.TestCase
