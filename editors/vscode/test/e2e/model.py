"""The tests' model provider as a process: prints its address, then each request that it got as a line of JSON."""

from __future__ import annotations

import json
import sys
import threading
from dataclasses import replace
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[4] / "tests"))

from model_server import Answer, ModelServer, Received, Scripted, by_convention


def told(request: Received) -> Scripted:
    got = {"system": request.system, "messages": request.messages, "tools": request.tools}
    print(json.dumps(got), flush=True)
    answer = by_convention(request)
    # What a test writes stands on one line; `\\n` in it is a line of its own in the answer.
    return replace(answer, text=answer.text.replace("\\n", "\n")) if isinstance(answer, Answer) else answer


def main() -> None:
    server = ModelServer()
    server.default = told
    server.start()
    print(server.openai, flush=True)
    threading.Event().wait()


if __name__ == "__main__":
    main()
