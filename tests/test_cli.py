"""The terminal commands, with the tests' model server."""

from __future__ import annotations

import json
import os
import re
import signal
import sqlite3
import subprocess
import sys
from collections.abc import Sequence
from contextlib import closing
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

from model_server import Answer, Hold, ModelServer, Refuse, ToolUse
from sessionls.cli import main
from terminal_commands import Cli, bare, cli, folder

__all__ = ["bare", "cli", "folder"]  # fixtures of these tests


def on_a_terminal(cli: Cli, *words: str) -> str:
    """Everything that the command writes to a terminal."""
    import pty

    ours, theirs = pty.openpty()
    environ = {**os.environ, "TERM": "xterm-256color", "COLUMNS": "100", "LINES": "40"}
    command = [sys.executable, "-m", "sessionls", *words]
    with subprocess.Popen(command, cwd=cli.folder, env=environ, stdin=theirs, stdout=theirs, stderr=theirs) as process:
        os.close(theirs)
        seen = bytearray()
        while True:
            try:
                data = os.read(ours, 65536)
            except OSError:  # Linux's error if the other end is closed
                break
            if not data:
                break
            seen += data
    os.close(ours)
    assert process.returncode == 0, seen.decode()
    return seen.decode()


class TestAsk:
    def test_stdout_contains_only_the_reply(self, cli: Cli, model_server: ModelServer) -> None:
        model_server.script(Answer("It adds up.\n\nNo tax."))
        done = cli("ask", "What does this do?")
        assert done.out == "It adds up.\n\nNo tax.\n"
        assert "openai/test" in done.err and f"--session {done.session}" in done.err

    def test_the_reply_is_streamed(self, cli: Cli, model_server: ModelServer) -> None:
        hold = Hold("First", then=Answer(", then the rest."))
        model_server.script(hold)
        process = cli.start("ask", "hello")
        assert process.stdout is not None
        assert process.stdout.read(5) == "First"  # while the rest is not sent yet
        hold.go.set()
        out, err = process.communicate(timeout=60)
        assert (process.returncode, out) == (0, ", then the rest.\n"), err

    def test_a_session_can_be_continued_by_the_end_of_its_id(self, cli: Cli, model_server: ModelServer) -> None:
        model_server.script(Answer("one"), Answer("two"))
        first = cli("ask", "first question")
        second = cli("ask", "--session", first.session, "second question")
        assert second.session == first.session
        told = json.dumps(model_server.requests[1].messages)
        assert "first question" in told and "one" in told and "second question" in told

    def test_continue_uses_the_newest_session_of_this_folder(self, cli: Cli, tmp_path: Path) -> None:
        here = cli("ask", "say: here")
        cli.elsewhere(tmp_path)("ask", "say: elsewhere")
        assert cli("ask", "--continue", "say: again").session == here.session

    def test_continue_needs_a_session(self, cli: Cli) -> None:
        assert "no session" in cli("ask", "--continue", "hello", code=2).err

    def test_an_agent_applies_only_to_that_message(self, cli: Cli, model_server: ModelServer) -> None:
        first = cli("ask", "say: one")
        cli("ask", "--session", first.session, "--agent", "review", "say: two")
        cli("ask", "--session", first.session, "say: three")
        code, review, again = (request.system for request in model_server.requests)
        assert code != review and code == again
        assert cli.session(first.session)["agent"] == "code"

    def test_an_unknown_agent_is_an_error_that_lists_the_existing_ones(self, cli: Cli) -> None:
        done = cli("ask", "--agent", "nobody", "hello", code=1)
        assert "nobody" in done.err and "review" in done.err

    def test_a_model_applies_only_to_that_message(self, cli: Cli, model_server: ModelServer) -> None:
        first = cli("ask", "--model", "openai/other", "say: one")
        cli("ask", "--session", first.session, "say: two")
        assert [request.body["model"] for request in model_server.requests] == ["other", "test"]

    def test_lines_of_a_file_are_a_selection(self, cli: Cli, model_server: ModelServer) -> None:
        cli("ask", "shop.py:1-2", "say: fine")
        told = json.dumps(model_server.requests[0].messages)
        assert "return sum(prices)" in told and "shop.py" in told and "TAX" not in told

    def test_a_file_is_sent_whole(self, cli: Cli, model_server: ModelServer) -> None:
        cli("ask", "shop.py", "say: fine")
        told = json.dumps(model_server.requests[0].messages)
        assert "return sum(prices)" in told and "TAX" in told

    @pytest.mark.parametrize(
        ("words", "said"),
        [
            (["none.py", "hello"], "none.py does not exist"),
            (["none.py:3", "hello"], "none.py does not exist"),
            (["shop.py:2-1", "hello"], "invalid line range"),
            (["shop.py:0", "hello"], "invalid line range"),
            ([".", "hello"], "is a folder"),
            (["shop.py"], "text is missing"),
            (["   "], "empty"),
            (["--session", "0123abcd", "--continue", "hello"], "cannot be combined"),
            ([], "Missing argument"),
        ],
    )
    def test_contradictory_arguments_are_wrong_usage(self, bare: Cli, words: Sequence[str], said: str) -> None:
        assert said in bare("ask", *words, code=2).err

    def test_a_file_outside_the_folder_is_not_sent(self, cli: Cli, model_server: ModelServer, tmp_path: Path) -> None:
        (tmp_path / "secret.txt").write_text("hush", encoding="utf-8")
        cli("ask", "../secret.txt", "say: fine", code=1)
        assert not model_server.requests

    def test_the_text_may_come_from_stdin(self, cli: Cli, model_server: ModelServer) -> None:
        assert cli("ask", "-", given="say: grüße 😀\n").out == "grüße 😀\n"

    def test_json_output_contains_the_exchange(self, cli: Cli) -> None:
        exchange = cli("ask", "--json", "say: hello").data
        assert exchange["reply"]["replyTo"] == exchange["message"]["id"]
        assert exchange["reply"]["parts"] == [{"kind": "text", "text": "hello"}]

    def test_without_a_model_the_message_is_kept_and_the_error_says_what_to_set(self, bare: Cli) -> None:
        done = bare("ask", "hello", code=1)
        assert "ANTHROPIC_API_KEY" in done.err and done.out == ""
        [session] = bare("sessions", "--json").data["sessions"]
        assert session["title"] == "hello"

    def test_a_failed_reply_can_be_resumed(self, cli: Cli, model_server: ModelServer) -> None:
        model_server.script(Refuse.of("unauthorized"), Answer("Now it works."))
        done = cli("ask", "hello", code=1)
        assert "OPENAI_API_KEY" in done.err and "sk-hush" not in done.err
        [name] = re.findall(r"sessionls resume ([0-9a-f]{8})", done.err)
        assert cli("resume", name).out == "Now it works.\n"

    @pytest.mark.skipif(os.name == "nt", reason="there is no pty there")
    def test_on_a_terminal_the_reply_is_rendered_as_markdown(self, cli: Cli, model_server: ModelServer) -> None:
        model_server.script(
            Answer("# Sums\n\nIt is **fast** and [safe](https://example.org/x).\n\n```python\na = 1\n\nb = 2\n```\n\nDone.")
        )
        seen = on_a_terminal(cli, "ask", "hello")
        drawn = re.sub(r"\x1b\[[0-9;?]*[A-Za-z]", "", seen)
        assert "Sums" in drawn and "fast" in drawn and "**" not in drawn and "```" not in drawn
        assert "safe (https://example.org/x)" in drawn  # the target of a link is always shown
        assert drawn.count("Done.") >= 1 and "\x1b[?25h" in seen.rpartition("\x1b[?25l")[2]  # the cursor is visible again

    @pytest.mark.skipif(os.name == "nt", reason="a process cannot be sent Ctrl+C alone there")
    def test_ctrl_c_cancels_the_reply_and_keeps_what_was_written(self, cli: Cli, model_server: ModelServer) -> None:
        hold = Hold("Half of it")
        model_server.script(hold)
        process = cli.start("ask", "hello")
        assert process.stdout is not None
        assert process.stdout.read(10) == "Half of it"
        process.send_signal(signal.SIGINT)
        _, err = process.communicate(timeout=60)
        assert process.returncode == 130 and "Cancelled" in err and "Traceback" not in err
        model_server.requests[0].closed.wait_blocking()
        [name] = re.findall(r"sessionls show ([0-9a-f]{8})", err)
        reply = cli("show", name, "--json").data["messages"][-1]
        assert (reply["status"], reply["parts"][0]["text"]) == ("cancelled", "Half of it")

    def test_the_work_of_a_subagent_is_shown_under_its_call(self, cli: Cli, model_server: ModelServer) -> None:
        model_server.script(
            Answer(tools=[ToolUse("ask_agent", {"agent": "research", "question": "What is it?"})]),
            Answer(tools=[ToolUse("read_file", {"path": "shop.py"})]),
            Answer(tools=[ToolUse("read_file", {"path": "none.py"})]),
            Answer("It adds."),
            Answer("It adds up."),
        )
        told = [line for line in cli("ask", "What is it?").err.splitlines() if line.startswith("  ")]
        assert [line.rstrip().partition("  ✗ failed")[0] for line in told] == [
            "  ask_agent research",
            "    read_file shop.py",
            "    read_file none.py",
            "    read_file none.py",
        ]

    def test_a_failed_command_is_shown_with_its_exit_code(self, cli: Cli, model_server: ModelServer) -> None:
        model_server.script(Answer(tools=[ToolUse("run_command", {"command": "echo broken; exit 3"})]), Answer("It fails."))
        asked = cli("ask", "Run it", SESSIONLS_PERMISSIONS='{"execute": "allow"}')
        for told in (asked.err, cli("show", asked.session).out):
            assert "  run_command echo broken; exit 3  ✗ failed: Exit code 3\n" in told

    def test_ctrl_c_during_the_start_exits_silently(self, monkeypatch: pytest.MonkeyPatch) -> None:
        class StillStarting(ModuleType):
            def __getattr__(self, name: str) -> Any:
                raise KeyboardInterrupt

        monkeypatch.setitem(sys.modules, "sessionls.cli.commands", StillStarting("commands"))
        monkeypatch.setattr(sys, "argv", ["sessionls", "ask", "hello"])
        with pytest.raises(SystemExit) as end:
            main()
        assert end.value.code == 130


