"""Notifications of sessions: none before the response to `session/open`, none lost after it, and joined text."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from sessionls.domain.events import Renamed
from sessionls.domain.model import AgentAuthor, Message, Session, TextPart, Wire
from sessionls.domain.results import Opened
from sessionls.domain.scope import scope_of
from sessionls.ports.store import Delta, EventNotice, SessionNotice
from sessionls.server.publishing.session_notifications import SessionNotifications

AT = "2026-01-31T09:30:00.000Z"
FOLDER = "file:///work/a%20b"


class Client:
    """Records what a client would get."""

    def __init__(self) -> None:
        self.got: list[tuple[str, dict[str, Any]]] = []
        self.waiting = 0  # unread bytes
        self.scope = scope_of([FOLDER])
        self.news = asyncio.Event()
        self.notices = SessionNotifications(self._send, lambda: self.waiting, lambda: self.scope)

    def _send(self, method: str, params: Wire) -> None:
        self.got.append((method, params.wire()))
        self.news.set()

    def open(self, session_id: str = "s", seq: int = 0, text: str | None = None) -> None:
        hold = self.notices.hold(session_id)
        hold.opened = opened(session_id, seq, text)
        hold.release()

    @property
    def numbers(self) -> list[int]:
        return [params["seq"] for method, params in self.got if method == "session/event"]

    @property
    def deltas(self) -> list[tuple[int, str]]:
        return [(params["offset"], params["text"]) for method, params in self.got if method == "session/delta"]

    async def until(self, condition: Any) -> None:
        async with asyncio.timeout(20):
            while not condition():
                self.news.clear()
                await self.news.wait()


@pytest.fixture
async def client() -> Client:
    return Client()


def session(session_id: str = "s", **fields: Any) -> Session:
    return Session(id=session_id, title="t", agent="code", created_at=AT, updated_at=AT, **fields)


def opened(session_id: str, seq: int, text: str | None = None) -> Opened:
    author = AgentAuthor(agent="code", model="m", definition="d")
    parts = [TextPart(text=text)] if text is not None else []
    reply = Message(
        id="r", session_id=session_id, seq=1, role="agent", author=author, parts=parts, status="replying", created_at=AT
    )
    return Opened(session=session(session_id), messages=[reply] if text is not None else [], more=False, participants=[], seq=seq)


def event(seq: int, session_id: str = "s") -> EventNotice:
    return EventNotice(Renamed(session_id=session_id, seq=seq, at=AT, title=str(seq)))


def delta(offset: int, text: str, part: int = 0) -> Delta:
    return Delta("s", "r", part, "text", offset, text)


async def test_only_notices_of_open_sessions_are_sent(client: Client) -> None:
    client.notices(event(1))
    client.notices(delta(0, "x"))
    assert client.got == []


async def test_no_notice_is_sent_before_the_response_or_twice(client: Client) -> None:
    hold = client.notices.hold("s")
    for number in (4, 5, 6):
        client.notices(event(number))
    client.notices(delta(0, "so "))
    client.notices(delta(3, "far"))
    client.notices(delta(6, ", on"))
    assert client.got == []
    hold.opened = opened("s", seq=5, text="so far")
    client.notices(event(7))
    hold.release()
    assert client.numbers == [6, 7]
    assert client.deltas == [(6, ", on")]
    client.notices(event(8))
    assert client.numbers == [6, 7, 8]


async def test_a_failed_open_sends_no_notices(client: Client) -> None:
    hold = client.notices.hold("s")
    client.notices(event(1))
    hold.release()
    client.notices(event(2))
    assert client.got == []


async def test_opening_again_leaves_no_gap_in_the_numbers(client: Client) -> None:
    client.open(seq=3)
    client.notices(event(4))
    hold = client.notices.hold("s")
    client.notices(event(5))
    hold.opened = opened("s", seq=5)
    client.notices(event(6))
    hold.release()
    assert client.numbers == [4, 5, 6]


async def test_two_simultaneous_opens_wait_for_each_other(client: Client) -> None:
    first, second = client.notices.hold("s"), client.notices.hold("s")
    first.opened = opened("s", seq=1)
    client.notices(event(2))
    first.release()
    assert client.got == []
    second.opened = opened("s", seq=2)
    second.release()
    assert client.numbers == [2]


async def test_missed_events_are_delivered_in_order_while_new_ones_arrive(client: Client) -> None:
    hold = client.notices.hold("s")
    for number in range(1, 1001):
        client.notices(event(number))
    hold.opened = opened("s", seq=0)
    hold.release()
    assert len(client.numbers) < 1000  # the event loop runs in between
    client.notices(event(1001))
    await client.until(lambda: len(client.numbers) == 1001)
    assert client.numbers == list(range(1, 1002))


async def test_nothing_is_sent_after_close(client: Client) -> None:
    client.open()
    client.notices.close("s")
    client.notices(event(1))
    assert client.got == []


async def test_closing_and_reopening_delivers_what_follows_the_new_answer(client: Client) -> None:
    client.open(seq=1)
    hold = client.notices.hold("s")
    client.notices(event(2))
    client.notices.close("s")
    client.notices(event(3))
    hold.opened = opened("s", 2)
    hold.release()
    assert client.numbers == [3]


async def test_fast_deltas_are_joined_and_sent_before_the_next_event(client: Client) -> None:
    client.open()
    text = "".join(chr(0x1F600 + n % 50) for n in range(500))
    for offset, character in enumerate(text):
        client.notices(delta(offset, character))
    client.notices(event(1))
    assert client.got[-1][0] == "session/event"
    assert "".join(words for _, words in client.deltas) == text
    assert len(client.deltas) == 2  # the first at once, the others together
    assert client.deltas[1][0] == 1


async def test_slow_deltas_are_sent_individually(client: Client) -> None:
    client.open()
    for offset in range(3):
        client.notices(delta(offset, "x"))
        await client.until(lambda offset=offset: len(client.deltas) == offset + 1)
    assert client.deltas == [(0, "x"), (1, "x"), (2, "x")]


async def test_deltas_of_different_parts_are_not_joined(client: Client) -> None:
    client.open()
    for notice in (delta(0, "a"), delta(1, "b"), delta(0, "c", part=1), delta(1, "d", part=1)):
        client.notices(notice)
    await client.until(lambda: len(client.deltas) == 3)
    assert client.deltas == [(0, "a"), (1, "b"), (0, "cd")]


async def test_a_slow_client_gets_its_deltas_when_it_has_caught_up(client: Client) -> None:
    client.open()
    client.notices(delta(0, "a"))
    client.waiting = 10 << 20
    for offset in range(1, 100):
        client.notices(delta(offset, "a"))
        await asyncio.sleep(0.001)
    assert client.deltas == [(0, "a")]
    client.waiting = 0
    await client.until(lambda: len(client.deltas) == 2)
    assert client.deltas[1] == (1, "a" * 99)


async def test_changes_are_sent_for_open_folders_in_any_spelling_for_their_repositories_and_for_open_sessions(
    client: Client,
) -> None:
    client.scope = scope_of(["file:///work/a%20b"], ["marker:abc:"])
    client.open("open")
    elsewhere = session(workspace_folders=["file:///elsewhere"])
    told = [
        SessionNotice("by folder", session("by folder"), scope_of(["file:///work/a b/"])),
        SessionNotice("by repository", elsewhere.model_copy(update={"id": "by repository"}), scope_of([], ["marker:abc:"])),
        SessionNotice("open", elsewhere.model_copy(update={"id": "open"}), scope_of(["file:///elsewhere"])),
        SessionNotice("gone", None),
    ]
    for notice in told:
        client.notices(notice)
    client.notices(SessionNotice("other", elsewhere, scope_of(["file:///elsewhere"], ["marker:def:"])))
    await client.until(lambda: len(client.got) == 4)
    changed = [params for _, params in client.got]
    assert [params["session"]["id"] for params in changed[:3]] == ["by folder", "by repository", "open"]
    assert changed[3] == {"deleted": "gone"}


async def test_only_the_last_of_many_changes_of_a_session_is_sent(client: Client) -> None:
    for number in range(100):
        client.notices(SessionNotice("s", session(workspace_folders=[FOLDER], seq=number), scope_of([FOLDER])))
    await client.until(lambda: any(params["session"]["seq"] == 99 for _, params in client.got))
    assert [params["session"]["seq"] for _, params in client.got] == [0, 99]
