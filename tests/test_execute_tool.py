"""Running commands: the result for the agent, the limited environment, and that no process is left."""

from __future__ import annotations

import asyncio
import os
import shlex
import signal
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import psutil
import pytest

from in_process_app import App, PlainEditor, app, write_agent
from model_server import Answer, ModelServer, ToolUse
from sessionls.domain.model import Message, ToolPart
from sessionls.ports.tools import ToolFailed
from sessionls.sessions.workspace.workspace import Workspace
from sessionls.tools.execute import RunCommand, environment_for_commands, scope_of
from tool_calls import LoneCall

posix_only = pytest.mark.skipif(os.name == "nt", reason="speaks the shell of POSIX")
pytestmark = posix_only

PYTHON = shlex.quote(sys.executable)


@pytest.fixture
def tool(folder: Path) -> RunCommand:
    return RunCommand(Workspace(PlainEditor([folder.as_uri()])))


async def run(tool: RunCommand, command: str, **more: Any) -> str:
    return await tool.run({"command": command, **more}, LoneCall())


async def fails(tool: RunCommand, command: str, **more: Any) -> str:
    """The result for the agent of a command that failed."""
    with pytest.raises(ToolFailed) as failed:
        await run(tool, command, **more)
    return str(failed.value)


async def comes(condition: Callable[[], bool]) -> None:
    """Wait until the condition is true. It depends on other processes, so it is polled."""

    def wait() -> None:
        deadline = time.monotonic() + 30
        while not condition():
            assert time.monotonic() < deadline, "it does not come"
            time.sleep(0.01)

    await asyncio.to_thread(wait)


async def pid_in(path: Path) -> int:
    """Wait for the number that a command writes into a file."""
    await comes(lambda: path.exists() and path.read_text(encoding="ascii").endswith("\n"))
    return int(await asyncio.to_thread(path.read_text))


def is_gone(pid: int) -> bool:
    """Whether that process no longer runs. A zombie, whose parent has not read its exit code yet, does not run either."""
    try:
        return bool(psutil.Process(pid).status() == psutil.STATUS_ZOMBIE)
    except psutil.NoSuchProcess:
        return True


async def ends(pid: int) -> None:
    await comes(lambda: is_gone(pid))


class TestResults:
    async def test_output_and_errors_are_in_order_with_the_exit_code(self, tool: RunCommand) -> None:
        assert await fails(tool, "echo one; echo two >&2; echo three; exit 3") == "Exit code 3.\none\ntwo\nthree"
        assert await run(tool, "true") == "Exit code 0.\n(no output)"
        assert "ended by a signal" in await fails(tool, "kill -TERM $$")

    async def test_it_runs_in_the_workspace_folder_or_a_subfolder(self, tool: RunCommand, folder: Path) -> None:
        (folder / "inner").mkdir()
        assert str(folder) in await run(tool, "pwd -P")
        assert str(folder / "inner") in await run(tool, "pwd -P", folder="inner")
        for outside in ("..", "/", "nowhere"):
            with pytest.raises(ToolFailed, match=r"outside|does not exist"):
                await run(tool, "pwd", folder=outside)

    async def test_the_middle_of_long_output_is_left_out(self, tool: RunCommand) -> None:
        told = await run(tool, "echo first; seq 1 200000; echo last")
        assert len(told) < 31_000 and "bytes left out" in told
        assert told.startswith("Exit code 0.\nfirst\n1\n2\n") and told.endswith("200000\nlast")

    async def test_endless_output_is_not_kept(self, tool: RunCommand) -> None:
        told = await fails(tool, "yes", seconds=1)
        assert "Stopped after 1 seconds" in told and len(told) < 31_000

    async def test_binary_output_and_control_sequences_are_cleaned(self, tool: RunCommand) -> None:
        told = await run(tool, r"printf '\033[31mred\033[0m \377 \033]0;title\007 10%%\r20%%\r\n'")
        assert told == "Exit code 0.\n20%" or told.endswith("20%")
        assert "\x1b" not in told and "title" not in told

    async def test_it_has_no_input(self, tool: RunCommand) -> None:
        assert await run(tool, "cat; read answer || echo none") == "Exit code 0.\nnone"

    async def test_a_command_that_cannot_start_is_explained(self, tool: RunCommand) -> None:
        with pytest.raises(ToolFailed, match="NUL"):
            await run(tool, "echo \0")
        with pytest.raises(ToolFailed, match="seconds"):
            await run(tool, "true", seconds=3600)
        assert "127" in await fails(tool, "no-such-program-anywhere")


