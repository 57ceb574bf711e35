"""Starts `sessionls serve` and `sessionls acp` from a process that has imported their modules, which most of a start is.

`command(program)` is the command line of a small process that stands for the program: it has the program's stdin, stdout, stderr,
environment and working directory, passes signals to it, ends when it ends and with the same exit code, and takes it along when it
is killed. The program itself is a fork of the process that has the modules. Where that cannot be done, it is started as usual.

Tests of how the programs start do not use this.
"""

from __future__ import annotations

import contextlib
import gc
import importlib
import json
import os
import runpy
import selectors
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import traceback
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from sessionls.compose import preload
from sessionls.server.lsp_types import import_lsp_types

__all__ = ["command", "mcp_server", "stop"]

_MODULES = (  # what a program imports until its first reply has ended
    "acp.connection",
    "anyio._backends._asyncio",
    "blockbuster",
    "httpx2._client",
    "mcp.client.session",
    "mcp.server.mcpserver",
    "sessionls.acp_agent.agent",
    "sessionls.acp_agent.transport",
    "sessionls.agents.prompt_files",
    "sessionls.runtimes.acp.runtime",
    "sessionls.server.server",
    "sessionls.store.engine.sqlite.dialect",
    "sessionls.tools.restore",
)
_STARTER = Path(__file__).with_name("preloaded_start.py")


@dataclass
class _Preloaded:
    folder: str
    process: subprocess.Popen[bytes]

    @classmethod
    def start(cls) -> _Preloaded:
        folder = tempfile.mkdtemp(prefix="sessionls-")
        with socket.socket(socket.AF_UNIX) as listening:
            listening.bind(f"{folder}/socket")
            listening.listen(64)  # programs that are started before the imports are done wait here
            process = subprocess.Popen(
                [sys.executable, __file__, str(listening.fileno())], pass_fds=[listening.fileno()], stdin=subprocess.PIPE
            )
        return cls(folder, process)

    def stop(self) -> None:
        assert self.process.stdin is not None
        self.process.stdin.close()
        self.process.wait()
        shutil.rmtree(self.folder, ignore_errors=True)


_current: _Preloaded | None = None


def command(program: Path) -> list[str]:
    """The command line that runs this Python file, to which arguments can be appended."""
    global _current
    if sys.platform != "linux":
        return [sys.executable, str(program)]
    if _current is None:
        _current = _Preloaded.start()
    return [sys.executable, "-I", "-S", str(_STARTER), f"{_current.folder}/socket", str(program)]


def mcp_server() -> dict[str, Any]:
    """The `command` and `args` of the real MCP server of the tests, as a definition has them."""
    first, *rest = command(Path(__file__).with_name("mcp_server.py"))
    return {"command": first, "args": rest}


def stop() -> None:
    """End the process with the modules, and all programs that were started from it."""
    global _current
    if _current is not None:
        _current.stop()
        _current = None


# -- the process with the modules ------------------------------------------------------------------------------------


def _preload() -> None:
    import_lsp_types()
    for name in _MODULES:
        importlib.import_module(name)
    preload()


def _serve(listening: socket.socket) -> None:
    """Start programs until stdin ends."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    wake, waker = socket.socketpair()
    waker.setblocking(False)
    signal.signal(signal.SIGCHLD, lambda *_: None)
    signal.set_wakeup_fd(waker.fileno())
    running: dict[int, socket.socket] = {}
    with selectors.DefaultSelector() as selector:
        for readable in (sys.stdin, listening, wake):
            selector.register(readable, selectors.EVENT_READ)
        while True:
            for key, _ in selector.select():
                if key.fileobj is sys.stdin:
                    for pid in running:
                        os.kill(pid, signal.SIGKILL)
                    return
                if key.fileobj is listening:
                    connection, _address = listening.accept()
                    if (started := _start(connection)) is not None:
                        running[started] = connection
                        selector.register(connection, selectors.EVENT_READ, started)
                elif key.fileobj is wake:
                    wake.recv(4096)
                    _reap(running, selector)
                elif key.data in running:  # its starter was killed
                    os.kill(key.data, signal.SIGKILL)
                    selector.unregister(key.fileobj)


def _reap(running: dict[int, socket.socket], selector: selectors.BaseSelector) -> None:
    while running:
        pid, status = os.waitpid(-1, os.WNOHANG)
        if pid == 0:
            return
        connection = running.pop(pid)
        with contextlib.suppress(KeyError):
            selector.unregister(connection)
        with contextlib.suppress(OSError):
            connection.sendall(b"%d\n" % os.waitstatus_to_exitcode(status))
        connection.close()


def _start(connection: socket.socket) -> int | None:
    """Fork a program. Returns its process id; None if its starter is gone already."""
    received, files, _, _ = socket.recv_fds(connection, 1 << 16, 3)
    while received and not received.endswith(b"\n"):
        if not (more := connection.recv(1 << 16)):
            received = b""
        received += more
    pid = os.fork() if received else None
    if pid == 0:
        _become(json.loads(received), files)
    for file in files:
        os.close(file)
    if pid is None:
        connection.close()
    else:
        with contextlib.suppress(OSError):
            connection.sendall(b"%d\n" % pid)
    return pid


def _become(program: dict[str, Any], files: list[int]) -> None:
    """Continue as this program, and never return."""
    code = 1
    try:
        signal.set_wakeup_fd(-1)
        for number in (signal.SIGINT, signal.SIGCHLD):
            signal.signal(number, signal.default_int_handler if number == signal.SIGINT else signal.SIG_DFL)
        for to, file in enumerate(files):
            os.dup2(file, to)
        os.closerange(3, 256)
        os.environ.clear()
        os.environ.update(program["environment"])
        tempfile.tempdir = None
        os.chdir(program["folder"])
        sys.argv = program["words"]
        runpy.run_path(program["words"][0], run_name="__main__")
        code = 0
    except SystemExit as end:
        code = end.code if isinstance(end.code, int) else 0 if end.code is None else 1
    except BaseException:  # noqa: BLE001 (as the interpreter does)
        traceback.print_exc()
    finally:
        with contextlib.suppress(Exception):
            sys.stdout.flush()
            sys.stderr.flush()
        os._exit(code)


if __name__ == "__main__":
    _preload()
    gc.freeze()
    _serve(socket.socket(fileno=int(sys.argv[1])))