class TestSessions:
    def test_sessions_of_this_folder_are_listed_newest_first(self, cli: Cli, tmp_path: Path) -> None:
        cli("ask", "say: one")
        cli("ask", "say: two")
        cli.elsewhere(tmp_path)("ask", "say: elsewhere")
        assert [session["title"] for session in cli("sessions", "--json").data["sessions"]] == ["say: two", "say: one"]
        assert len(cli("sessions", "--all", "--json").data["sessions"]) == 3
        table = cli("sessions").out
        assert "say: one" in table and "elsewhere" not in table and "\x1b" not in table

    def test_a_session_is_shown_with_the_author_of_each_message(self, cli: Cli) -> None:
        name = cli("ask", "shop.py:1-2", "say: It *adds* up.").session
        shown = cli("show", name).out
        assert "shop.py:1-2" in shown and "code" in shown and "It adds up." in shown

    def test_a_fork_contains_everything_up_to_the_given_message(self, cli: Cli) -> None:
        name = cli("ask", "say: one").session
        reply = cli("show", name, "--json").data["messages"][-1]["id"]
        cli("ask", "--session", name, "say: two")
        child = cli("fork", name, "--at", reply[-8:], "--title", "Another way").out.strip()
        assert cli.session(child)["title"] == "Another way"
        assert [message["role"] for message in cli("show", child, "--json").data["messages"]] == ["participant", "agent"]
        assert len(cli("show", name, "--json").data["messages"]) == 4

    def test_a_paused_session_accepts_no_message_until_it_is_resumed(self, cli: Cli) -> None:
        name = cli("ask", "say: one").session
        cli("pause", name)
        assert "sessionls resume" in cli("ask", "--session", name, "say: two", code=1).err
        cli("resume", name)
        assert cli("ask", "--session", name, "say: two").out == "two\n"

    def test_at_its_budget_a_session_is_paused_and_says_how_to_continue(self, cli: Cli) -> None:
        stopped = cli("ask", "--budget", "0", "say: one")
        name = stopped.session
        assert "has used $0.00 of its budget of $0.00" in stopped.err and f"sessionls budget {name} AMOUNT" in stopped.err
        assert cli.session(name)["pauseReason"] == "budget"
        assert "budget $0.00" in cli("show", name).out and "Raise the budget" in cli("show", name).err
        assert "paused (budget)" in cli("sessions").out
        assert "of its budget" in cli("resume", name, code=1).err
        cli("budget", name, "much", code=2)
        assert "The budget is now $2.50." in cli("budget", name, "$2.50").err
        assert cli("resume", name).out == "one\n"
        cli("budget", name, "none")
        assert "budget" not in cli.session(name)
        assert cli("ask", "--session", name, "--budget", "5", "say: two").out == "two\n"
        assert cli.session(name)["budget"] == 5

    def test_a_session_can_be_renamed_switched_archived_and_restored(self, cli: Cli) -> None:
        name = cli("ask", "say: one").session
        cli("rename", name, "Prices")
        cli("switch", name, "review")
        cli("archive", name)
        assert cli("sessions", "--json").data["sessions"] == []
        [session] = cli("sessions", "--archived", "--json").data["sessions"]
        assert (session["title"], session["agent"], session["state"]) == ("Prices", "review", "archived")
        cli("unarchive", name)
        assert cli.session(name)["state"] == "active"

    def test_a_session_is_deleted_only_after_confirmation(self, cli: Cli) -> None:
        name = cli("ask", "say: one").session
        file = Path(os.environ["SESSIONLS_DATA_DIR"], "sessions", cli.session(name)["id"], "one.session.md")
        file.parent.mkdir(parents=True)
        file.write_text("What an editor keeps of it.", encoding="utf-8")
        assert "--yes" in cli("delete", name, code=2).err
        assert file.exists()
        cli("delete", name, "--yes")
        assert not file.exists()
        assert "no session" in cli("show", name, code=1).err

    def test_a_session_that_cannot_be_read_is_deleted_by_its_whole_id(self, cli: Cli) -> None:
        identity = cli.session(cli("ask", "say: one").session)["id"]
        with closing(sqlite3.connect(Path(os.environ["SESSIONLS_DATA_DIR"], "sessions.db"))) as database, database:
            database.execute("UPDATE sessions SET session = '{' WHERE id = ?", (identity,))
        assert "Its owner can delete it" in cli("show", identity, code=1).err
        assert "--yes" in cli("delete", identity, code=2).err
        assert "Deleted" in cli("delete", identity, "--yes").err
        assert "no session" in cli("show", identity, code=1).err

    def test_search_finds_messages(self, cli: Cli) -> None:
        name = cli("ask", "say: The heron stands still.").session
        assert name in cli("search", "heron").out
        assert cli("search", "pelican").out == ""

    def test_a_session_can_be_exported(self, cli: Cli, folder: Path) -> None:
        name = cli("ask", "say: It adds up.").session
        assert "It adds up." in cli("export", name).out
        assert cli("export", name, "--format", "json").data["session"]["id"].endswith(name)
        cli("export", name, "--format", "html", "-o", "out.html")
        assert "It adds up." in (folder / "out.html").read_text(encoding="utf-8")

    def test_an_id_that_matches_none_or_several_is_an_error(self, cli: Cli) -> None:
        first = cli("ask", "--json", "say: one").data["message"]["sessionId"]
        cli("ask", "say: two")
        assert "sessions --all" in cli("show", "ffffffffff", code=1).err
        assert "matches 2" in cli("show", first[:6], code=2).err

    def test_control_sequences_are_not_printed(self, cli: Cli, model_server: ModelServer) -> None:
        model_server.script(Answer("red \x1b[31malert\x1b]0;gone\x07"))
        name = cli("ask", "--title", "\x1b[2Jtitle", "hello").session
        for words in (["show", name], ["sessions"], ["search", "alert"]):
            assert not set(cli(*words).out) & {"\x1b", "\x07"}