class TestCommandEnvironment:
    async def test_no_key_reaches_a_command(self, tool: RunCommand, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setenv("OPENAI_API_KEY", "hush-1")
        monkeypatch.setenv("WHATEVER", "https://ann:hush-2@example.org/")
        monkeypatch.setenv("LC_TIME", "shown")
        told = await run(tool, "env")
        assert "hush" not in told and "LC_TIME=shown" in told

    @pytest.mark.parametrize(
        "name",
        [
            "OPENAI_API_KEY",
            "GITHUB_TOKEN",
            "GH_PAT",
            "AWS_SECRET_ACCESS_KEY",
            "AWS_ACCESS_KEY_ID",
            "MYSQL_PWD",
            "DB_PASSWORD",
            "npm_config__authToken",
            "SENTRY_DSN",
            "SSH_AUTH_SOCK",
            "APIKEY",
            "GPG_PASSPHRASE",
            "ANTHROPIC_AUTH_TOKEN",
            "PGPASSWORD",
        ],
    )
    def test_variables_with_names_of_secrets_are_removed(self, name: str) -> None:
        assert name not in environment_for_commands({name: "x"})

    @pytest.mark.parametrize("value", ["sk-abc", "ghp_abc", "github_pat_abc", "postgres://ann:pw@host/db", "AKIAABCDEF"])
    def test_variables_with_secret_values_are_removed(self, value: str) -> None:
        assert "X" not in environment_for_commands({"X": value})

    @pytest.mark.parametrize("name", ["PATH", "HOME", "PWD", "LANG", "VIRTUAL_ENV", "PATHEXT", "XDG_DATA_HOME"])
    def test_variables_that_commands_need_are_kept(self, name: str) -> None:
        assert environment_for_commands({name: "x"})[name] == "x"


class TestLeftoverProcesses:
    async def test_after_a_timeout_it_is_killed_with_its_children(self, tool: RunCommand, folder: Path) -> None:
        command = "(sleep 1000 & echo $! > inner.pid; wait) & echo $$ > outer.pid; echo begun; sleep 1000"
        told = await fails(tool, command, seconds=1)
        assert told.startswith("Stopped after 1 seconds") and "begun" in told
        for name in ("outer.pid", "inner.pid"):
            await ends(await pid_in(folder / name))

    async def test_background_processes_end_with_the_command(self, tool: RunCommand, folder: Path) -> None:
        began = time.monotonic()
        assert "begun" in await run(tool, "sleep 1000 & echo $! > it.pid; echo begun")
        assert time.monotonic() - began < 100, "it waited for what was in the background"
        await ends(await pid_in(folder / "it.pid"))

    @pytest.mark.skipif(sys.platform != "linux", reason="found by a mark that only Linux shows")
    async def test_processes_that_left_the_group_end_with_the_command(self, tool: RunCommand, folder: Path) -> None:
        await run(
            tool, "setsid sh -c 'echo $$ > it.pid; sleep 1000' >/dev/null 2>&1 & while ! test -s it.pid; do sleep 0.01; done"
        )
        await ends(await pid_in(folder / "it.pid"))

    async def test_ignoring_signals_does_not_help(self, tool: RunCommand, folder: Path) -> None:
        told = await fails(tool, "trap '' TERM INT HUP; echo $$ > it.pid; while :; do sleep 1; done", seconds=1)
        assert told.startswith("Stopped")
        await ends(await pid_in(folder / "it.pid"))

    async def test_cancelling_kills_it(self, tool: RunCommand, folder: Path) -> None:
        running = asyncio.create_task(run(tool, "sleep 1000 & echo $! > it.pid; wait"))
        pid = await pid_in(folder / "it.pid")
        running.cancel()
        with pytest.raises(asyncio.CancelledError):
            await running
        await ends(pid)

    async def test_it_ends_when_the_server_is_killed(self, folder: Path) -> None:
        program = (
            "import asyncio, os, sys, pathlib\n"
            "from sessionls.tools.process import run_shell\n"
            "asyncio.run(run_shell('sleep 1000 & echo $! > it.pid; wait', pathlib.Path('.'), os.environ, seconds=1000, limit=99))"
        )
        server = await asyncio.create_subprocess_exec(sys.executable, "-c", program, cwd=folder)
        try:
            pid = await pid_in(folder / "it.pid")
        finally:
            server.send_signal(signal.SIGKILL)
        await server.wait()
        await ends(pid)


class TestPermissionScope:
    async def test_a_permission_request_shows_the_whole_command(self, tool: RunCommand) -> None:
        command = "make test &&\n  rm -rf build"
        permission_request = await tool.permission_request({"command": command, "folder": "inner"})
        assert (permission_request.summary, permission_request.detail) == ("Run make test && rm -rf build in inner", command)

    @pytest.mark.parametrize(
        ("granted", "asked"),
        [
            ("pytest tests/a.py", "pytest tests/b.py"),
            ("pytest", "pytest tests/a.py::test_x"),
            ("ruff check src", "ruff check tests"),
            ("git status", "git status src"),
            ("cargo test", "cargo test one"),
            ("rm -rf build", "rm -rf build"),
        ],
    )
    def test_permission_covers_the_same_command_and_known_programs_on_other_files(self, granted: str, asked: str) -> None:
        assert scope_of(granted) == scope_of(asked)

    @pytest.mark.parametrize(
        "asked",
        [
            "pytest tests; rm -rf ~",
            "pytest && curl x",
            "pytest $(id)",
            "pytest `id`",
            "pytest | sh",
            "pytest > /etc/x",
            "pytest &",
            "pytest\nrm x",
            "pytest -p evil",
            "pytest tests -p evil",
            "pytest --rootdir=/",
            "pytest ../other",
            "pytest /tmp/x",
            "pytest @file",
            "pytest ~/x",
            "pytest a\\;b",
            "pytest 'a'",
            "pytest $X",
            "pytest\ttests;id",
            "X=1 pytest",
            "pytest *",
            "pytest…",
            "pytest …",
            "python evil.py",
            "rm -rf src",
            "npm install evil",
            "git push",
            "pytest tests/../../x",
        ],
    )
    def test_permission_covers_nothing_else(self, asked: str) -> None:
        for granted in ("pytest", "pytest tests/a.py", "python x.py", "rm -rf build", "npm install", "git status"):
            assert scope_of(granted) != scope_of(asked)

    def test_permission_does_not_cover_another_folder(self) -> None:
        assert scope_of("pytest") != scope_of("pytest", "inner")
        assert scope_of("make", "a") != scope_of("make", "b")
        assert scope_of("make", ".") == scope_of("make")


# -- in a reply --------------------------------------------------------------------------------------------------------


def runs(command: str) -> Answer:
    return Answer(tools=[ToolUse("run_command", {"command": command})])


def calls(reply: Message) -> list[ToolPart]:
    return [part for part in reply.parts if isinstance(part, ToolPart)]


class TestInAReply:
    @pytest.fixture(autouse=True)
    def runner(self, folder: Path) -> None:
        write_agent(folder, "runner", "You run.")

    async def start(self, home: App, *answers: Answer, model_server: ModelServer) -> tuple[str, asyncio.Task[Message]]:
        model_server.script(*answers)
        session = await home.sessions.create(agent="runner")
        await home.sessions.open(session.id)

        async def send() -> Message:
            return (await home.sessions.message(session.id, "run")).reply

        return session.id, asyncio.create_task(send())

    async def test_permission_for_the_session_does_not_cover_other_commands(
        self, folder: Path, model_server: ModelServer
    ) -> None:
        async with app(folder, model_server) as home:
            home.editor.answers += ["session", "deny"]
            answers = (runs("echo a >> log"), runs("echo a >> log"), runs("echo a >> log; echo b >> log"), Answer("done"))
            _, sending = await self.start(home, *answers, model_server=model_server)
            assert [part.status for part in calls(await sending)] == ["done", "done", "denied"]
            assert await asyncio.to_thread((folder / "log").read_text) == "a\na\n"
            assert [q.detail for q in home.editor.questions] == ["echo a >> log", "echo a >> log; echo b >> log"]

    @pytest.mark.parametrize("how", ["pause", "cancel"])
    async def test_stopping_kills_the_command_and_it_is_not_repeated(
        self, folder: Path, model_server: ModelServer, how: str
    ) -> None:
        command = "echo run >> log; sleep 1000 & echo $! > it.pid; wait"
        async with app(folder, model_server) as home:
            home.editor.answers += ["once", "once"]
            session, sending = await self.start(home, runs(command), Answer("done"), model_server=model_server)
            pid = await pid_in(folder / "it.pid")
            await (home.sessions.pause if how == "pause" else home.sessions.cancel)(session)
            reply = await sending
            await ends(pid)
            if how == "cancel":
                assert (reply.status, calls(reply)[0].status) == ("cancelled", "failed")
                return
            assert (reply.status, calls(reply)[0].status) == ("paused", "running")
            home.events.clear()
            await home.sessions.resume(session)
            await home.event("replyFinished")
            (call,) = calls((await home.sessions.history(session)).messages[-1])
            assert call.status == "failed" and "not known" in (call.result or "")
            assert await asyncio.to_thread((folder / "log").read_text) == "run\n"

    async def test_closing_the_editor_kills_the_command_and_the_reply_can_be_resumed(
        self, folder: Path, model_server: ModelServer
    ) -> None:
        async with app(folder, model_server) as home:
            home.editor.answers += ["once"]
            session, sending = await self.start(
                home, runs("sleep 1000 & echo $! > it.pid; wait"), Answer("done"), model_server=model_server
            )
            pid = await pid_in(folder / "it.pid")
        await ends(pid)
        assert (await sending).status == "interrupted"
        async with app(folder, model_server) as home:
            await home.sessions.open(session)
            await home.sessions.resume(session)
            await home.event("replyFinished")
            reply = (await home.sessions.history(session)).messages[-1]
            assert (reply.status, calls(reply)[0].status) == ("complete", "failed")
