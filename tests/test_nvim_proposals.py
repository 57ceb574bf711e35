"""Edits that a person confirms in Neovim: the file beside the proposal, which can be edited."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from model_server import Answer, ModelServer, ToolUse
from neovim import Neovim, start
from nvim_session import await_question, new_session, send

TEXT = "return table.concat(vim.api.nvim_buf_get_lines(vim.fn.bufnr('app.py'), 0, -1, false), '\\n')"
STATUS = "return require('sessionls').status()"
EDIT = ToolUse("edit_file", {"path": "app.py", "edits": [{"old": "return 1", "new": "return 2"}]})
READ = Answer(tools=[ToolUse("read_file", {"path": "app.py"})])
PROPOSAL = "return vim.fn.bufname()"


@pytest.fixture
def confirming(tmp_path: Path, nvim_folder: Path, nvim_env: dict[str, str], model_server: ModelServer) -> Iterator[Neovim]:
    """A Neovim where edits need confirmation; one is waiting."""
    env = nvim_env | {"SESSIONLS_PERMISSIONS": '{"write": "allow"}', "SESSIONLS_CONFIRM_EDITS": "true"}
    model_server.script(READ, Answer(tools=[EDIT]), Answer("done"))
    with start(tmp_path / "nvim", nvim_folder, env, trust=True) as neovim:
        neovim.keys(":edit app.py<CR>")
        new_session(neovim)
        send(neovim, "change it")
        neovim.until(STATUS, lambda status: status.startswith("⚑ 1"))
        yield neovim
        assert "Error" not in neovim.lua("return vim.api.nvim_exec2('messages', { output = true }).output")


def shown(nvim: Neovim) -> None:
    nvim.keys("<Esc>:Sessionls answer<CR>")
    nvim.until(PROPOSAL, lambda name: name.startswith("sessionls-proposal:"))


def test_a_proposal_takes_no_focus_and_waits_in_the_queue(confirming: Neovim) -> None:
    assert confirming.lua("return vim.bo.filetype") == "sessionls_draft"
    assert sum(":Sessionls answer shows the edit" in one for one in confirming.told()) == 1
    assert "return 1" in confirming.lua(TEXT)


def test_a_proposal_is_shown_beside_the_file_and_accepted(confirming: Neovim, model_server: ModelServer) -> None:
    shown(confirming)
    confirming.sees("return 1", "return 2", ":w accepts it, :q rejects it")
    confirming.capture("proposal")
    confirming.keys(":w<CR>")
    confirming.until(TEXT, lambda text: "return 2" in text)
    confirming.shows("done", "+1 −1")
    assert confirming.lua("return { #vim.api.nvim_list_tabpages(), vim.wo.diff }") == [1, False]
    assert confirming.lua("return vim.fn.bufnr('sessionls-proposal')") == -1
    # The edit is in the file, and is undone in one step.
    confirming.until("return vim.fn.readfile('app.py')[2]", lambda line: line == "    return 2")
    confirming.lua("vim.api.nvim_buf_call(vim.fn.bufnr('app.py'), function() vim.cmd('silent undo') end)")
    assert "return 1" in confirming.lua(TEXT)


def test_an_edited_proposal_is_applied_with_its_changes(confirming: Neovim, model_server: ModelServer) -> None:
    shown(confirming)
    confirming.keys("/return 2<CR>wcw22<Esc>:wq<CR>")
    confirming.until(TEXT, lambda text: "return 22" in text)
    confirming.shows("done")
    assert "resulting text is different" in model_server.requests[-1].text


def test_a_rejected_proposal_changes_nothing_and_the_agent_is_informed(confirming: Neovim, model_server: ModelServer) -> None:
    shown(confirming)
    confirming.keys(":q<CR>")
    confirming.shows("done", "not applied")
    assert "return 1" in confirming.lua(TEXT)
    assert "declined" in model_server.requests[-1].text
    confirming.until(STATUS, lambda status: status == "")


def test_hunks_are_moved_between_the_two_like_in_any_diff(confirming: Neovim, model_server: ModelServer) -> None:
    shown(confirming)
    confirming.keys("gg]c")
    assert confirming.until("return vim.fn.line('.')", lambda row: row == 2)
    confirming.keys("do")  # from the file: removes all of the proposal's changes
    confirming.until("return vim.api.nvim_buf_get_lines(0, 1, 2, false)[1]", lambda line: "return 1" in line)
    confirming.keys(":w<CR>")
    confirming.shows("done")
    assert "return 1" in confirming.lua(TEXT)


@pytest.mark.parametrize(("answer", "line"), [("once", "return 2"), ("deny", "return 1")])
def test_a_proposal_that_is_shown_is_answered_with_the_command(confirming: Neovim, answer: str, line: str) -> None:
    shown(confirming)
    confirming.keys(f":Sessionls answer {answer}<CR>")
    confirming.shows("done")
    assert line in confirming.lua(TEXT)


def test_a_proposal_closes_when_its_reply_ends(confirming: Neovim) -> None:
    shown(confirming)
    confirming.keys(":Sessionls cancel<CR>")
    confirming.shows("· cancelled")
    confirming.until(STATUS, lambda status: status == "")
    assert confirming.lua("return #vim.api.nvim_list_tabpages()") == 1
    assert "return 1" in confirming.lua(TEXT)


def test_a_new_file_is_confirmed_as_well(
    tmp_path: Path, nvim_folder: Path, nvim_env: dict[str, str], model_server: ModelServer
) -> None:
    env = nvim_env | {"SESSIONLS_PERMISSIONS": '{"write": "allow"}', "SESSIONLS_CONFIRM_EDITS": "true"}
    model_server.script(Answer(tools=[ToolUse("create_file", {"path": "new.py", "text": "a = 1\nb = 2\n"})]), Answer("done"))
    with start(tmp_path / "nvim", nvim_folder, env, trust=True) as nvim:
        new_session(nvim)
        send(nvim, "make it")
        nvim.until(STATUS, lambda status: status.startswith("⚑ 1"))
        shown(nvim)
        assert not (nvim_folder / "new.py").exists()
        nvim.keys("ggcca = 10<Esc>:w<CR>")
        nvim.shows("done")
        assert (nvim_folder / "new.py").read_text(encoding="utf-8") == "a = 10\nb = 2\n"


@pytest.fixture
def asking(nvim: Neovim, model_server: ModelServer) -> Neovim:
    """An agent asks for permission to edit a file, and the question is shown."""
    model_server.script(READ, Answer(tools=[EDIT]), Answer("done"))
    nvim.keys(":edit app.py<CR>")
    new_session(nvim)
    send(nvim, "change it")
    await_question(nvim)
    nvim.keys("<Esc>:Sessionls answer<CR>")
    nvim.sees("p shows it beside the file")
    nvim.capture("question")
    nvim.keys("p")
    nvim.until(PROPOSAL, lambda name: name.startswith("sessionls-proposal:"))
    return nvim


def test_p_shows_the_proposed_change_beside_the_file(asking: Neovim, model_server: ModelServer) -> None:
    assert asking.session()["asking"]  # nothing is answered yet
    asking.keys("/return 2<CR>wcw22<Esc>:w<CR>")
    asking.shows("done")
    assert "return 22" in asking.lua(TEXT)
    assert "resulting text is different" in model_server.requests[-1].text


def test_p_and_q_deny_it(asking: Neovim) -> None:
    asking.keys(":q<CR>")
    asking.shows("done")
    assert "return 1" in asking.lua(TEXT)
    assert "asking" not in asking.session()


def test_the_tab_closes_when_the_question_is_answered_elsewhere(asking: Neovim) -> None:
    asking.lua("""
        local permission = require('sessionls.permission')
        local one = permission.queue()[1]
        require('sessionls').answer(one.question.requestId, 'once')
    """)
    asking.shows("done")
    asking.until("return #vim.api.nvim_list_tabpages()", lambda count: count == 1)
    assert "return 2" in asking.lua(TEXT)
