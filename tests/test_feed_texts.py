"""The feed while a reply is written: every follower gets each piece of its text once, and the pieces join to the reply."""

from __future__ import annotations

import asyncio
import itertools
import subprocess
import sys
from pathlib import Path

import pytest
from sqlalchemy import Connection, event

from sessionls.domain.model import ReasoningPart, TextPart, ToolPart
from sessionls.ports.store import Delta, EventNotice, SessionNotice
from sessionls.store import SqlStore
from stores import Heard, begin, create, end, say, step, url

pytestmark = pytest.mark.usefixtures("engine")
WRITER = Path(__file__).with_name("store_process.py")


# -- deltas ----------------------------------------------------------------------------------------------------------


async def test_a_piece_of_text_is_delivered_at_once(store: SqlStore) -> None:
    session_id = await create(store)
    reply = await begin(store, session_id, await say(store, session_id, "go"))
    heard = Heard(store)
    await store.follow(session_id)
    store.draft(session_id, reply, 0, "text", "Hé😀")
    assert heard.deltas == [Delta(session_id, reply, 0, "text", 0, "Hé😀")]
    await asyncio.sleep(0.01)
    store.draft(session_id, reply, 0, "text", "!")
    assert heard.deltas[1:] == [Delta(session_id, reply, 0, "text", 3, "!")]  # offsets count code points


async def test_no_text_is_lost_however_fast_it_comes(store: SqlStore) -> None:
    session_id = await create(store)
    reply = await begin(store, session_id, await say(store, session_id, "go"))
    heard = Heard(store)
    await store.follow(session_id)
    words = [f"w{n} " for n in range(2000)]
    for n, word in enumerate(words):
        store.draft(session_id, reply, 0, "text", word)
        if n % 50 == 0:
            await asyncio.sleep(0)
    await heard.until(lambda: heard.joined(reply).get(0) == "".join(words))
    await end(store, session_id, reply, "".join(words))
    assert heard.joined(reply) == {0: "".join(words)}


async def test_the_parts_of_a_reply_are_delivered_in_order(store: SqlStore) -> None:
    session_id = await create(store)
    reply = await begin(store, session_id, await say(store, session_id, "go"))
    heard = Heard(store)
    await store.follow(session_id)
    for _ in range(3):
        store.draft(session_id, reply, 0, "reasoning", "hm ")
    for _ in range(3):
        store.draft(session_id, reply, 1, "text", "so ")
    await step(store, session_id, reply, 0, ReasoningPart(text="hm hm hm "), TextPart(text="so so so "))
    parts = [delta.part for delta in heard.deltas]
    assert parts == sorted(parts)
    assert heard.joined(reply) == {0: "hm hm hm ", 1: "so so so "}
    kinds = [notice.event.kind if isinstance(notice, EventNotice) else type(notice).__name__ for notice in heard.notices]
    assert [kind for kind, _ in itertools.groupby(kinds)] == ["Delta", "stepFinished", "SessionNotice"]


async def test_text_that_was_never_drafted_is_delivered_before_its_event(store: SqlStore, other: SqlStore) -> None:
    session_id = await create(store)
    both = [Heard(store), Heard(other)]
    for one in (store, other):
        await one.follow(session_id)
    reply = await begin(store, session_id, await say(store, session_id, "go"))
    call = ToolPart(call_id="1", name="read", arguments={}, status="done", result="x")
    await step(store, session_id, reply, 0, TextPart(text="First."), call)
    await end(store, session_id, reply, TextPart(text="First."), call, TextPart(text="Last."), TextPart(text=""))
    for heard in both:
        await heard.until(lambda heard=heard: len(heard.events) == 4)  # type: ignore[misc]
        told = [n.event.kind if isinstance(n, EventNotice) else n.text for n in heard.notices if not isinstance(n, SessionNotice)]
        assert told == ["messageSent", "replyStarted", "First.", "stepFinished", "Last.", "replyFinished"]


async def test_the_deltas_in_every_process_join_to_the_text(store: SqlStore, other: SqlStore) -> None:
    session_id = await create(store)
    both = [Heard(store), Heard(other)]
    for one in (store, other):
        await one.follow(session_id)
    message = await say(store, session_id, "go")
    reply = await begin(store, session_id, message)
    whole = []
    for part in range(3):
        text = ""
        for n in range(40):
            word = f"{part}-{n} é😀 "
            store.draft(session_id, reply, part, "text", word)
            text += word
            await asyncio.sleep(0.004)
        whole.append(TextPart(text=text))
        await step(store, session_id, reply, part, whole[-1])
    await end(store, session_id, reply, *whole, status="paused")
    await begin(other, session_id, message, reply)  # another process continues within the text
    base = len(whole[-1].text)
    for n in range(40):
        other.draft(session_id, reply, 2, "text", f"more {n} ", base=base)
        await asyncio.sleep(0.004)
    whole[-1] = TextPart(text=whole[-1].text + "".join(f"more {n} " for n in range(40)))
    await end(other, session_id, reply, *whole)
    for heard in both:
        await heard.until(lambda heard=heard: len(heard.events) == 8)  # type: ignore[misc]
        assert heard.joined(reply) == {n: part.text for n, part in enumerate(whole)}
        assert [event.seq for event in heard.events] == list(range(2, 10))
    assert len(both[1].deltas) > 6  # live: deltas came between the events


