"""Write event logs and the states they fold to, for both folds: the server's `state.py` and the extension's `folding/`.

With --check only compare. The logs are random walks of the state machine of tests/test_invariants.py, and a few written by hand
with events that no walk contains.
"""

from __future__ import annotations

import itertools
import json
import random
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT / "tests"))

import test_invariants as machine
from sessionls.domain import events as ev
from sessionls.domain import transitions
from sessionls.domain.change import Change
from sessionls.domain.model import (
    Finding,
    Message,
    Part,
    Participant,
    Person,
    Position,
    Range,
    ReasoningPart,
    TextPart,
    ToolPart,
    Usage,
)
from sessionls.domain.state import Entry, State, apply
from sessionls.domain.transitions import pausing, records

FILE = ROOT / "tests" / "event-logs.json"
WALKS, STEPS = 26, 70
ADA, BEN = machine.ADA, machine.BEN


class _Numbers:
    """Ids and times that are the same every time."""

    def __init__(self) -> None:
        self._ids, self._times = itertools.count(1), itertools.count()

    def new_id(self) -> str:
        return f"id-{next(self._ids)}"

    def now(self) -> str:
        second = next(self._times)
        return f"2026-01-01T{second // 3600:02}:{second // 60 % 60:02}:{second % 60:02}.000Z"

    def use(self) -> None:
        machine.new_id = pausing.new_id = records.new_id = self.new_id  # type: ignore[attr-defined]
        machine.now = self.now  # type: ignore[attr-defined]


def _walk(seed: int) -> list[machine.Log]:
    """The sessions of one random walk."""
    chance = random.Random(seed)
    _Numbers().use()
    walk = machine.Sessions()
    logs: list[machine.Log] = [walk.create("one")]  # type: ignore[list-item]  # (returns None only if there are many)
    processes = machine.PROCESSES

    def pick(*values: Any) -> Any:
        return chance.choice(values)

    def change(log: machine.Log, process: str, decide: Callable[[Change], object]) -> None:
        if process in walk.alive:
            walk.change(log, process, decide)

    turns: list[tuple[int, Callable[[machine.Log, str], Any]]] = [
        (6, lambda log, p: walk.send(log, p, pick(True, False), pick(True, False), pick(None, None, "review"))),
        (6, walk.take_up),
        (6, lambda log, p: walk.step(log, p, pick(True, False))),
        (4, lambda log, p: walk.use_tool(log, p, pick(True, False))),
        (6, lambda log, p: walk.ask(log, p, pick("git", "make"))),
        (4, lambda log, p: walk.answer(log, p, pick("once", "session", "deny"), pick(0, 1, 2), pick(True, False))),
        (3, lambda log, p: walk.finish(log, p, pick("complete", "complete", "failed", "cancelled", "paused"))),
        (1, walk.pause),
        (3, walk.resume),
        (1, walk.cancel),
        (3, walk.cancel_waiting),
        (2, lambda log, p: walk.withdraw(log, p, pick(0, 1, 2))),
        (2, lambda log, p: walk.reorder(log, p, [pick(0, 1, 2), pick(0, 1, 2, 3)])),
        (1, lambda log, p: walk.send_now(log, p, pick(0, 1, 2))),
        (1, lambda _, p: walk.die(p)),
        (2, lambda _, p: walk.start_again(p)),
        (1, walk.archive),
        (2, walk.unarchive),
        (1, lambda log, p: walk.switch_agent(log, p, pick("code", "review"))),
        (2, walk.join),
        (1, walk.leave),
        (1, walk.lapse),
        (1, walk.hand_over),
        (1, walk.mention),
        (1, lambda log, p: change(log, p, lambda c: transitions.rename(c, f"Title {c.now.next_seq}", machine.PEOPLE[p]))),
    ]
    weights = [weight for weight, _ in turns]
    for number in range(STEPS):
        _, turn = chance.choices(turns, weights)[0]
        turn(chance.choice(logs), chance.choice(processes))
        if number == STEPS // 2 and len(logs) == 1:
            forked = walk.fork(logs[0], pick(*sorted(walk.alive)), pick(0, 1, 2, 30), pick(True, False))
            logs += [forked] if isinstance(forked, machine.Log) else []
    return logs


