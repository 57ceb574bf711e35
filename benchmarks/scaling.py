"""What must not depend on the amount of data: the findings of 100,000 sessions, words among 1,000,000 messages."""

from __future__ import annotations

import asyncio

from bench import Bench
from filling import copy_session, fill, identities_of
from lsp import Server
from sessionls.domain import events as ev
from sessionls.domain.change import Change
from sessionls.domain.ids import new_id, now
from sessionls.domain.model import Finding, Position, Range
from sessionls.store import SqlStore
from storing import reading
from table import Row

__all__ = ["scaling"]

_FINDINGS = 20
_FINDINGS_ALONE = "SELECT data FROM findings WHERE state = 'open'"
_MATCHES = "SELECT rowid FROM message_text WHERE message_text MATCH ? ORDER BY rowid DESC LIMIT 20"


async def scaling(bench: Bench) -> list[Row]:
    return [*await _sessions(bench.elsewhere("sessions")), *await _messages(bench.elsewhere("messages"))]


async def _sessions(bench: Bench) -> list[Row]:
    """The sessions are copies of one with two messages, all in the same folder; another session has findings."""
    identities = await identities_of(bench)
    template = await fill(bench, 2, identities)
    reviewed = await fill(bench, 2, identities)
    await _report(bench, reviewed)
    rows: list[Row] = []
    before = 0
    for count in (10, 50) if bench.quick else (100, 100_000):
        await asyncio.to_thread(copy_session, bench, template, count - before, before)
        before = count
        asked = {
            f"the {_FINDINGS} findings of {count:,} sessions": ("finding/list", {"state": "open"}),
            f"a word in no title of {count:,} sessions": ("session/list", {"query": "zebra"}),
        }
        rows += await _measure(bench, asked)
    return rows


async def _messages(bench: Bench) -> list[Row]:
    """The sessions are copies of one with 1,000 messages. Each reply has the same text."""
    identities = await identities_of(bench)
    length, count = (100, 10) if bench.quick else (1000, max(bench.messages // 1000, 1))
    template = await fill(bench, length, identities)
    await asyncio.to_thread(copy_session, bench, template, count - 1, 0)
    asked = {
        f"a word of every reply among {length * count:,} messages": ("session/search", {"query": "parser"}),
        "the first letters of a word of every reply": ("session/search", {"query": "pars"}),
        "a word of none of them": ("session/search", {"query": "zebra"}),
    }
    return await _measure(bench, asked, aim=50)


async def _measure(bench: Bench, asked: dict[str, tuple[str, dict[str, str]]], aim: float | None = None) -> list[Row]:
    rows: list[Row] = []
    async with Server.sessionls(bench.env, bench.folder) as server:
        for what, (method, params) in asked.items():
            await server.request(method, params)
            ours: list[float] = []
            bare: list[float] = []
            statement = (_MATCHES, params["query"]) if method == "session/search" else (_FINDINGS_ALONE,)
            for _ in range(bench.times(30, 3)):
                ours.append(await server.timed(method, params))
                if method != "session/list":
                    bare.append(reading(bench, *statement))
            rows.append(Row(what, "ms", ours, bare, "SQLite alone, just opened" if bare else "", aim=aim))
    return rows


async def _report(bench: Bench, session_id: str) -> None:
    at = Position(line=1, character=0)

    def decide(change: Change) -> None:
        for number in range(_FINDINGS):
            finding = Finding(
                id=new_id(),
                session_id=session_id,
                message_id=new_id(),
                agent="review",
                uri=(bench.folder / "read.py").as_uri(),
                range=Range(start=at, end=at),
                severity=2,
                title=f"Finding number {number}",
                body="The range ends one line too early.",
                state="open",
                created_at=now(),
            )
            change.add(ev.FindingReported, by=ev.ByAgent(agent="review"), finding=finding)

    async with SqlStore(f"sqlite:///{bench.database}") as store:
        await store.change(session_id, decide)
