"""Sessions with long messages: every response has a limit, and longer content comes in pages or goes to a file."""

from __future__ import annotations

import asyncio
import json
import os
import shutil
from collections.abc import AsyncIterator
from functools import partial
from pathlib import Path
from typing import Any

import pytest
from lsprotocol import types as lsp

from server_client import Connect, SessionClient, refused, uri_of
from sessionls.domain import events as ev
from sessionls.domain.change import Change
from sessionls.domain.errors import InvalidParams
from sessionls.domain.ids import new_id
from sessionls.domain.model import Finding, Position, Range
from sessionls.sessions.export.markdown import Format
from sessionls.sessions.export.masking import Masking
from sessionls.sessions.export.writing import export_text, export_to_file
from sessionls.store import SqlStore
from stores import create, exchange, exchanges, say

MEBIBYTE = 1 << 20
LONG = "ж" * MEBIBYTE  # the maximum length of a message, with two bytes per character
COUNT = 17
ANSWER = 9 * MEBIBYTE  # bytes: two pages, and the rest of the response


def database() -> Path:
    return Path(os.environ["SESSIONLS_DATA_DIR"]) / "sessions.db"


@pytest.fixture
async def store() -> AsyncIterator[SqlStore]:
    async with SqlStore(f"sqlite:///{database()}") as store:
        yield store


@pytest.fixture(scope="module")
def written_once(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, str]:
    """A database with a session of 17 queued messages of maximum length, and the id of the session."""
    file = tmp_path_factory.mktemp("long") / "sessions.db"

    async def write() -> str:
        async with SqlStore(f"sqlite:///{file}") as store:
            session_id = await create(store, title="Long")
            for number in range(COUNT):
                await say(store, session_id, f"{number} {LONG}"[:MEBIBYTE])
            return session_id

    return file, asyncio.run(write())


@pytest.fixture
def long_session(written_once: tuple[Path, str]) -> str:
    """The session of `written_once`, in this test's database."""
    file, session_id = written_once
    database().parent.mkdir(parents=True, exist_ok=True)
    shutil.copy(file, database())
    return session_id


def numbers(messages: list[dict[str, Any]]) -> list[int]:
    return [int(message["parts"][0]["text"].partition(" ")[0]) for message in messages]


def size(answer: Any) -> int:
    return len(json.dumps(answer, ensure_ascii=False).encode())


async def all_pages(client: SessionClient, session_id: str) -> list[dict[str, Any]]:
    page = await client.ask("session/open", sessionId=session_id, limit=50)
    messages: list[dict[str, Any]] = page["messages"]
    while page["more"]:
        before = messages[0]["id"]
        page = await client.ask("session/history", sessionId=session_id, before=before, limit=500)
        assert page["messages"] and size(page) < ANSWER
        messages = [*page["messages"], *messages]
    return messages


async def test_a_session_with_long_messages_is_read_in_pages(connect: Connect, long_session: str) -> None:
    client = await connect(events=True)
    opened = await client.ask("session/open", sessionId=long_session, limit=50)
    assert opened["more"] and opened["messages"] and size(opened) < ANSWER
    assert numbers(await all_pages(client, long_session)) == list(range(COUNT))


async def test_a_message_longer_than_a_page_is_a_separate_page(connect: Connect, store: SqlStore) -> None:
    session_id = await create(store)
    await exchange(store, session_id, "Short.", LONG * 3)
    await exchange(store, session_id, "Short.", "Short.")
    client = await connect(events=True)
    lengths: list[list[int]] = []
    page = await client.ask("session/open", sessionId=session_id)
    while True:
        lengths.append([len(message["parts"][0]["text"]) for message in page["messages"]])
        if not page["more"]:
            break
        page = await client.ask("session/history", sessionId=session_id, before=page["messages"][0]["id"])
    assert lengths == [[6, 6], [3 * MEBIBYTE], [6]]


async def test_events_are_left_out_of_an_open_if_they_are_too_long(connect: Connect, long_session: str) -> None:
    client = await connect(events=True)
    opened = await client.ask("session/open", sessionId=long_session, after=0)
    assert "events" not in opened and opened["messages"] and size(opened) < ANSWER
    again = await client.ask("session/open", sessionId=long_session, after=opened["seq"] - 1)
    assert opened["seq"] in [event["seq"] for event in again["events"]]


async def test_many_simultaneous_long_responses_all_arrive(connect: Connect, store: SqlStore) -> None:
    session_id = await create(store)
    await exchanges(store, session_id, [f"{number} {LONG}" for number in range(2)])
    client = await connect(events=True)
    asked = [client.ask("session/history", sessionId=session_id) for _ in range(40)]
    assert all(answer["more"] for answer in await asyncio.gather(*asked))


