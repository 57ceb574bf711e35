"""What others wrote in a session cannot harm Neovim: names of programs, control characters, items of status lines, long lines."""

from __future__ import annotations

from pathlib import Path

import pytest

from model_server import Answer, ModelServer, ToolUse
from neovim import Neovim
from nvim_session import new_session, send


def test_only_files_are_opened_because_other_names_start_programs(nvim: Neovim, nvim_folder: Path) -> None:
    new_session(nvim)
    names = ["term://touch ran", "TERM://touch ran", "zip:///tmp/a", "http://localhost/x", "fugitive:///x", "", "file", "x.py"]
    listed = ", ".join(f"'{name}'" for name in names)
    assert nvim.lua(f"return vim.tbl_map(require('sessionls.documents').path, {{ {listed} }})") == []
    assert nvim.lua("return require('sessionls.documents').path('file:///tmp/a%20b')") == "/tmp/a b"
    nvim.lua("require('sessionls.actions').show_location('term://touch ran', nil, 'utf-8')")
    assert any("term://touch ran is not a file" in one for one in nvim.told())
    edit = "{ edit = { changes = { ['term://touch ran'] = {} } } }"
    assert nvim.lua(f"return require('sessionls.documents').apply({edit}, 'utf-8').applied") is False
    assert nvim.lua("return require('sessionls.documents').save({ 'term://touch ran' }).saved") == []
    assert nvim.lua("return vim.fn.bufexists('term://touch ran')") == 0
    assert not (nvim_folder / "ran").exists()


def test_a_title_with_items_of_a_status_line_is_shown_as_it_is(nvim: Neovim, nvim_folder: Path) -> None:
    title = "%{system('touch ran')} %!v:lua.vim.fn.system('touch ran') 100%"
    new_session(nvim)
    nvim.lua(f"""
        local view = require('sessionls.view').current()
        require('sessionls.actions').request(view, 'session/rename', {{ title = [[{title}]] }}, function() end)
    """)
    nvim.shows(f"# {title}")
    nvim.sees("%{system(")
    nvim.lua("vim.cmd('redrawstatus!')")
    assert not (nvim_folder / "ran").exists()


def test_control_characters_of_a_reply_reach_no_terminal(nvim: Neovim, model_server: ModelServer) -> None:
    hostile = (
        "red \x1b[31m, title \x1b]0;owned\x07, \x9b5m, bell \x07, back \x08\x08, nul \x00, \u202eright\u202c, \r over\r\nnext"
    )
    model_server.script(Answer(f"{hostile}\n\nthe end"))
    new_session(nvim)
    send(nvim, "go")
    nvim.shows("the end")
    screen = nvim.sees("red ^[[31m", "title ^[]0;owned^G", "the end")
    assert not any(one in screen for one in "\x1b\x07\x08\x00\x9b")
    nvim.capture("hostile")


def test_a_line_of_a_million_characters_is_shown_without_blocking_typing(nvim: Neovim, model_server: ModelServer) -> None:
    line = "*a* `b` [c](d) _e_ <f> " * 45_000
    model_server.script(Answer(f"{line}\n\nthe end"))
    new_session(nvim)
    send(nvim, "go")
    nvim.shows("the end")
    nvim.keys("igoes on")
    nvim.sees("the end", "goes on")
    active = "return vim.treesitter.highlighter.active[require('sessionls.view').current().buf] ~= nil"
    assert nvim.lua(active) is False  # nothing parses it


@pytest.mark.parametrize("length", [10, 4000])
def test_a_question_never_stops_the_one_who_types(nvim: Neovim, model_server: ModelServer, length: int) -> None:
    """A message that does not fit in one line would: Neovim waits for a key then."""
    nvim.lua("vim.notify = function(words) table.insert(_G.told, words) vim.api.nvim_echo({ { words } }, true, {}) end")
    model_server.script(Answer(tools=[ToolUse("run_command", {"command": "echo " + "𝒳 漢 " * length})]), Answer("done"))
    new_session(nvim)
    send(nvim, "run it")
    nvim.keys("<Esc>:wincmd t<CR>:edit app.py<CR>Otyped ")
    nvim.until("return require('sessionls').status()", lambda status: status.startswith("⚑ 1"))
    nvim.keys("ahead")
    nvim.until("return vim.fn.getbufline('app.py', 1)[1]", lambda line: line == "typed ahead")
    assert nvim.lua("return vim.api.nvim_get_mode()") == {"mode": "i", "blocking": False}
    [told] = [one for one in nvim.told() if "code asks: " in one]
    assert "\n" not in told and ":Sessionls answer" in told
