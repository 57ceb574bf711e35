"""The tests' model provider as a process: prints its address, then each request that it got as a line of JSON.

Each line of its input is a JSON list of answers to the next requests, `{ text?, tools?: [{ name, arguments }] }`; it is
acknowledged with `{ "scripted": … }`. When they are used up it obeys the conventions of `model_server.py`.
"""

from __future__ import annotations

import json
import sys
import threading
from dataclasses import replace
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parents[4] / "tests"))

from model_server import Answer, ModelServer, Received, Script, Scripted, ToolUse, by_convention


def tell(request: Received) -> None:
    got = {"system": request.system, "messages": request.messages, "tools": request.tools}
    print(json.dumps(got), flush=True)


def told(request: Received) -> Scripted:
    tell(request)
    answer = by_convention(request)
    # What a test writes stands on one line; `\\n` in it is a line of its own in the answer.
    return replace(answer, text=answer.text.replace("\\n", "\n")) if isinstance(answer, Answer) else answer


def scripted(given: dict[str, Any]) -> Script:
    tools = [ToolUse(one["name"], one["arguments"]) for one in given.get("tools", [])]

    def answer(request: Received) -> Scripted:
        tell(request)
        return Answer(given.get("text", ""), tools=tools, delay=given.get("delay", 0))

    return answer


def main() -> None:
    server = ModelServer()
    server.default = told
    server.start()
    print(server.openai, flush=True)
    for line in sys.stdin:
        answers = json.loads(line)
        server.script(*(scripted(one) for one in answers))
        print(json.dumps({"scripted": len(answers)}), flush=True)
    threading.Event().wait()


if __name__ == "__main__":
    main()
