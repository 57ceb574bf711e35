"""`sessionls answer`: a question that waits in one terminal is found and answered in another one."""

from __future__ import annotations

import contextlib
import os
import re
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest

from model_server import Answer, ModelServer
from terminal_commands import Cli
from tool_calls import runs

pytestmark = pytest.mark.skipif(os.name == "nt", reason="speaks the shell of POSIX")

COMMAND = "echo yes >> log.txt"


@pytest.fixture
def cli(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    model_server: ModelServer,
) -> Cli:
    folder = tmp_path / "workspace"
    folder.mkdir()
    for name, value in (("OPENAI_API_BASE", model_server.openai), ("OPENAI_API_KEY", "sk-x"), ("SESSIONLS_MODEL", "openai/test")):
        monkeypatch.setenv(name, value)
    return Cli(folder, monkeypatch, capsys)


def waiting(cli: Cli) -> tuple[subprocess.Popen[str], dict[str, Any]]:
    """A terminal without a person asks. Returns its process and its session from the list."""
    process = cli.start("ask", "run it")
    deadline = time.monotonic() + 60
    while True:
        sessions = cli("sessions", "--json").data["sessions"]
        if sessions and sessions[0].get("asking"):
            return process, sessions[0]
        assert process.poll() is None and time.monotonic() < deadline, process.communicate()
        time.sleep(0.1)


def test_a_question_is_listed_and_can_be_answered_by_the_end_of_its_id(cli: Cli, model_server: ModelServer) -> None:
    model_server.script(runs(COMMAND), Answer("It ran."))
    process, session = waiting(cli)
    cli("rename", session["id"], "The one that asks")
    name, request = session["id"][-8:], session["asking"][0]["requestId"][-8:]
    listed = cli("sessions")
    assert re.search(rf"{name} +The one that asks +code +asks ", listed.out)
    assert f"sessionls show {name}" in listed.err
    shown = cli("show", name).out
    assert f"code asks: Run {COMMAND}" in shown and "waits for permission to continue its reply to" in shown
    assert f"sessionls answer {name} {request} once|session|deny" in shown
    assert "Allowed once" in cli("answer", name, request, "once").err
    out, err = process.communicate(timeout=60)
    assert (process.returncode, out) == (0, "It ran.\n"), err
    assert f"sessionls answer {name} {request} once|session|deny" in err
    assert (cli.folder / "log.txt").read_text(encoding="utf-8") == "yes\n"
    assert "asks" not in cli("sessions").out.replace("that asks", "")
    assert "no longer open" in cli("answer", name, session["asking"][0]["requestId"], "once", code=1).err
    assert "No question is open" in cli("answer", name, "deny", code=1).err


def test_an_answer_for_the_session_says_what_it_covers_and_applies_to_the_next_call(cli: Cli, model_server: ModelServer) -> None:
    model_server.script(runs(COMMAND, COMMAND), Answer("Both ran."))
    process, session = waiting(cli)
    assert "in replies to your messages" in cli("answer", session["id"], "session").err
    out, err = process.communicate(timeout=60)
    assert (process.returncode, out) == (0, "Both ran.\n"), err
    assert (cli.folder / "log.txt").read_text(encoding="utf-8") == "yes\nyes\n"


def test_a_denial_ends_the_wait(cli: Cli, model_server: ModelServer) -> None:
    model_server.script(runs(COMMAND), Answer("Then not."))
    process, session = waiting(cli)
    cli("answer", session["id"], "deny")
    out, err = process.communicate(timeout=60)
    assert (process.returncode, out) == (0, "Then not.\n"), err
    assert not (cli.folder / "log.txt").exists()


def test_an_invalid_answer_changes_nothing(cli: Cli, model_server: ModelServer) -> None:
    model_server.script(runs(COMMAND), Answer("Then not."))
    process, session = waiting(cli)
    for words in (["yes"], ["once", "deny"], [session["asking"][0]["requestId"]], ["a", "b", "once"]):
        cli("answer", session["id"], *words, code=1 if words == ["once", "deny"] else 2)
    assert cli.session(session["id"])["asking"] == session["asking"]
    cli("answer", session["id"], "deny")
    process.communicate(timeout=60)


def test_continue_uses_the_newest_session_even_if_another_one_waits(cli: Cli, model_server: ModelServer) -> None:
    model_server.script(runs(COMMAND), Answer("newer"), Answer("again"), Answer("Then not."))
    process, session = waiting(cli)
    newer = cli("ask", "newer")
    assert cli("ask", "--continue", "again").session == newer.session
    cli("answer", session["id"], "deny")
    process.communicate(timeout=60)


def test_the_asking_terminal_accepts_an_answer_from_another_one(cli: Cli, model_server: ModelServer) -> None:
    import pty

    model_server.script(runs(COMMAND), Answer("It ran."))
    ours, theirs = pty.openpty()
    process = subprocess.Popen(
        [sys.executable, "-m", "sessionls", "ask", "run it"],
        cwd=cli.folder,
        env={**os.environ, "TERM": "xterm-256color", "COLUMNS": "100"},
        stdin=theirs,
        stdout=theirs,
        stderr=theirs,
        start_new_session=True,
    )
    os.close(theirs)
    seen = bytearray()
    while b"[n]o" not in seen:
        seen += os.read(ours, 65536)
    os.write(ours, b"\n")  # Enter alone is not an answer
    [session] = cli("sessions", "--json").data["sessions"]
    assert session["asking"]
    cli("answer", session["id"], "once")
    with contextlib.suppress(OSError):  # Linux's error if the other end is closed
        while data := os.read(ours, 65536):
            seen += data
    os.close(ours)
    assert process.wait(60) == 0
    told = " ".join(re.sub(r"\x1b\[[0-9;?]*[A-Za-z]", "", seen.decode("utf-8", "replace")).split())
    assert "in replies to your messages" in told and "answered elsewhere" in told and "It ran." in told
