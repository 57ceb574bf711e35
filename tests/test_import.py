"""Importing sessions of other programs over the Agent Client Protocol. The other program is another sessionls."""

from __future__ import annotations

import asyncio
import json
import os
import sys
from pathlib import Path
from typing import Any

import pytest

from acp_client import GUARDED_ACP, Editors
from external_agents import ExternalAgentScript
from model_server import Answer, ModelServer, ToolUse


@pytest.fixture
async def other(
    start_editor: Editors, folder: Path, provider: ModelServer, monkeypatch: pytest.MonkeyPatch, fresh_home: Path
) -> str:
    """Create a session in the other program, which is the external agent `other` here. Returns its id."""
    data = str(fresh_home / "other")
    program = {"command": GUARDED_ACP[0], "args": GUARDED_ACP[1:], "env": {"SESSIONLS_DATA_DIR": data}}
    config = fresh_home / "config.toml"
    config.write_text(
        f"[agents.other]\ncommand = {json.dumps(program['command'])}\nargs = {json.dumps(program['args'])}\n"
        f"env = {{ SESSIONLS_DATA_DIR = {json.dumps(data)} }}\n",
        encoding="utf-8",
    )
    monkeypatch.setenv("SESSIONLS_CONFIG", str(config))
    editor = await start_editor(SESSIONLS_DATA_DIR=data)
    session = await editor.new(folder)
    provider.script(Answer("Let me look.", reasoning="hm", tools=[ToolUse("list_files", "{}")]), Answer("All is well."))
    await editor.prompt(session, "Look around.")
    await editor.prompt(session, "say: goodbye")
    return session


async def sessionls(folder: Path, *words: str, code: int = 0) -> Any:
    pipe = asyncio.subprocess.PIPE
    process = await asyncio.create_subprocess_exec(
        *[sys.executable, "-m", "sessionls", *words, "--json"], cwd=folder, env=dict(os.environ), stdout=pipe, stderr=pipe
    )
    out, err = await process.communicate()
    assert process.returncode == code, err.decode()
    return json.loads(out) if out else err.decode()


async def test_a_session_is_imported_once_with_its_origin(folder: Path, other: str) -> None:
    (brought,) = (await sessionls(folder, "import", "--from", "other"))["sessions"]
    assert (brought["id"], brought["added"]) == (other, 4)
    shown = await sessionls(folder, "show", brought["sessionId"])
    assert shown["session"]["title"] == brought["title"] == "Look around."
    first, reply, second, last = shown["messages"]
    assert [one["parts"][0]["text"] for one in (first, second)] == ["Look around.", "say: goodbye"]
    kinds = [part["kind"] for part in reply["parts"]]
    assert kinds == ["reasoning", "text", "tool", "text"]
    assert (reply["parts"][2]["name"], reply["parts"][2]["status"]) == ("search", "done")
    assert reply["author"]["agent"] == last["author"]["agent"] == "other"
    assert reply["notices"] == last["notices"] == [f"Imported from other, session {other}."]
    (again,) = (await sessionls(folder, "import", "--from", "other"))["sessions"]
    assert (again["sessionId"], again["added"]) == (brought["sessionId"], 0)
    assert len((await sessionls(folder, "sessions"))["sessions"]) == 1
    assert len((await sessionls(folder, "show", brought["sessionId"]))["messages"]) == 4


async def test_importing_again_adds_new_messages_unless_the_session_was_continued_here(
    start_editor: Editors, folder: Path, other: str, fresh_home: Path
) -> None:
    (brought,) = (await sessionls(folder, "import", "--from", "other"))["sessions"]
    there = await start_editor(SESSIONLS_DATA_DIR=str(fresh_home / "other"))
    await there.agent.resume_session(other, str(folder))
    await there.prompt(other, "say: more")
    (grown,) = (await sessionls(folder, "import", "--from", "other"))["sessions"]
    assert (grown["sessionId"], grown["added"]) == (brought["sessionId"], 2)
    await sessionls(folder, "ask", "--session", brought["sessionId"], "--agent", "code", "say: here")
    await there.prompt(other, "say: even more")
    (kept,) = (await sessionls(folder, "import", "--from", "other"))["sessions"]
    assert (kept["added"], kept["continued"]) == (0, True)
    messages = (await sessionls(folder, "show", brought["sessionId"]))["messages"]
    assert [one["parts"][-1]["text"] for one in messages[-2:]] == ["say: here", "here"]


async def test_sessions_can_be_listed_and_selected(folder: Path, other: str) -> None:
    (listed,) = (await sessionls(folder, "import", "--from", "other", "--list"))["sessions"]
    assert listed["id"] == other and "sessionId" not in listed
    assert "has no session zzz" in await sessionls(folder, "import", "--from", "other", "zzz", code=2)
    assert (await sessionls(folder, "import", "--from", "other", other[:13]))["sessions"][0]["added"] == 4


@pytest.mark.parametrize(
    ("words", "problem", "code"),
    [
        (["import"], "The program is missing", 2),
        (["import", "--from", "code"], "has no sessions of its own", 2),
        (["import", "--from", "nobody"], "There is no agent", 1),
    ],
)
async def test_agents_without_sessions_are_refused(folder: Path, words: list[str], problem: str, code: int) -> None:
    assert problem in await sessionls(folder, *words, code=code)


def scripted(home: Path, monkeypatch: pytest.MonkeyPatch, **script: Any) -> None:
    """Configure the external agent `odd`, which follows this script."""
    setting = ExternalAgentScript(home / "odd.json", {"announce": {"loadSession": True}, **script}).setting()
    config = home / "config.toml"
    config.write_text(
        f"[agents.odd]\ncommand = {json.dumps(setting['command'])}\nargs = {json.dumps(setting['args'])}\n", encoding="utf-8"
    )
    monkeypatch.setenv("SESSIONLS_CONFIG", str(config))


@pytest.mark.parametrize(
    ("listed", "count", "more"),
    [
        ([[]], 0, True),  # empty pages without end
        ([["same", "same", 7, None, ""]], 1, True),  # one session again and again
        ([600], 1_000, True),  # pages of 600 sessions without end
        ([2, 1], 3, False),
    ],
)
async def test_a_list_of_sessions_ends_whatever_the_agent_sends(
    folder: Path, fresh_home: Path, monkeypatch: pytest.MonkeyPatch, listed: list[Any], count: int, more: bool
) -> None:
    scripted(fresh_home, monkeypatch, listed=listed)
    process = await asyncio.create_subprocess_exec(
        *[sys.executable, "-m", "sessionls", "import", "--from", "odd", "--list", "--json"],
        cwd=folder,
        env=dict(os.environ),
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
    )
    out, err = await process.communicate()
    sessions = json.loads(out)["sessions"]
    assert len(sessions) == len({one["id"] for one in sessions}) == count
    assert (f"has more sessions in this folder: only {count:,} of them are listed" in err.decode()) == more


async def test_a_too_long_session_is_imported_in_part_and_the_result_reports_it(
    folder: Path, fresh_home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    scripted(fresh_home, monkeypatch, listed=[["long"], []], replays=[["a" * 900_000, 40]])
    monkeypatch.setenv("SESSIONLS_MODEL", "openai/test")
    (brought,) = (await sessionls(folder, "import", "--from", "odd"))["sessions"]
    assert (brought["cut"], brought["added"]) == (True, 2)
    [_, reply] = (await sessionls(folder, "show", brought["sessionId"]))["messages"]
    assert 0 < len(reply["parts"][0]["text"]) < 40 * 900_000