async def test_an_export_too_long_for_a_response_says_how_to_get_it(connect: Connect, long_session: str, tmp_path: Path) -> None:
    client = await connect(events=True)
    with refused(-32602, "invalidParams") as refusal:
        await client.ask("session/export", sessionId=long_session, format="json")
    assert refusal.data["fields"] == ["uri"] and "--output" in refusal.data["hint"]
    file = tmp_path / "export"
    assert await client.ask("session/export", sessionId=long_session, format="json", uri=uri_of(file)) == {"masked": 0}
    text = file.read_text(encoding="utf-8")
    assert text.count("ж" * (MEBIBYTE - 3)) == COUNT
    assert numbers(json.loads(text)["messages"]) == list(range(COUNT))


@pytest.mark.parametrize("format_", ["markdown", "json", "html"])
async def test_every_format_has_all_messages_and_a_limit_for_a_response(store: SqlStore, tmp_path: Path, format_: Format) -> None:
    session_id = await create(store)
    for number in range(3):
        await say(store, session_id, f"{number} {LONG}"[:MEBIBYTE])
    file = tmp_path / "export"
    await export_to_file(store, session_id, format_, file, Masking())
    text = file.read_text(encoding="utf-8")
    assert text.count("ж" * (MEBIBYTE - 2)) == 3
    limit = len(text.encode())
    assert await export_text(store, session_id, format_, Masking(), limit=limit) == text
    with pytest.raises(InvalidParams, match=f"longer than {(limit - 1) >> 20} MiB"):
        await export_text(store, session_id, format_, Masking(), limit=limit - 1)


async def test_an_export_that_cannot_be_written_says_why(connect: Connect, store: SqlStore, tmp_path: Path) -> None:
    session_id = await create(store)
    await exchange(store, session_id, "Short.", "Short.")
    client = await connect(events=True)
    for uri in (uri_of(tmp_path / "none" / "export"), uri_of(tmp_path), "https://example.org/x"):
        with refused(-32602, "invalidParams") as refusal:
            await client.ask("session/export", sessionId=session_id, format="markdown", uri=uri)
        assert refusal.data["fields"] == ["uri"]


async def test_the_document_of_a_long_session_shows_only_the_newest_messages(connect: Connect, long_session: str) -> None:
    client = await connect(events=True)
    await client.ask("session/list")  # answered when the server has started
    read = lsp.TextDocumentContentParams(uri=f"sessionls:/{long_session}.md")
    text = (await client.workspace_text_document_content_async(read)).text
    assert len(text.encode()) < ANSWER
    assert f"{COUNT - 1} ж" in text and "\n\n0 ж" not in text
    assert f"\nEarlier messages: sessionls:/{long_session}/before/" in text


def _report(finding: Finding, change: Change) -> None:
    change.add(ev.FindingReported, by=ev.ByAgent(agent=finding.agent), finding=finding)


async def test_findings_are_listed_in_pages(connect: Connect, store: SqlStore) -> None:
    session_id = await create(store)
    at = Position(line=1, character=0)
    ids = [new_id() for _ in range(9)]
    for finding_id in ids:
        finding = Finding(
            id=finding_id,
            session_id=session_id,
            message_id="m",
            agent="review",
            uri="file:///work/a.py",
            range=Range(start=at, end=at),
            severity=2,
            title=finding_id,
            body=LONG[: MEBIBYTE // 2],
            state="open",
            created_at="2026-01-01T00:00:00.000Z",
        )
        await store.change(session_id, partial(_report, finding))
    client = await connect(events=True)
    found: list[str] = []
    cursor: dict[str, str] = {}
    while True:
        page = await client.ask("finding/list", sessionId=session_id, **cursor)
        assert page["findings"] and size(page) < ANSWER
        found += [finding["id"] for finding in page["findings"]]
        if "nextCursor" not in page:
            break
        cursor = {"cursor": page["nextCursor"]}
    assert found == ids


async def test_the_snippet_of_a_message_without_spaces_is_cut(connect: Connect, store: SqlStore) -> None:
    session_id = await create(store)
    await exchange(store, session_id, f"needle {LONG}", "Yes.")
    client = await connect(events=True)
    [hit] = (await client.ask("session/search", query="needle", workspaceFolder="*"))["hits"]
    assert hit["snippet"].startswith("needle ж") and len(hit["snippet"]) < 2000