def _handwritten() -> list[machine.Log]:
    """A log with tool calls, asked agents, costs and names."""
    _Numbers().use()
    walk = machine.Sessions()
    log = walk.create("one")
    assert isinstance(log, machine.Log)

    def add(kind: type[ev.Event], **fields: Any) -> None:
        walk.change(log, "one", lambda change: change.add(kind, **fields))

    ada = Participant(id="ada", name="Ada Lovelace", email="ada@example.org")
    for joining in (BEN, ADA, ada):
        add(ev.ParticipantJoined, by=joining, participant=joining)
    walk.send(log, "two", False, True, None)
    reply = walk.reply_of(log, "two")
    assert reply is not None

    def call(call_id: str, status: str, parts: Sequence[Any] | None = None) -> ToolPart:
        fields: dict[str, Any] = {"call_id": call_id, "name": "tool", "arguments": {"path": "ä"}, "status": status}
        return ToolPart(**fields, parts=None if parts is None else list(parts), step=1)

    steps: list[Part] = [ReasoningPart(text="hm"), TextPart(text="so 😀"), call("a", "waiting"), call("b", "waiting")]
    spent = Usage(input_tokens=100, output_tokens=10, cached_tokens=5, cost=0.25)
    add(ev.StepFinished, message_id=reply.id, index=0, parts=steps, usage=spent)
    add(ev.ToolCalled, message_id=reply.id, index=2, part=call("a", "running"))
    add(ev.AgentWorked, message_id=reply.id, path=[2], index=0, parts=[TextPart(text="asked"), call("c", "waiting")])
    add(ev.AgentWorked, message_id=reply.id, path=[2], index=1, parts=[call("c", "running")])
    add(ev.AgentWorked, message_id=reply.id, path=[2, 1], index=0, parts=[TextPart(text="deeper")])
    question = {"message_id": reply.id, "tool": "tool", "summary": "Do it", "risk": "write", "detail": "+ it", "scope": "tool"}
    for number, agent in enumerate(("review", "code")):
        add(ev.PermissionAsked, by=ev.ByAgent(agent=agent), request_id=f"q{number}", **question)
    add(ev.PermissionAnswered, by=BEN, request_id="q0", decision="session")
    add(ev.ToolFinished, message_id=reply.id, index=2, part=call("a", "done", [TextPart(text="asked")]))
    code_range = Range(start=Position(line=1, character=0), end=Position(line=2, character=0))
    finding = Finding(
        id="f", session_id=log.session_id, message_id=reply.id, agent="code", uri="file:///a.py", range=code_range,
        severity=2, title="Off by one", body="It stops early.", state="open",
    )  # fmt: skip
    add(ev.FindingReported, finding=finding)
    add(ev.Edited, message_id=reply.id, uri="file:///a.py", summary="Edit", applied=True, patch="+a")
    more = Usage(input_tokens=250, output_tokens=20, cached_tokens=5, cost=0.5)
    add(ev.StepFinished, message_id=reply.id, index=6, parts=[TextPart(text="the end")], usage=more)
    walk.send(log, "one", False, False, "review")
    walk.cancel_waiting(log, "one")  # does not change the reply's open question
    parts: list[Part] = [*steps, TextPart(text="the end")]
    walk.change(log, "two", lambda change: transitions.finish(change, reply.id, "complete", parts, more, runner=None))
    add(ev.ParticipantJoined, by=BEN, participant=BEN)
    add(ev.ParticipantLeft, by=ada, participant_id="ada")
    add(ev.Spent, by=ev.ByAgent(agent="code"), usage=Usage(input_tokens=3, output_tokens=2, cost=0.5))
    for person in (Person(id="ada", role="owner", name="Ada"), Person(id="ben", role="reader"), Person(id="ben", role="writer")):
        add(ev.Shared, by=ada, person=person)
    add(ev.Unshared, by=ada, person_id="team")
    cleo = Participant(id="cleo", name="Cleo")  # has a role, but never opened it
    add(ev.Shared, by=ada, person=Person(id="cleo", role="commenter", name="Cleo"))
    mention = Message(
        id="m", session_id=log.session_id, seq=0, role="participant", author=ada, parts=[TextPart(text="@Cleo look")],
        status="complete", mentions=["cleo"], created_at="2026-01-01T00:00:00.000Z",
    )  # fmt: skip
    add(ev.MessageSent, by=ada, message=mention)
    add(ev.HandedOver, by=ada, to=cleo, note="yours")
    add(ev.Shared, by=ada, person=Person(id="ben", role="reader"))  # Ben has it open
    for budget in (2.5, None, 1.0):
        add(ev.BudgetChanged, by=BEN, budget=budget)
    add(
        ev.Compacted,
        by=ev.ByAgent(agent="code"),
        through=1,
        through_seq=2,
        summary="…",
        usage=Usage(input_tokens=7, output_tokens=1),
    )
    return [log]


