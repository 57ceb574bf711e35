"""The Neovim plugin in a real Neovim, with the real server: asking, agents of one message, cancelling, pausing, questions."""

from __future__ import annotations

from pathlib import Path

import pytest

from model_server import Answer, Hold, ModelServer, Stall, ToolUse
from neovim import Neovim, start
from nvim_session import await_question, new_session, send


def allow(nvim: Neovim) -> None:
    """Allow once what is asked."""
    await_question(nvim)
    nvim.lua("require('sessionls').answer(require('sessionls.view').current().state.session.asking[1].requestId, 'once')")


def test_a_selection_of_an_unsaved_buffer_is_sent(nvim: Neovim, model_server: ModelServer) -> None:
    nvim.keys(":edit app.py<CR>:5<CR>o    x = '𝒳'<Esc>")
    nvim.keys("Vj:Sessionls ask<CR>")
    nvim.until("return vim.bo.filetype", lambda kind: kind == "sessionls_draft")
    nvim.keys("Ais it right?<Esc>")
    nvim.until("return require('sessionls.view').current().draft_bar", lambda bar: "+app.py:6-7*" in bar)
    nvim.keys("<CR>")
    shown = nvim.shows("echo: ")
    assert "is it right?" in shown and "#selection" not in shown.partition("## code")[0]
    sent = model_server.requests[0].text
    assert 'unsaved="true"' in sent
    assert "x = '𝒳'\n7 |     return 3  # 😀" in sent and "def one" not in sent


def test_another_agent_answers_only_one_message(nvim: Neovim, model_server: ModelServer) -> None:
    new_session(nvim)
    nvim.keys("i@nobody hello<Esc><CR>")
    nvim.until("return _G.told", lambda told: any("Unknown agent: nobody" in one for one in told))
    assert not model_server.requests
    nvim.keys("ggVGc@terse say: short<Esc>")
    nvim.until("return require('sessionls.view').current().draft_bar", lambda bar: "to terse · once (default: code)" in bar)
    nvim.keys("<CR>")
    nvim.shows("## terse", "short")
    assert nvim.until("return require('sessionls.view').current().draft_bar", lambda bar: bar.startswith("to code"))
    nvim.keys("isay: again<Esc><CR>")
    nvim.shows("## code", "again")
    assert nvim.session()["agent"] == "code"


def test_a_reply_is_added_below_the_earlier_text(nvim: Neovim, model_server: ModelServer) -> None:
    hold = Hold("so far 😀\n\n```python\nx = 1\n", then=Answer("y = 2\n```\n"))
    model_server.script(Answer("first"), hold)
    new_session(nvim)
    send(nvim, "one")
    nvim.shows("first")
    send(nvim, "two")
    nvim.shows("so far 😀", "x = 1", "writing …")
    nvim.lua("""
        _G.lowest = math.huge
        vim.api.nvim_buf_attach(require('sessionls.view').current().buf, false, { on_lines = function(_, _, _, first)
            _G.lowest = math.min(_G.lowest, first)
        end })
    """)
    hold.go.set()
    shown = nvim.shows("so far 😀\n\n```python\nx = 1\ny = 2\n```")
    # The first messages were not redrawn, nor the message that is answered.
    assert nvim.lua("return _G.lowest") > shown.split("\n").index("two")


def test_cancelling_a_reply_keeps_its_text(nvim: Neovim, model_server: ModelServer) -> None:
    model_server.script(Stall("half a"))
    new_session(nvim)
    send(nvim, "one")
    nvim.shows("half a", "writing …")
    nvim.keys("<C-c>")
    assert "half a" in nvim.shows("· cancelled")


def test_a_paused_session_is_shown_as_paused_and_continues_after_a_restart(
    tmp_path: Path, nvim_folder: Path, nvim_env: dict[str, str], model_server: ModelServer
) -> None:
    model_server.script(Stall("half a"), Answer("and the rest"))
    with start(tmp_path / "one", nvim_folder, nvim_env) as first:
        new_session(first)
        send(first, "one")
        first.shows("half a")
        first.keys("gp")
        first.shows("· paused", "gp resumes it")
        first.keys("ia draft<Esc>")
        first.quit()
    with start(tmp_path / "two", nvim_folder, nvim_env) as second:
        second.keys(":Sessionls open one<CR>")
        second.shows("half a", "· paused")
        assert second.lua("return vim.api.nvim_get_current_line()") == "a draft"
        second.keys("gp")
        second.shows("and the rest")
        assert second.session()["state"] == "active"