async def test_drafts_of_another_process_arrive_while_it_writes(store: SqlStore, other: SqlStore) -> None:
    session_id = await create(store)
    reply = await begin(store, session_id, await say(store, session_id, "go"))
    heard = Heard(other)
    await other.follow(session_id)
    store.draft(session_id, reply, 0, "text", "Hello")
    await heard.until(lambda: heard.joined(reply) == {0: "Hello"})
    store.draft(session_id, reply, 0, "text", ", \0\x1a0 and \U0001f600")  # (PostgreSQL cannot store NUL as it is)
    await heard.until(lambda: heard.joined(reply) == {0: "Hello, \0\x1a0 and \U0001f600"})
    assert heard.events == []


async def test_who_watches_a_reply_needs_no_transaction_for_its_words(store: SqlStore, other: SqlStore) -> None:
    """One statement is enough as long as nothing else changes: many people may watch one reply."""
    session_id = await create(store)
    reply = await begin(store, session_id, await say(store, session_id, "go"))
    heard = Heard(other)
    await other.follow(session_id)
    store.draft(session_id, reply, 0, "text", "Hello")
    await heard.until(lambda: heard.joined(reply) == {0: "Hello"})
    begun: list[Connection] = []
    assert other._backend is not None and other._backend.database._engine is not None
    event.listen(other._backend.database._engine, "begin", begun.append)
    for n in range(20):
        store.draft(session_id, reply, 0, "text", f" {n}")
        await asyncio.sleep(0.01)
    whole = "Hello" + "".join(f" {n}" for n in range(20))
    await heard.until(lambda: heard.joined(reply) == {0: whole})
    assert begun == []
    await end(store, session_id, reply, whole)
    await heard.until(lambda: len(heard.events) == 1)
    assert begun


async def test_a_follower_that_joins_during_a_reply_gets_the_text_so_far_and_exactly_the_rest(
    store: SqlStore, other: SqlStore
) -> None:
    session_id = await create(store)
    reply = await begin(store, session_id, await say(store, session_id, "go"))
    text = ""

    async def write() -> None:
        nonlocal text
        for n in range(150):
            text += f"w{n} "
            store.draft(session_id, reply, 0, "text", f"w{n} ")
            await asyncio.sleep(0.002)

    async def follow(one: SqlStore) -> None:
        heard = Heard(one)
        await asyncio.sleep(0.05)
        snapshot = await one.follow(session_id, limit=2)
        known = snapshot.messages[1]
        assert text.startswith(known.text)
        await heard.until(lambda: bool(heard.events))
        assert heard.joined(reply, known.parts) == {0: text}

    followers = [asyncio.create_task(follow(one)) for one in (store, other)]
    await write()
    await end(store, session_id, reply, text)
    await asyncio.gather(*followers)


async def test_text_that_contradicts_earlier_deltas_is_not_delivered(store: SqlStore, caplog: pytest.LogCaptureFixture) -> None:
    session_id = await create(store)
    reply = await begin(store, session_id, await say(store, session_id, "go"))
    heard = Heard(store)
    await store.follow(session_id)
    store.draft(session_id, reply, 0, "text", "Hello")
    await end(store, session_id, reply, "Good bye")
    assert heard.joined(reply) == {0: "Hello"}
    assert "does not continue" in caplog.text


async def test_the_deltas_of_a_killed_process_join_to_the_saved_text(store: SqlStore, tmp_path: Path) -> None:
    heard = Heard(store)
    process = await asyncio.create_subprocess_exec(sys.executable, str(WRITER), "write", url(tmp_path), stdout=subprocess.PIPE)
    assert process.stdout is not None
    session_id, reply = (await process.stdout.readline()).decode().split()
    snapshot = await store.follow(session_id, limit=5)
    await heard.until(lambda: len(heard.deltas) >= 3)
    process.kill()
    await process.communicate()
    [drafted] = await store.drafted(session_id, reply)
    await end(store, session_id, reply, drafted.text, status="interrupted")
    assert heard.joined(reply, snapshot.messages[-1].parts) == {0: drafted.text}
    assert heard.events[-1].kind == "replyFinished"


# -- watching --------------------------------------------------------------------------------------------------------


async def test_a_history_page_contains_text_that_moves_into_an_event_meanwhile(store: SqlStore) -> None:
    """A history that is read while text moves from the drafts into an event always contains the text."""
    session_id = await create(store)
    await store.follow(session_id)
    reply = await begin(store, session_id, await say(store, session_id, "go"))
    length = 0

    async def ask() -> None:
        seen = 0
        while length < 40:
            at_least = length
            messages, _ = await store.history(session_id, before=None, limit=5)
            seen = len(messages[1].parts)
            assert seen >= at_least

    async def write() -> None:
        nonlocal length
        for n in range(40):
            store.draft(session_id, reply, n, "text", f"{n}")
            length = n + 1
            await step(store, session_id, reply, n, TextPart(text=f"{n}"))

    await asyncio.gather(ask(), write())
