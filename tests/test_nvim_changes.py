"""Changes by agents in Neovim: signs, the list of hunks, reverting them, and marking them as reviewed."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from model_server import Answer, ModelServer, ToolUse
from neovim import Neovim, start
from nvim_session import new_session, send

TEXT = "return table.concat(vim.api.nvim_buf_get_lines(vim.fn.bufnr('app.py'), 0, -1, false), '\\n')"
SIGNS = "return require('sessionls.marks').lines(vim.fn.bufnr('app.py'))"
LIST = "return vim.tbl_map(function(one) return one.lnum .. ' ' .. one.text end, vim.fn.getqflist())"


def edit(old: str, new: str) -> Answer:
    return Answer(tools=[ToolUse("edit_file", {"path": "app.py", "edits": [{"old": old, "new": new}]})])


READ = Answer(tools=[ToolUse("read_file", {"path": "app.py"})])


@pytest.fixture
def nvim(tmp_path: Path, nvim_folder: Path, nvim_env: dict[str, str]) -> Iterator[Neovim]:
    """A Neovim where agents may write without permission."""
    env = nvim_env | {"SESSIONLS_PERMISSIONS": '{"write": "allow"}'}
    with start(tmp_path / "nvim", nvim_folder, env, trust=True) as neovim:
        yield neovim
        assert "Error" not in neovim.lua("return vim.api.nvim_exec2('messages', { output = true }).output")


def two_replies(nvim: Neovim, model_server: ModelServer) -> None:
    model_server.script(READ, edit("return 1", "return 'one'"), Answer("first done"))
    nvim.keys(":edit app.py<CR>")
    new_session(nvim)
    send(nvim, "change one")
    nvim.shows("first done")
    model_server.script(READ, edit("return 3  # 😀\n", "x = 3\n    return x\n"), Answer("second done"))
    send(nvim, "change two")
    nvim.shows("second done")
    nvim.until(TEXT, lambda text: "return x" in text)


def listed(nvim: Neovim, *texts: str) -> list[Any]:
    found: list[Any] = nvim.until(LIST, lambda lines: len(lines) == len(texts) and all(map(str.__contains__, lines, texts)))
    return found


def test_changed_lines_have_signs_that_follow_the_code(nvim: Neovim, model_server: ModelServer) -> None:
    two_replies(nvim, model_server)
    assert nvim.lua(SIGNS) == [2, 6, 7]
    nvim.sees("▎")
    nvim.capture("changes-signs")
    nvim.keys("<Esc><C-w>tggO# above<Esc>")
    assert nvim.lua(SIGNS) == [3, 7, 8]
    nvim.lua("vim.api.nvim_buf_call(vim.fn.bufnr('app.py'), function() vim.cmd('silent undo | silent undo') end)")
    assert "return 3" in nvim.lua(TEXT)
    assert nvim.lua(SIGNS) == [2]


def test_the_list_shows_the_hunks_of_each_reply_and_reverts_them(nvim: Neovim, model_server: ModelServer) -> None:
    two_replies(nvim, model_server)
    nvim.keys("<Esc>:Sessionls changes<CR>")
    listed(nvim, "2 code +1 −1: +    return 'one'", "6 code +2 −1: +    x = 3")
    nvim.sees("Changes: change one")
    nvim.capture("changes-list")
    nvim.keys("ggx")
    assert "return 1" in nvim.until(TEXT, lambda text: "'one'" not in text)
    assert "return x" in nvim.lua(TEXT)
    listed(nvim, "reverted", "+2 −1")
    nvim.keys("U")
    nvim.until(TEXT, lambda text: "'one'" in text)
    nvim.keys("GX")
    nvim.until(TEXT, lambda text: "return 3" in text)
    nvim.keys("K")
    nvim.sees("+    x = 3", "-    return 3")


def test_a_hunk_is_reverted_from_its_file(nvim: Neovim, model_server: ModelServer) -> None:
    two_replies(nvim, model_server)
    nvim.keys("<Esc>:Sessionls changes<CR>")
    listed(nvim, "", "")
    nvim.keys("G<CR>")
    nvim.until("return { vim.fn.expand('%:t'), vim.fn.line('.') }", lambda at: at == ["app.py", 6])
    nvim.keys("j:Sessionls changes revert<CR>")
    nvim.until(TEXT, lambda text: "return 3" in text)
    nvim.keys("gg:Sessionls changes revert<CR>")
    nvim.until("return _G.told", lambda told: any("No change is under the cursor" in one for one in told))
    nvim.keys(":Sessionls changes undo<CR>")
    nvim.until(TEXT, lambda text: "return x" in text)


def test_lines_that_somebody_changed_later_are_not_reverted(nvim: Neovim, model_server: ModelServer) -> None:
    two_replies(nvim, model_server)
    nvim.keys("<Esc><C-w>t:2<CR>Sreturn 'mine'<Esc>:Sessionls changes<CR>")
    listed(nvim, "changed later by somebody", "+2 −1")
    nvim.keys("ggx")
    nvim.until("return _G.told", lambda told: any("app.py" in one for one in told))
    assert "return 'mine'" in nvim.lua(TEXT)


def test_reviewed_changes_are_not_listed_again(nvim: Neovim, model_server: ModelServer) -> None:
    two_replies(nvim, model_server)
    nvim.keys("<Esc>:Sessionls changes<CR>")
    listed(nvim, "return 'one'", "x = 3")
    nvim.keys("ggR")  # up to the first reply
    listed(nvim, "x = 3")
    assert nvim.lua(SIGNS) == [2, 6, 7]
    nvim.keys(":Sessionls changes reviewed<CR>")
    nvim.until(SIGNS, lambda lines: not lines)
    nvim.keys(":cclose<CR>:Sessionls changes<CR>")
    nvim.until("return _G.told", lambda told: any("You have reviewed all changes" in one for one in told))
    nvim.keys(":Sessionls changes all<CR>")
    listed(nvim, "return 'one'", "x = 3")


def test_the_keys_of_the_list_are_not_mapped_in_other_quickfix_lists(nvim: Neovim, model_server: ModelServer) -> None:
    two_replies(nvim, model_server)
    nvim.keys("<Esc>:Sessionls changes<CR>")
    listed(nvim, "", "")
    nvim.lua("vim.fn.setqflist({}, ' ', { items = { { filename = 'app.py', lnum = 1, text = 'mine' } } })")
    before = nvim.lua(TEXT)
    nvim.keys("x")
    assert nvim.lua("return #vim.fn.getqflist()") == 1 and nvim.lua(TEXT) == before


def test_a_review_is_fixed_the_fix_undone_and_the_finding_dismissed(
    nvim: Neovim, model_server: ModelServer, nvim_folder: Path
) -> None:
    finding = {"path": "app.py", "start_line": 6, "severity": "warning", "title": "Three is not two", "body": "It gives 3."}
    model_server.script(
        Answer(tools=[ToolUse("report_finding", finding)]),
        Answer("reviewed"),
        READ,
        edit("return 3", "return 2"),
        Answer("fixed it"),
    )
    nvim.keys(":edit app.py<CR>:Sessionls review app.py<CR>")
    diagnostics = "local buffer = vim.fn.bufnr('app.py') return buffer > 0 and vim.diagnostic.get(buffer)"
    assert "Three is not two" in nvim.until(diagnostics)[0]["message"]
    nvim.keys("6G:Sessionls findings fix<CR>")
    nvim.until(TEXT, lambda text: "return 2" in text)
    nvim.until("return require('sessionls').status()", lambda status: status == "")
    assert "return 2" in (nvim_folder / "app.py").read_text(encoding="utf-8")
    assert nvim.lua("return vim.fn.expand('%:t')") == "app.py"  # the cursor stays in the code
    nvim.keys("u")
    nvim.until(TEXT, lambda text: "return 3" in text)
    nvim.keys(":write<CR>6G:Sessionls findings dismiss it is meant so<CR>")
    nvim.until(diagnostics, lambda found: not found)
    assert "return 3" in (nvim_folder / "app.py").read_text(encoding="utf-8")