def test_a_question_is_never_answered_by_keys_typed_ahead(nvim: Neovim, model_server: ModelServer, nvim_folder: Path) -> None:
    call = ToolUse("edit_file", {"path": "app.py", "edits": [{"old": "return 1", "new": "return 2"}]})
    model_server.script(Answer(tools=[ToolUse("read_file", {"path": "app.py"})]), Answer(tools=[call]), Answer("done"))
    nvim.keys(":edit app.py<CR>")
    new_session(nvim)
    send(nvim, "change it")
    nvim.shows("⚑ code asks:", "+    return 2")
    nvim.until("return require('sessionls').status()", lambda status: status.startswith("⚑ 1"))
    nvim.until("return true", lambda _: sum("code asks" in one for one in nvim.told()) == 1)
    nvim.stop_clock()
    nvim.keys("<Esc>:Sessionls answer<CR>ysd")  # immediately: nobody can have read it
    nvim.until("return vim.bo.filetype", lambda kind: kind == "diff")
    assert nvim.session()["asking"]
    nvim.stop_clock(later=300)
    nvim.keys("y")
    nvim.shows("done", "+1 −1")
    assert "asking" not in nvim.session()
    # The edit is in the buffer, and can be undone.
    text = "return table.concat(vim.api.nvim_buf_get_lines(vim.fn.bufnr('app.py'), 0, -1, false), '\\n')"
    assert "return 2" in nvim.until(text, lambda text: "return 2" in text)
    nvim.lua("vim.api.nvim_buf_call(vim.fn.bufnr('app.py'), function() vim.cmd('silent undo') end)")
    assert "return 1" in nvim.lua(text)


def test_two_neovims_are_in_one_session(tmp_path: Path, nvim_folder: Path, nvim_env: dict[str, str]) -> None:
    with start(tmp_path / "one", nvim_folder, nvim_env) as one, start(tmp_path / "two", nvim_folder, nvim_env) as two:
        new_session(one)
        send(one, "say: from one")
        one.shows("## code", "from one")
        two.keys(":Sessionls open say<CR>")
        two.shows("from one")
        send(two, "say: from two")
        one.shows("from two")


def test_a_killed_server_is_restarted(nvim: Neovim, model_server: ModelServer) -> None:
    model_server.script(Answer("the first reply"), Stall("half a"), Answer("and the rest"))
    new_session(nvim)
    send(nvim, "one")
    nvim.shows("the first reply")
    send(nvim, "two")
    nvim.shows("half a", "writing …")
    nvim.kill_server()
    nvim.shows("the first reply", "half a", "· interrupted")
    nvim.keys("gp")
    nvim.shows("half a", "and the rest")


def test_an_edit_of_a_closed_file_is_saved_before_a_command_runs(
    nvim: Neovim, model_server: ModelServer, nvim_folder: Path
) -> None:
    edit = ToolUse("edit_file", {"path": "app.py", "edits": [{"old": "return 1", "new": "return 2"}]})
    model_server.script(
        Answer(tools=[ToolUse("read_file", {"path": "app.py"})]),
        Answer(tools=[edit]),
        Answer(tools=[ToolUse("run_command", {"command": "cat app.py"})]),
        Answer("done"),
    )
    new_session(nvim)
    send(nvim, "change it")
    for tool in ("edit_file", "run_command"):
        asking = "local asking = require('sessionls.view').current().state.session.asking or {} "
        question = nvim.until(f"{asking} return asking[1] and asking[1].tool == '{tool}' and asking[1].requestId")
        nvim.until(f"return (pcall(require('sessionls').answer, '{question}', 'once'))")
    nvim.shows("## code", "done")
    assert "return 2" in (nvim_folder / "app.py").read_text(encoding="utf-8")
    # It was not open before and is hidden, so its buffer is unloaded.
    nvim.until("return vim.fn.bufloaded('app.py')", lambda loaded: not loaded)
    nvim.keys("<Esc>:Sessionls changes<CR>")
    listed = nvim.until("return vim.fn.getqflist()", bool)
    assert listed[0]["lnum"] == 2


