"""The event logs with which both folds are tested, the server's and the extension's
(editors/vscode/test/unit/event-logs.test.ts).

After an intended change, `make docs` writes the file again (scripts/generate_event_logs.py).
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from sessionls.domain.events import event_adapter
from sessionls.domain.model import Message
from sessionls.domain.state import Entry, State, apply

FILE = Path(__file__).with_name("event-logs.json")
CASES: list[dict[str, Any]] = json.loads(FILE.read_text(encoding="utf-8"))


class ReadTracker:
    """A session folded from its log, as an editor shows it."""

    def __init__(self, before: list[dict[str, Any]]) -> None:
        self._before = [Message.model_validate(message) for message in before]
        self._entries: dict[str, Entry] = {}
        self.state: State | None = None

    def take(self, event: dict[str, Any]) -> None:
        applied = apply(self.state, event_adapter.validate_python(event))
        self.state = applied.state
        self._entries |= {entry.message.id: entry for entry in applied.touched}
        for message_id in applied.removed:
            del self._entries[message_id]

    @property
    def whole(self) -> dict[str, Any]:
        assert self.state is not None
        placed = [entry for entry in self._entries.values() if entry.place is not None]
        entries = [*sorted(placed, key=lambda one: one.place or 0), *self.state.queue]
        return {
            "session": self.state.session.wire(),
            "messages": [message.wire() for message in (*self._before, *(entry.message for entry in entries))],
            "participants": [participant.wire() for participant in self.state.present],
        }

    @property
    def told(self) -> list[Any]:
        assert self.state is not None
        session = self.state.session
        asking = [question.request_id for question in session.asking or ()]
        people, present = ([one.id for one in them] for them in (session.participants, self.state.present))
        return [session.replying, session.stopped, session.queued, asking, people, present, session.updated_at]


@pytest.mark.parametrize("case", CASES, ids=[case["name"] for case in CASES])
def test_every_log_folds_to_the_recorded_state(case: dict[str, Any]) -> None:
    seen, first = ReadTracker(case["before"]), case["opened"]["after"]
    for event in case["events"][:first]:
        seen.take(event)
    assert {"after": first, **seen.whole} == case["opened"], "stale? `make docs`"
    for event, told in zip(case["events"][first:], case["steps"], strict=True):
        seen.take(event)
        assert seen.told == told, "stale? `make docs`"
    assert seen.whole == case["expected"], "stale? `make docs`"


def test_the_logs_contain_the_intended_events() -> None:
    kinds = [event["kind"] for case in CASES for event in case["events"]]
    for kind in (
        "permissionAsked",
        "permissionAnswered",
        "replyFinished",
        "messageSteered",
        "participantJoined",
        "agentWorked",
        "messageWithdrawn",
        "queueOrdered",
    ):
        assert kinds.count(kind) > 2, kind
    open_in_the_end_of_another = [
        case["name"]
        for case in CASES
        for before, after, event in zip(
            case["steps"], case["steps"][1:], case["events"][case["opened"]["after"] + 1 :], strict=False
        )
        if event["kind"] == "replyFinished" and before[3] and after[3] == before[3]
    ]
    assert open_in_the_end_of_another, "a reply that was cancelled while it waited leaves another one's question alone"
