"""One step with a read-only tool: from the model's call to the request with its result. Baseline: a bare script."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx

from bench import Bench
from lsp import Server
from table import Row

__all__ = ["stepping", "took"]

_FILE = "read.py"
_ORDER = f"bench:read {_FILE}"


async def stepping(bench: Bench) -> list[Row]:
    """The model server measures the time, and answers the second request with it."""
    async with Server.sessionls(bench.env, bench.folder) as server, httpx.AsyncClient(trust_env=False) as http:
        ours, bare = _Ours(server, bench.folder), _Bare(http, bench.model, bench.folder)
        for reader in (ours, bare):  # not measured: opens connections and loads code
            for _ in range(3):
                await reader.step()
        pairs = [(await ours.step(), await bare.step()) for _ in range(bench.times(100, 5))]
    times_ours, times_bare = ([pair[which] for pair in pairs] for which in (0, 1))
    return [Row("a step with `read_file`, model to model", "ms", times_ours, times_bare, "httpx, and the file read")]


@dataclass
class _Ours:
    server: Server
    folder: Path

    async def step(self) -> float:
        """In a new session, so that the request to the model does not grow."""
        session = await self.server.request("session/create", {"title": _ORDER})
        await self.server.request("session/open", {"sessionId": session["id"]})
        texts: list[str] = []

        def heard(method: str, params: Any, _at: int) -> None:
            if method == "session/delta":
                texts.append(params["text"])

        self.server.heard = heard
        await self.server.request("session/message", {"sessionId": session["id"], "text": _ORDER})
        await self.server.request("session/close", {"sessionId": session["id"]})
        return took("".join(texts), self.folder)


@dataclass
class _Bare:
    http: httpx.AsyncClient
    base: str
    folder: Path

    async def step(self) -> float:
        messages: list[dict[str, Any]] = [{"role": "user", "content": _ORDER}]
        _, calls = await self._ask(messages)
        messages.append({"role": "assistant", "content": None, "tool_calls": calls})
        for call in calls:
            path = self.folder / json.loads(call["function"]["arguments"])["path"]
            text = path.read_text(encoding="utf-8")
            messages.append({"role": "tool", "tool_call_id": call["id"], "content": text})
        text, _ = await self._ask(messages)
        return took(text, self.folder)

    async def _ask(self, messages: list[dict[str, Any]]) -> tuple[str, list[dict[str, Any]]]:
        """The text of the response and its calls. The model server writes each call in one piece."""
        texts: list[str] = []
        calls: list[dict[str, Any]] = []
        asked = {"model": "bench", "stream": True, "messages": messages}
        async with self.http.stream("POST", f"{self.base}/chat/completions", json=asked) as answer:
            async for line in answer.aiter_lines():
                if line.startswith("data: {"):
                    delta = json.loads(line[6:])["choices"][0]["delta"]
                    texts.append(delta.get("content") or "")
                    calls += delta.get("tool_calls", ())
        return "".join(texts), calls


def took(text: str, folder: Path) -> float:
    """The time of a step in milliseconds. Raises `RuntimeError` if the step did not read the file."""
    answer = json.loads(text)
    for line in (folder / _FILE).read_text(encoding="utf-8").splitlines():
        if line not in answer["result"]:
            raise RuntimeError(f"the file was not read: {answer['result']}")
    return float(answer["took"]) / 1e6