@pytest.mark.parametrize("text", ["one\n", "one\n\n\n", "\n", "no end"])
def test_a_new_file_has_exactly_the_text_that_the_agent_gave_it(
    nvim: Neovim, model_server: ModelServer, nvim_folder: Path, text: str
) -> None:
    # The agent knows what it made: it need not read the file before it edits it.
    edit = ToolUse("edit_file", {"path": "new.txt", "edits": [{"old": text, "new": f"two{text}"}]})
    create = ToolUse("create_file", {"path": "new.txt", "text": text})
    model_server.script(Answer(tools=[create]), Answer("made it"), Answer(tools=[edit]), Answer("edited it"))
    new_session(nvim)
    send(nvim, "make it")
    allow(nvim)
    nvim.shows("made it")
    assert (nvim_folder / "new.txt").read_text(encoding="utf-8") == text.removesuffix("\n") + "\n"
    nvim.keys("<C-w>b")
    send(nvim, "edit it")
    allow(nvim)
    nvim.shows("edited it")
    assert (nvim_folder / "new.txt").read_text(encoding="utf-8") == f"two{text.removesuffix(chr(10))}\n"


def test_findings_are_diagnostics_and_are_dismissed(nvim: Neovim, model_server: ModelServer) -> None:
    finding = {"path": "app.py", "start_line": 6, "severity": "warning", "title": "Three is not two", "body": "It gives 3."}
    model_server.script(Answer(tools=[ToolUse("report_finding", finding)]), Answer("done"))
    nvim.keys(":edit app.py<CR>")
    new_session(nvim)
    send(nvim, "look at it")
    nvim.shows("● warning app.py:6 Three is not two")
    nvim.keys("<Esc>:wincmd t<CR>6G")
    diagnostics = "return vim.diagnostic.get(vim.fn.bufnr('app.py'))"
    [shown] = nvim.until(diagnostics, bool)
    assert shown["lnum"] == 5 and "Three is not two" in shown["message"]
    nvim.keys(":Sessionls findings dismiss it is meant so<CR>")
    nvim.until(diagnostics, lambda found: not found)
    nvim.shows("· dismissed")


def test_a_session_is_forked_at_a_message_renamed_and_exported(
    nvim: Neovim, nvim_folder: Path, model_server: ModelServer
) -> None:
    model_server.script(Answer("see app.py:5 for it"), Answer("second"))
    new_session(nvim)
    send(nvim, "one")
    nvim.shows("see app.py:5")
    send(nvim, "two")
    nvim.shows("second")
    nvim.keys("<Esc>:Sessionls rename The parent<CR>")
    nvim.shows("# The parent")
    nvim.keys(":Sessionls export out.md<CR>")
    nvim.until("return _G.told", lambda told: any("Exported" in one for one in told))
    assert "second" in (nvim_folder / "out.md").read_text(encoding="utf-8")
    nvim.keys("<C-w>kgg]]]]gf")  # at the first reply
    forked = nvim.shows("forked from another session", "see app.py:5")
    assert "second" not in forked
    nvim.keys("<Esc><C-w>k/see app<CR>w<CR>")  # follows the location under the cursor
    nvim.until("return { vim.fn.expand('%:t'), vim.fn.line('.') }", lambda place: place == ["app.py", 5])


def test_the_draft_completes_agents_and_context_and_checkhealth_succeeds(nvim: Neovim) -> None:
    new_session(nvim)
    nvim.keys("<Esc>i@ter<C-x><C-o>")
    nvim.until("return vim.api.nvim_get_current_line()", lambda line: line == "@terse")
    nvim.keys(" #dif<C-x><C-o>")
    nvim.until("return vim.api.nvim_get_current_line()", lambda line: line == "@terse #diff")
    nvim.keys("<Esc>:checkhealth sessionls<CR>")
    report = "return table.concat(vim.api.nvim_buf_get_lines(0, 0, -1, false), '\\n')"
    shown = nvim.until(report, lambda text: "The default model is" in text)
    assert "ERROR" not in shown and "version 1 of the protocol" in shown
