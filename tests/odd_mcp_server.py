"""An MCP server that follows a script: `python odd_mcp_server.py SCRIPT`, on stdio, without the SDK.

SCRIPT is JSON: `initialize` is the result of that request (with a default), `pages` are the results of `tools/list`, in
order, repeating the last one, and `calls` the results of `tools/call` by the tool's name. `asks` are the
params of a question (`elicitation/create`) by the tool's name: its call asks this, and returns the answer. With `discover` it
speaks the protocol of 2026, in which `calls` are lists of results, in order. Each message is written to `log`, as a line
of JSON.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any


def main() -> None:
    script = json.loads(Path(sys.argv[1]).read_text(encoding="utf-8"))
    pages: list[Any] = list(script["pages"])
    waiting: Any = None
    for line in sys.stdin:
        request = json.loads(line)
        with Path(script["log"]).open("a", encoding="utf-8") as log:
            log.write(line)
        if request.get("id") == "question":
            text = json.dumps(request["result"] if "result" in request else request["error"]["message"])
            say(waiting, {"result": {"content": [{"type": "text", "text": text}]}})
        if "id" not in request or "method" not in request:
            continue
        match request["method"]:
            case "initialize":
                plain = {
                    "protocolVersion": "2025-06-18",
                    "capabilities": {"tools": {}},
                    "serverInfo": {"name": "odd", "version": "1"},
                }
                answer: dict[str, Any] = {"result": script.get("initialize", plain)}
            case "tools/list":
                answer = {"result": pages.pop(0) if len(pages) > 1 else pages[0]}
            case "server/discover" if "discover" in script:
                answer = {"result": script["discover"]}
            case "tools/call" if (name := request["params"]["name"]) in script.get("asks", {}):
                waiting = request["id"]
                question = {"id": "question", "method": "elicitation/create", "params": script["asks"][name]}
                sys.stdout.write(json.dumps({"jsonrpc": "2.0", **question}) + "\n")
                sys.stdout.flush()
                continue
            case "tools/call":
                result = script["calls"][name]
                answer = {"result": result.pop(0) if isinstance(result, list) else result}
            case _:
                answer = {"error": {"code": -32601, "message": "no such method"}}
        say(request["id"], answer)


def say(number: Any, answer: dict[str, Any]) -> None:
    sys.stdout.write(json.dumps({"jsonrpc": "2.0", "id": number, **answer}) + "\n")
    sys.stdout.flush()


if __name__ == "__main__":
    main()
