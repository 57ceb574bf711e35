"""The tests' model provider as a process: prints its address, then each request as a line of JSON.

Each line of its input is a JSON list of answers to the next requests, `{ text?, tools?: [{ name, arguments }] }`; it is
acknowledged with `{ "scripted": … }`. Without such answers it follows the conventions of `model_server.py`.
"""

from __future__ import annotations

import json
import sys
from dataclasses import replace
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parents[4] / "tests"))

from model_server import Answer, ModelServer, Received, Script, Scripted, ToolUse, by_convention


def print_request(request: Received) -> None:
    fields = {"system": request.system, "messages": request.messages, "tools": request.tools}
    print(json.dumps(fields), flush=True)


def answer_by_convention(request: Received) -> Scripted:
    print_request(request)
    answer = by_convention(request)
    # A test writes its message on one line: `\\n` in it becomes a line end in the answer.
    return replace(answer, text=answer.text.replace("\\n", "\n")) if isinstance(answer, Answer) else answer


def scripted_answer(spec: dict[str, Any]) -> Script:
    tools = [ToolUse(tool["name"], tool["arguments"]) for tool in spec.get("tools", [])]

    def answer(request: Received) -> Scripted:
        print_request(request)
        return Answer(spec.get("text", ""), tools=tools, delay=spec.get("delay", 0))

    return answer


def main() -> None:
    server = ModelServer()
    server.default = answer_by_convention
    server.start()
    print(server.openai, flush=True)
    for line in sys.stdin:  # ends with the test file, also if that is killed
        answers = json.loads(line)
        server.script(*(scripted_answer(spec) for spec in answers))
        print(json.dumps({"scripted": len(answers)}), flush=True)
    server.stop()


if __name__ == "__main__":
    main()