def fold_events(before: Sequence[Message], events: Sequence[ev.Event]) -> tuple[State, list[Message]]:
    """The state that events fold to, and the messages in order; `before`: the messages of a fork's parent."""
    state: State | None = None
    entries: dict[str, Entry] = {}
    for event in events:
        applied = apply(state, event)
        state = applied.state
        entries |= {entry.message.id: entry for entry in applied.touched}
        for message_id in applied.removed:
            del entries[message_id]
    assert state is not None
    placed = sorted((entry for entry in entries.values() if entry.place is not None), key=lambda entry: entry.place or 0)
    return state, [*before, *(entry.message for entry in (*placed, *state.queue))]


def summary_of(state: State) -> list[Any]:
    """The parts of a session that lists and panels show, after each event."""
    session = state.session
    asking = [question.request_id for question in state.asking]
    people = [participant.id for participant in session.participants]
    present = [participant.id for participant in state.present]
    return [session.replying, session.stopped, session.queued, asking, people, present, session.updated_at]


def snapshot_of(before: Sequence[Message], events: Sequence[ev.Event]) -> dict[str, Any]:
    state, messages = fold_events(before, events)
    return {
        "session": state.session.wire(),
        "messages": [message.wire() for message in messages],
        "participants": [participant.wire() for participant in state.present],
    }


def case_of(name: str, log: machine.Log, first: int) -> dict[str, Any]:
    """One log, opened after its first few events."""
    before = log.parent.transcript(log.cut) if log.parent is not None else []
    first = min(first, len(log.events) - 1)
    return {
        "name": name,
        "before": [message.wire() for message in before],
        "opened": {"after": first, **snapshot_of(before, log.events[:first])},
        "events": [event.wire() for event in log.events],
        "steps": [summary_of(fold_events(before, log.events[: n + 1])[0]) for n in range(first, len(log.events))],
        "expected": snapshot_of(before, log.events),
    }


def file_content() -> str:
    """The content of the file, one line per log."""
    cases = [case_of("told by hand", log, 1) for log in _handwritten()]
    for seed in range(WALKS):
        for number, log in enumerate(_walk(seed)):
            if len(log.events) > 3:
                cases.append(case_of(f"walk {seed}, session {number}", log, 1 if seed % 2 else len(log.events) // 2))
    lines = [json.dumps(case, ensure_ascii=False, separators=(",", ":")) for case in cases]
    return "[\n" + ",\n".join(lines) + "\n]\n"


def main() -> int:
    fresh = file_content()
    if FILE.exists() and FILE.read_text(encoding="utf-8") == fresh:
        return 0
    if "--check" in sys.argv:
        print(f"{FILE.relative_to(ROOT)} is stale: run `make docs`.", file=sys.stderr)
        return 1
    FILE.write_text(fresh, encoding="utf-8", newline="\n")
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