class TestAgentsAndModels:
    AGENT = "---\nname: local\ndescription: Lives in the workspace.\n---\nYou are local.\n"

    def test_the_built_in_agents_are_listed(self, bare: Cli) -> None:
        agents = {agent["name"]: agent for agent in bare("agents", "--json").data["agents"]}
        assert {"code", "review", "security", "explain", "test", "research"} <= set(agents)
        assert "research" in bare("agents").out

    def test_skills_are_listed_with_their_problems(self, cli: Cli, folder: Path) -> None:
        for name, text in (("notes", "---\nname: notes\ndescription: Writes.\n---\nx"), ("broken", "x")):
            (folder / ".agents/skills" / name).mkdir(parents=True)
            (folder / ".agents/skills" / name / "SKILL.md").write_text(text, encoding="utf-8")
        skills = {skill["name"]: skill for skill in cli("agents", "--trust", "--json").data["skills"]}
        assert skills["notes"]["available"] and "no frontmatter" in skills["broken"]["problem"]
        assert not any(skill["available"] for skill in cli("agents", "--json").data["skills"])
        assert "Writes." in cli("agents", "--trust").out
        said = [check["says"] for check in cli("doctor", "--json").data if check["name"] == "skills"]
        assert said[0] == "none" and any("The workspace is not trusted" in one for one in said)

    def test_an_agent_of_the_folder_runs_only_if_the_folder_is_trusted(
        self, cli: Cli, folder: Path, model_server: ModelServer, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        (folder / ".sessionls" / "agents").mkdir(parents=True)
        (folder / ".sessionls" / "agents" / "local.md").write_text(self.AGENT, encoding="utf-8")
        assert "--trust" in cli("ask", "--agent", "local", "say: no", code=1).err
        assert cli("ask", "--agent", "local", "--trust", "say: yes").out == "yes\n"
        monkeypatch.setenv("SESSIONLS_TRUSTED_FOLDERS", str(folder.parent))
        assert cli("ask", "--agent", "local", "say: yes").out == "yes\n"
        assert "You are local." in model_server.requests[-1].system

    def test_models_are_listed_with_what_is_missing(self, cli: Cli) -> None:
        models = {model["name"]: model for model in cli("models", "--json").data["models"]}
        assert models["openai/test"]["default"] is True
        assert any("ANTHROPIC_API_KEY" in model.get("problem", "") for model in models.values())
