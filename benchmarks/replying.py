"""The time of a reply from a model that answers immediately to the client. Baseline: a bare HTTP client of the same model."""

from __future__ import annotations

import asyncio
import json
import time
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from typing import Any

import httpx

from bench import Bench
from lsp import Server
from table import Row

__all__ = ["one_reply", "replying", "slow"]

_BARE = "httpx"


async def replying(bench: Bench) -> list[Row]:
    async with Server.sessionls(bench.env, bench.folder) as server, httpx.AsyncClient(trust_env=False) as http:
        ours, bare = _Ours(server), _Bare(http, bench.model)
        for reader in (ours, bare):  # not measured: opens connections and loads code
            for _ in range(3):
                await reader.reply("bench:reply 1")
        return [
            *await _instant(ours, bare, bench.times(100, 5)),
            *await _many(ours, bare, bench.times(7, 2), 200 if bench.quick else 2000),
            *await _latency(ours, bare, bench.times(3, 1), 20 if bench.quick else 300),
        ]


async def _instant(ours: _Ours, bare: _Bare, times: int) -> list[Row]:
    pairs = [(await ours.reply("bench:reply 1"), await bare.reply("bench:reply 1")) for _ in range(times)]
    first, whole = [pair[0].first for pair in pairs], [pair[0].whole for pair in pairs]
    return [
        Row("message to the first delta", "ms", first, [pair[1].first for pair in pairs], _BARE, rival=36, aim=12),
        Row("message to the whole reply", "ms", whole, [pair[1].whole for pair in pairs], _BARE, rival=68, aim=18),
    ]


async def _many(ours: _Ours, bare: _Bare, times: int, chunks: int) -> list[Row]:
    order = f"bench:reply {chunks}"
    pairs = [(await ours.reply(order), await bare.reply(order)) for _ in range(times)]
    times_ours, times_bare = ([reply.whole for reply in replies] for replies in zip(*pairs, strict=True))
    return [Row(f"a reply of {chunks:,} chunks", "ms", times_ours, times_bare, _BARE, rival_of_baseline=7)]


async def _latency(ours: _Ours, bare: _Bare, times: int, chunks: int) -> list[Row]:
    order = f"bench:clock {chunks} 10"
    pairs = [(await ours.reply(order), await bare.reply(order)) for _ in range(times)]
    late_ours, late_bare = ([late for reply in replies for late in reply.late] for replies in zip(*pairs, strict=True))
    return [
        Row("relay latency, a chunk every 10 ms", "ms", late_ours, late_bare, _BARE, rival=0.69, aim=0.5),
        Row(
            "relay latency, the fifth slowest of 100 chunks", "ms", [slow(late_ours)], [slow(late_bare)], _BARE, rival=1.5, aim=1
        ),
    ]


def slow(times: list[float]) -> float:
    """The fifth slowest of 100."""
    return sorted(times)[int(len(times) * 0.95)]


@dataclass
class Reply:
    """Milliseconds from the question to the `first` words and to the `whole` reply; `late` is each word's age on arrival."""

    began: int
    first: float = 0
    whole: float = 0
    late: list[float] = field(default_factory=list)

    def words(self, text: str, at: int) -> None:
        if not self.first:
            self.first = (at - self.began) / 1e6
        self.late += [(at - int(word)) / 1e6 for word in text.split() if word.isdecimal()]


async def one_reply(server: Server, session_id: str, order: str) -> Reply:
    """Send a message in an open session, and measure the time of its reply."""
    reply = Reply(time.monotonic_ns())

    def heard(method: str, params: Any, at: int) -> None:
        if method == "session/delta":
            reply.words(params["text"], at)

    server.heard = heard
    await server.request("session/message", {"sessionId": session_id, "text": order})
    reply.whole = (time.monotonic_ns() - reply.began) / 1e6
    return reply


@dataclass
class _Ours:
    server: Server

    async def reply(self, order: str) -> Reply:
        """In a new session, so that the request to the model does not grow. Creating the session is not measured."""
        session = await self.server.request("session/create", {"title": order})
        await self.server.request("session/open", {"sessionId": session["id"]})
        await asyncio.sleep(0.05)  # the server records who joined the session after it answers
        reply = await one_reply(self.server, session["id"], order)
        await self.server.request("session/close", {"sessionId": session["id"]})
        return reply


@dataclass
class _Bare:
    http: httpx.AsyncClient
    base: str

    async def reply(self, order: str) -> Reply:
        reply = Reply(time.monotonic_ns())
        async for text in self._words(order):
            reply.words(text, time.monotonic_ns())
        reply.whole = (time.monotonic_ns() - reply.began) / 1e6
        return reply

    async def _words(self, order: str) -> AsyncIterator[str]:
        asked = {"model": "bench", "stream": True, "messages": [{"role": "user", "content": order}]}
        async with self.http.stream("POST", f"{self.base}/chat/completions", json=asked) as answer:
            async for line in answer.aiter_lines():
                if line.startswith("data: {"):
                    text = json.loads(line[6:])["choices"][0]["delta"].get("content")
                    if text:
                        yield text
