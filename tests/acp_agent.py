"""An external agent for tests: a program that speaks the Agent Client Protocol over stdio and follows a script.

`acp_agent.py SCRIPT`: a JSON file. `announce`, `modes`, `options` and `auth` are what it announces; `replies` are its
actions for each prompt, in order, repeating the last one: a list of steps, each a list that starts with the name of a `do_…`.
Everything that it receives is written to the file SCRIPT.log, one JSON object per line.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import threading
import time
from pathlib import Path
from typing import Any, cast

_SCRIPT = Path(sys.argv[1])
_script: dict[str, Any] = json.loads(_SCRIPT.read_text("utf-8"))
_MEMORY = _SCRIPT.with_suffix(".memory")


class Agent:
    def __init__(self) -> None:
        self.lock = threading.Lock()
        self.number = 0
        self.answers: dict[int, dict[str, Any]] = {}
        self.arrived = threading.Condition()
        self.cancelled = threading.Event()
        self.mode = _script.get("modes", {}).get("currentModeId")
        self.options = {one["id"]: dict(one) for one in _script.get("options", [])}
        self.servers: dict[str, list[dict[str, Any]]] = {}

    # -- the wire ----------------------------------------------------------------------------------------------------

    def send(self, message: dict[str, Any]) -> None:
        self.raw(json.dumps({"jsonrpc": "2.0", **message}).encode() + b"\n")

    def raw(self, data: bytes) -> None:
        with self.lock:
            sys.stdout.buffer.write(data)
            sys.stdout.buffer.flush()

    def note(self, message: dict[str, Any]) -> None:
        with self.lock, _SCRIPT.with_suffix(".log").open("a", encoding="utf-8") as log:
            log.write(json.dumps({"pid": os.getpid(), **message}) + "\n")

    def ask(self, method: str, session: str, **params: Any) -> dict[str, Any]:
        """A request to the client, and its answer."""
        with self.arrived:
            self.number += 1
            number = self.number
        self.send({"id": number, "method": method, "params": {"sessionId": session, **params}})
        with self.arrived:
            self.arrived.wait_for(lambda: number in self.answers)
            answer = self.answers.pop(number)
        self.note({"answer": answer, "to": method})
        return answer

    def update(self, session: str, update: str, /, **fields: Any) -> None:
        self.send({"method": "session/update", "params": {"sessionId": session, "update": {"sessionUpdate": update, **fields}}})

    def serve(self) -> None:
        for number, line in enumerate(sys.stdin.buffer):
            if number >= _script.get("reads", 1 << 30):
                threading.Event().wait()  # read no more, for ever
            message = json.loads(line)
            if "method" not in message:
                with self.arrived:
                    self.answers[message["id"]] = message
                    self.arrived.notify_all()
                continue
            self.note(message)
            if "id" not in message:
                if message["method"] == "session/cancel" and not _script.get("deaf"):
                    self.cancelled.set()
                continue
            threading.Thread(target=self.answer, args=(message,), daemon=True).start()

    def answer(self, message: dict[str, Any]) -> None:
        params = message.get("params") or {}
        handler = getattr(self, message["method"].replace("/", "_"), None)
        if handler is None or message["method"] in _script.get("lacks", []):
            self.send({"id": message["id"], "error": {"code": -32601, "message": "Method not found"}})
            return
        result = handler(params)
        if isinstance(result, dict) and "error" in result:
            self.send({"id": message["id"], **result})
        elif result is not None:
            self.send({"id": message["id"], "result": result})

    # -- what it answers ---------------------------------------------------------------------------------------------

    def initialize(self, _: dict[str, Any]) -> dict[str, Any] | None:
        time.sleep(_script.get("slow", 0))
        if _script.get("silent"):
            return None
        if "dies" in _script:
            os._exit(_script["dies"])
        return {
            "protocolVersion": _script.get("version", 1),
            "agentCapabilities": _script.get("announce", {}),
            "authMethods": _script.get("auth", []),
        }

    def session_new(self, params: dict[str, Any]) -> dict[str, Any]:
        if _script.get("signed_out"):
            return {"error": {"code": -32000, "message": "Authentication required"}}
        known = _remembered()
        session = "theirs-1" if _script.get("one_id") else f"theirs-{len(known) + 1}"
        _MEMORY.write_text(json.dumps([*known, session]), "utf-8")
        self.servers[session] = params["mcpServers"]
        return {"sessionId": session, **self._configuration()}

    def session_fork(self, params: dict[str, Any]) -> dict[str, Any]:
        if params["sessionId"] not in _remembered():
            return {"error": {"code": -32002, "message": "Resource not found"}}
        return self.session_new(params)

    def session_list(self, params: dict[str, Any]) -> dict[str, Any]:
        """One page of `listed`: for each session its id, or a number of sessions. Without end if there is only one page."""
        page = int(params.get("cursor") or 0)
        pages = _script["listed"]
        sessions = pages[min(page, len(pages) - 1)]
        if isinstance(sessions, int):
            sessions = [f"{page}-{number}" for number in range(sessions)]
        more = {} if 1 < len(pages) == page + 1 else {"nextCursor": str(page + 1)}
        return {"sessions": [{"sessionId": one, "cwd": params.get("cwd", "/")} for one in sessions], **more}

    def session_load(self, params: dict[str, Any]) -> dict[str, Any]:
        for text, times in _script.get("replays", []):
            for _ in range(times):
                self.update(params["sessionId"], "agent_message_chunk", content={"type": "text", "text": text})
        if "replays" in _script:
            return {}
        if params["sessionId"] not in _remembered():
            return {"error": {"code": -32002, "message": "Resource not found"}}
        self.update(params["sessionId"], "user_message_chunk", content={"type": "text", "text": "an old message"})
        self.update(params["sessionId"], "agent_message_chunk", content={"type": "text", "text": "an old reply"})
        return self._configuration()

    def session_resume(self, params: dict[str, Any]) -> dict[str, Any]:
        self.servers[params["sessionId"]] = params["mcpServers"]
        if params["sessionId"] not in _remembered():
            return {"error": {"code": -32002, "message": "Resource not found"}}
        return self._configuration()

    def session_set_mode(self, params: dict[str, Any]) -> dict[str, Any]:
        if not _script.get("stubborn"):
            self.mode = params["modeId"]
        return {}

    def session_set_config_option(self, params: dict[str, Any]) -> dict[str, Any]:
        if not _script.get("stubborn"):
            self.options[params["configId"]]["currentValue"] = params["value"]
        return {"configOptions": list(self.options.values())}

    def _configuration(self) -> dict[str, Any]:
        found: dict[str, Any] = {}
        if "modes" in _script:
            found["modes"] = {**_script["modes"], "currentModeId": self.mode}
        if self.options:
            found["configOptions"] = list(self.options.values())
        return found

    def session_prompt(self, params: dict[str, Any]) -> dict[str, Any] | None:
        session = params["sessionId"]
        self.cancelled.clear()
        count_file = _SCRIPT.with_suffix(".count")
        count = int(count_file.read_text()) if count_file.exists() else 0
        count_file.write_text(str(count + 1))
        replies = _script.get("replies", [[["say", "Done."]]])
        for step in replies[min(count, len(replies) - 1)]:
            if self.cancelled.is_set():
                return {"stopReason": "cancelled"}
            outcome = getattr(self, f"do_{step[0]}")(session, *step[1:])
            if outcome is not None:
                return cast("dict[str, Any]", outcome)
        if self.cancelled.is_set():
            return {"stopReason": "cancelled"}
        return {"stopReason": "end_turn", **({"usage": _script["usage"]} if "usage" in _script else {})}

    # -- what it does ------------------------------------------------------------------------------------------------

    def do_say(self, session: str, text: str) -> None:
        self.update(session, "agent_message_chunk", content={"type": "text", "text": text})

    def do_think(self, session: str, text: str) -> None:
        self.update(session, "agent_thought_chunk", content={"type": "text", "text": text})

    def do_update(self, session: str, kind: str, fields: dict[str, Any]) -> None:
        self.update(session, kind, **fields)

    def do_mode(self, session: str) -> None:
        """Report the current mode and options."""
        self.do_say(session, json.dumps({"mode": self.mode, **{key: one["currentValue"] for key, one in self.options.items()}}))

    def do_switch(self, session: str, mode: str) -> None:
        """Change the mode by itself."""
        self.mode = mode
        self.update(session, "current_mode_update", currentModeId=mode)

    def do_ask(self, session: str, call: dict[str, Any], options: list[dict[str, Any]] | None = None) -> None:
        """Ask for permission, and report the answer."""
        options = options or [
            {"optionId": "always", "name": "Always", "kind": "allow_always"},
            {"optionId": "yes", "name": "Yes", "kind": "allow_once"},
            {"optionId": "no", "name": "No", "kind": "reject_once"},
        ]
        answer = self.ask("session/request_permission", session, toolCall=call, options=options)
        outcome = answer["result"]["outcome"]
        self.do_say(session, f"<{outcome.get('optionId', outcome['outcome'])}>")

    def do_storm(self, session: str, count: int) -> None:
        """Send many requests at once."""
        threads = [
            threading.Thread(
                target=self.do_ask, args=(session, {"toolCallId": f"s{number}", "kind": "execute", "title": f"{number}"})
            )
            for number in range(count)
        ]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()

    def do_terminals(self, session: str, count: int) -> None:
        """Create many terminals at once. Reports how many there are."""
        answers: list[dict[str, Any]] = []

        def create() -> None:
            answers.append(self.ask("terminal/create", session, command="sleep 600"))

        threads = [threading.Thread(target=create) for _ in range(count)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        self.do_say(session, str(sum("result" in answer for answer in answers)))

    def do_read(self, session: str, path: str, *more: int) -> None:
        answer = self.ask("fs/read_text_file", session, path=path, **dict(zip(("line", "limit"), more, strict=False)))
        self.do_say(session, answer["result"]["content"] if "result" in answer else f"<{answer['error']['message']}>")

    def do_read_unheard(self, session: str, path: str, times: int) -> None:
        """Ask for a file, and do not wait for the answers."""
        for number in range(times):
            self.send({"id": f"r{number}", "method": "fs/read_text_file", "params": {"sessionId": session, "path": path}})

    def do_write(self, session: str, path: str, content: str) -> None:
        answer = self.ask("fs/write_text_file", session, path=path, content=content)
        if "error" in answer:
            self.do_say(session, f"<{answer['error']['message']}>")

    def do_terminal(self, session: str, command: str, args: list[str], wait: bool = True) -> None:
        answer = self.ask("terminal/create", session, command=command, args=args)
        if "error" in answer:
            self.do_say(session, f"<{answer['error']['message']}>")
            return
        terminal = answer["result"]["terminalId"]
        if not wait:
            return
        status = self.ask("terminal/wait_for_exit", session, terminalId=terminal)["result"]
        output = self.ask("terminal/output", session, terminalId=terminal)["result"]["output"]
        self.ask("terminal/release", session, terminalId=terminal)
        self.do_say(session, f"{status.get('exitCode')}: {output}")

    def do_write_large(self, session: str, path: str, length: int) -> None:
        self.do_write(session, path, "x" * length)

    def do_write_by_itself(self, _: str, path: str, content: str) -> None:
        Path(path).write_text(content, "utf-8")

    def do_write_odd_files(self, _: str, folder: str) -> None:
        """Create files whose names are odd or that cannot be read, and a link out of the folder."""
        for name in (b"\xff.txt", b"a\nb.txt", b"\x1b[31mred.txt"):
            Path(folder, os.fsdecode(name)).write_text("odd")
        os.mkfifo(Path(folder, "pipe"))
        Path(folder, "link").symlink_to("/etc/passwd")
        Path(folder, "loop").symlink_to("loop")

    def do_wait(self, _: str) -> None:
        """Wait until it is cancelled."""
        self.cancelled.wait()

    def do_hang(self, _: str) -> None:
        threading.Event().wait()

    def do_die(self, _: str, code: int = 1) -> None:
        os._exit(code)

    def do_dies_at(self, _: str, method: str) -> None:
        """Die when it gets that request."""
        setattr(self, method, lambda _: os._exit(1))

    def do_fail(self, _: str, code: int, message: str) -> dict[str, Any]:
        return {"error": {"code": code, "message": message}}

    def do_stop(self, _: str, reason: str) -> dict[str, Any]:
        return {"stopReason": reason}

    def do_stop_at_length(self, _: str, length: int) -> dict[str, Any]:
        return {"stopReason": "end_turn", "_meta": {"much": "x" * length}}

    def do_answer(self, _: str, answer: dict[str, Any]) -> dict[str, Any]:
        """End the turn with any answer."""
        return answer

    def do_later(self, session: str, *steps: list[Any]) -> None:
        """Do these steps after the end of the turn."""

        def work() -> None:
            time.sleep(0.3)
            for step in steps:
                getattr(self, f"do_{step[0]}")(session, *step[1:])
            self.note({"later": True})

        threading.Thread(target=work, daemon=True).start()

    def do_flood(self, session: str) -> None:
        """Write without end, also after the turn."""

        def work() -> None:
            update = {"sessionUpdate": "agent_message_chunk", "content": {"type": "text", "text": "and on "}}
            message = {"jsonrpc": "2.0", "method": "session/update", "params": {"sessionId": session, "update": update}}
            while True:
                self.raw((json.dumps(message).encode() + b"\n") * 1_000)
                time.sleep(0.001)  # other threads write, too

        threading.Thread(target=work, daemon=True).start()

    def do_raw(self, _: str, text: str, times: int = 1) -> None:
        """Write any text, which may not be a message."""
        self.raw(text.encode() * times + b"\n")

    def do_child(self, session: str) -> None:
        """Start a program in a new session that does not end by itself, and report its process id."""
        child = subprocess.Popen(["sleep", "600"], stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, start_new_session=True)
        self.do_say(session, f"child {child.pid}")

    def do_mcp(self, session: str, tool: str, arguments: dict[str, Any]) -> None:
        """Start the client's MCP server and call one of its tools. Reports the tools and the result."""
        [server] = self.servers[session]
        environment = {**os.environ, **{one["name"]: one["value"] for one in server["env"]}}
        words = [server["command"], *server["args"]]
        with subprocess.Popen(words, stdin=subprocess.PIPE, stdout=subprocess.PIPE, env=environment) as running:
            assert running.stdin and running.stdout

            def ask(number: int, method: str, **params: Any) -> dict[str, Any]:
                assert running.stdin and running.stdout
                running.stdin.write(
                    json.dumps({"jsonrpc": "2.0", "id": number, "method": method, "params": params}).encode() + b"\n"
                )
                running.stdin.flush()
                return cast("dict[str, Any]", json.loads(running.stdout.readline())["result"])

            ask(1, "initialize", protocolVersion="2025-06-18", capabilities={}, clientInfo={"name": "test", "version": "1"})
            names = sorted(one["name"] for one in ask(2, "tools/list")["tools"])
            result = ask(3, "tools/call", name=tool, arguments=arguments)
            running.stdin.close()
        self.do_say(session, json.dumps({"tools": names, "text": result["content"][0]["text"], "failed": result["isError"]}))

    def do_environment(self, session: str, *names: str) -> None:
        self.do_say(session, json.dumps({name: os.environ.get(name) for name in names}))

    def do_complain(self, _: str, text: str, times: int) -> None:
        sys.stderr.write(text * times)
        sys.stderr.flush()


def _remembered() -> list[str]:
    return json.loads(_MEMORY.read_text("utf-8")) if _MEMORY.exists() else []


if __name__ == "__main__":
    Agent().serve()
