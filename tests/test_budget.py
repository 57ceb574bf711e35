"""The budget of a session: when it is used up, no model is called, and the session is paused with an explanation."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from fake_tool import UseIt, give
from in_process_app import App, app, write_agent
from model_server import ModelServer
from scripted_models import Step, ask_for, end, script
from sessionls.domain.budget import dollars, is_used_up, pause_explanation, read_amount
from sessionls.domain.errors import NotPermitted, SessionPaused
from sessionls.domain.model import Session, Usage
from sessionls.ports.models import TextDelta


@pytest.fixture
async def home(tmp_path: Path, model_server: ModelServer, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[App]:
    folder = tmp_path / "work"
    folder.mkdir()
    write_agent(folder, "user", "You use tools.")
    write_agent(folder, "helper", "You help.")
    async with app(folder, model_server) as home:
        give(home, monkeypatch, UseIt(lambda call: asyncio.sleep(0, "ok")))
        yield home


def use(number: int, cost: float) -> Step:
    return [ask_for("use_it", "{}", f"call_{number}"), end("tool_calls", cost=cost)]


def says(text: str, cost: float = 0.0) -> Step:
    return [TextDelta(text), end(cost=cost)]


async def test_a_reply_that_reaches_the_budget_is_paused_and_continues_when_it_is_raised(
    home: App, monkeypatch: pytest.MonkeyPatch
) -> None:
    requests = script(home, monkeypatch, use(1, 0.3), use(2, 0.3), says("done", 0.1))
    session = await home.sessions.create(agent="user", budget=0.5)
    await home.sessions.open(session.id)
    reply = (await home.sessions.message(session.id, "m1")).reply
    assert reply.status == "paused" and len(requests) == 2
    paused = await home.sessions.get(session.id)
    assert (paused.state, paused.pause_reason) == ("paused", "budget") and paused.usage.cost == pytest.approx(0.6)
    words = pause_explanation(paused) or ""
    assert "$0.60 of its budget of $0.50" in words and "Raise the budget" in words
    event = await home.event("paused")
    assert event.wire()["reason"] == "budget" and event.wire()["by"] == {"agent": "user"}
    # It accepts no messages, and resuming it is refused with a hint.
    with pytest.raises(SessionPaused) as refused:
        await home.sessions.message(session.id, "m2")
    assert refused.value.hint == words
    with pytest.raises(NotPermitted, match=r"\$0\.60 of its budget of \$0\.50"):
        await home.sessions.resume(session.id)
    assert len(requests) == 2
    raised = await home.sessions.set_budget(session.id, 5)
    assert (raised.state, raised.budget) == ("paused", 5) and "raised since" in (pause_explanation(raised) or "")
    after = await home.sessions.resume(session.id)
    assert (after.state, after.pause_reason) == ("active", None)
    await home.until(lambda: any(e.kind == "replyFinished" and e.message.text == "done" for e in home.events))
    assert (await home.sessions.get(session.id)).usage.cost == pytest.approx(0.7)


async def test_subagents_stop_at_the_budget_too(home: App, monkeypatch: pytest.MonkeyPatch) -> None:
    ask = json.dumps({"agent": "helper", "question": "What?"})
    asked: Step = [ask_for("ask_agent", ask, "a"), ask_for("ask_agent", ask, "b"), end("tool_calls", cost=0.1)]
    requests = script(home, monkeypatch, asked, *[use(n, 0.1) for n in range(50)])
    session = await home.sessions.create(agent="user", budget=0.35)
    async with asyncio.timeout(20):
        assert (await home.sessions.message(session.id, "m1")).reply.status == "paused"
    now = await home.sessions.get(session.id)
    assert now.pause_reason == "budget"
    # (Two work at the same time, so each may be running when the other one reaches the budget.)
    assert 4 <= len(requests) <= 5
    assert now.usage.cost == pytest.approx(0.1 * len(requests))


async def test_a_summary_counts_and_is_not_made_beyond_the_budget(home: App, monkeypatch: pytest.MonkeyPatch) -> None:
    requests = script(home, monkeypatch, *[says("ok", 0.1)] * 3, says("SUMMARY", 1.0), says("ok", 0.1), says("never"))
    session = await home.sessions.create(agent="user", budget=1)
    for number in range(3):
        await home.sessions.message(session.id, f"m{number}")
    compacted = await home.sessions.compact(session.id)
    assert compacted.usage.cost == pytest.approx(1.3)
    await home.sessions.set_budget(session.id, 2)
    await home.sessions.message(session.id, "m3")
    await home.sessions.set_budget(session.id, 1.2)
    with pytest.raises(NotPermitted, match="of its budget"):
        await home.sessions.compact(session.id)
    # Neither is the one that a reply would need.
    monkeypatch.setattr(home.built.models, "window", lambda model: 100)
    assert (await home.sessions.message(session.id, "m4")).reply.status == "paused"
    assert len(requests) == 5


async def test_the_usage_of_a_failed_summary_counts(home: App, monkeypatch: pytest.MonkeyPatch) -> None:
    script(home, monkeypatch, *[says("ok", 0.1)] * 2, [end(cost=0.5)])  # a model without an output
    session = await home.sessions.create(agent="user")
    for number in range(2):
        await home.sessions.message(session.id, f"m{number}")
    with pytest.raises(Exception, match="returned no summary"):
        await home.sessions.compact(session.id)
    assert (await home.sessions.get(session.id)).usage.cost == pytest.approx(0.7)


async def test_a_message_at_the_budget_is_kept_and_answered_later(home: App, monkeypatch: pytest.MonkeyPatch) -> None:
    requests = script(home, monkeypatch, says("one", 2.0), says("two"))
    session = await home.sessions.create(agent="user", budget=1)
    await home.sessions.open(session.id)
    assert (await home.sessions.message(session.id, "m1")).reply.status == "complete"
    assert (await home.sessions.message(session.id, "m2")).reply.status == "paused"
    assert len(requests) == 1
    await home.sessions.set_budget(session.id, None)
    await home.sessions.resume(session.id)
    await home.until(lambda: any(e.kind == "replyFinished" and e.message.text == "two" for e in home.events))


async def test_a_lowered_budget_applies_from_the_next_request(home: App, monkeypatch: pytest.MonkeyPatch) -> None:
    reached, go = asyncio.Event(), asyncio.Event()

    async def wait(_call: object) -> str:
        reached.set()
        await go.wait()
        return "ok"

    give(home, monkeypatch, UseIt(wait))
    requests = script(home, monkeypatch, use(1, 0.3), says("never"))
    session = await home.sessions.create(agent="user")
    send = asyncio.create_task(home.sessions.message(session.id, "m1"))
    await reached.wait()
    await home.sessions.set_budget(session.id, 0.2)
    go.set()
    assert (await send).reply.status == "paused" and len(requests) == 1


async def test_a_fork_has_the_same_budget_with_nothing_spent(home: App, monkeypatch: pytest.MonkeyPatch) -> None:
    script(home, monkeypatch, says("one", 2.0), says("two", 0.1))
    session = await home.sessions.create(agent="user", budget=1)
    await home.sessions.message(session.id, "m1")
    await home.sessions.message(session.id, "m2")
    fork = await home.sessions.fork(session.id)
    assert (fork.state, fork.pause_reason, fork.budget, fork.usage.cost) == ("active", None, 1, None)
    assert (await home.sessions.message(fork.id, "m3")).reply.text == "two"


async def test_the_budget_is_stored_and_its_changes_are_logged(home: App) -> None:
    session = await home.sessions.create(agent="user", budget=2.5)
    await home.sessions.set_budget(session.id, 2.5)  # nothing to change
    await home.sessions.set_budget(session.id, 3)
    await home.sessions.set_budget(session.id, None)
    events = [event for event in await home.built.store.events(session.id, after=0) if event.kind == "budgetChanged"]
    assert [event.budget for event in events] == [3, None]
    exported = (await home.sessions.export(session.id, "markdown")).content or ""
    assert "Budget" not in exported
    await home.sessions.set_budget(session.id, 0.05)
    assert "- Budget: $0.0500" in ((await home.sessions.export(session.id, "markdown")).content or "")


@pytest.mark.parametrize(
    ("written", "amount"),
    [("2.50", 2.5), (" $3 ", 3.0), ("0", 0.0), ("-1", None), ("nan", None), ("inf", None), ("1e99", None), ("much", None)],
)
def test_amounts_are_read_as_people_write_them(written: str, amount: float | None) -> None:
    assert read_amount(written) == amount


def test_a_missing_budget_is_never_used_up_and_a_zero_budget_always() -> None:
    session = Session(id="s", title="t", agent="a", created_at="", updated_at="", usage=Usage(cost=5.0))
    assert not is_used_up(session)
    assert is_used_up(session.model_copy(update={"budget": 5.0}))
    assert is_used_up(session.model_copy(update={"budget": 0.0, "usage": Usage()}))
    assert not is_used_up(session.model_copy(update={"budget": 5.01}))
    assert is_used_up(session.model_copy(update={"budget": 5.01}), Usage(cost=0.01))
    assert [dollars(x) for x in (0, 0.0042, 2.5, 1234.5)] == ["$0.00", "$0.0042", "$2.50", "$1,234.50"]
