"""`sessionls changes` and `sessionls revert`: listing and reverting changes of agents in a terminal."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from model_server import Answer, ModelServer, ToolUse
from shared_server import key_for
from terminal_commands import Cli

TEXT = "".join(f"line {number}\n" for number in range(1, 11))


@pytest.fixture
def cli(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], model_server: ModelServer) -> Cli:
    """A folder with `a.py`, in which an agent changed two lines."""
    folder = tmp_path / "work"
    folder.mkdir()
    (folder / "a.py").write_text(TEXT, encoding="utf-8", newline="\n")
    permissions = '{"write": "allow", "execute": "allow"}'
    for name, value in (
        *key_for(model_server).items(),
        ("SESSIONLS_MODEL", "openai/test"),
        ("SESSIONLS_PERMISSIONS", permissions),
        ("SESSIONLS_EMBEDDED", "false"),
    ):
        monkeypatch.setenv(name, value)
    edits = [{"old": "line 2\n", "new": "two\n"}, {"old": "line 9\n", "new": "nine \x1b[31m\n"}]
    model_server.script(
        Answer(tools=[ToolUse("read_file", {"path": "a.py"})]),
        Answer(tools=[ToolUse("edit_file", {"path": "a.py", "edits": edits})]),
        Answer(tools=[ToolUse("run_command", {"command": "echo hello"})]),
        Answer("Done."),
    )
    cli = Cli(folder, monkeypatch, capsys)
    cli("ask", "--title", "Edits", "do it")
    return cli


def session(cli: Cli) -> str:
    return str(cli("sessions", "--json").data["sessions"][0]["id"])


def text(cli: Cli) -> str:
    return (cli.folder / "a.py").read_bytes().decode()


def test_changes_are_shown_together_with_unknown_ones(cli: Cli) -> None:
    shown = cli("changes", session(cli)[-8:])
    assert re.match(r"a\.py  \+2 -2\n@@ .+ line 2 @@\n-line 2\n\+two\n@@ .+ line 9 @@\n-line 9\n\+nine ", shown.out)
    assert "\x1b" not in shown.out, "nothing in a file is obeyed by the terminal"
    assert "Commands that may have changed files: echo hello" in shown.err
    assert cli("changes", session(cli), "--json").data["files"][0]["state"] == "applied"


def test_the_newest_reply_is_reverted_and_restored(cli: Cli) -> None:
    after = text(cli)
    done = cli("revert", session(cli))
    assert text(cli) == TEXT
    assert "a.py  +2 -2  reverted" in cli("changes", session(cli)).out
    [again] = re.findall(r"To undo this: sessionls (revert .+)", done.err)
    cli(*again.split())
    assert text(cli) == after


def test_one_hunk_is_reverted(cli: Cli) -> None:
    hunk = cli("changes", session(cli), "--json").data["files"][0]["hunks"][0]["id"]
    cli("revert", session(cli), "--file", "a.py", "--hunk", hunk)
    assert text(cli).startswith("line 1\nline 2\n") and "nine" in text(cli)


def test_conflicts_with_later_changes_are_shown(cli: Cli) -> None:
    mine = text(cli).replace("two", "mine")
    (cli.folder / "a.py").write_bytes(mine.encode())
    refused = cli("revert", session(cli), code=1)
    assert "-two\n+mine\n" in refused.out
    assert "a.py: Somebody changed the same lines later" in refused.err
    assert text(cli) == mine
