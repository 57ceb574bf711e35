"""Choosing sessions in Neovim: with vim.ui.select, or with an installed picker, with a preview and more actions.

The pickers are stood in for by the least of them that the plugin uses. With their real repositories in the folder that
SESSIONLS_PICKERS names (snacks.nvim, telescope.nvim, plenary.nvim, fzf-lua, mini.pick; fzf on the PATH) the real ones are
driven, too.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from model_server import ModelServer
from neovim import Neovim, start
from nvim_session import new_session, send

REAL = os.environ.get("SESSIONLS_PICKERS")

# Each fake picker stores its arguments in _G.shown: the texts, the preview's lines, and functions that choose and act.
STANDINS = {
    "snacks": """
        _G.Snacks = { config = { picker = { enabled = true } } }
        package.loaded.snacks = { picker = { pick = function(opts)
          local picker = { close = function() _G.closed = true end, current = function() return opts.items[1] end }
          _G.shown = {
            title = opts.title,
            texts = vim.tbl_map(function(item) return item.text end, opts.items),
            choose = function() opts.confirm(picker, opts.items[1]) end,
            act = function(key)
              opts.actions[opts.win.input.keys[key][1] ](picker, opts.items[1])
            end,
          }
          opts.preview({ item = opts.items[1], picker = picker, preview = {
            set_lines = function(_, lines) _G.previewed = lines end, highlight = function() end,
          } })
        end } }
    """,
    "telescope": """
        vim.api.nvim_create_user_command('Telescope', function() end, {})
        local entry, done = nil, {}
        package.loaded['telescope.actions'] = {
          close = function() _G.closed = true end,
          select_default = { replace = function(_, fn) done.choose = fn end },
        }
        package.loaded['telescope.actions.state'] = { get_selected_entry = function() return entry end }
        package.loaded['telescope.finders'] = { new_table = function(opts)
          return vim.tbl_map(opts.entry_maker, opts.results)
        end }
        package.loaded['telescope.previewers'] = { new_buffer_previewer = function(opts) return opts end }
        package.loaded['telescope.config'] = { values = { generic_sorter = function() end } }
        package.loaded['telescope.pickers'] = { new = function(_, opts)
          return { find = function()
            entry = opts.finder[1]
            local keys, buf = {}, vim.api.nvim_create_buf(false, true)
            opts.attach_mappings(0, function(_, key, fn) keys[key] = fn end)
            _G.shown = {
              title = opts.prompt_title,
              texts = vim.tbl_map(function(one) return one.display end, opts.finder),
              choose = done.choose,
              act = function(key) keys[key]() end,
            }
            opts.previewer.define_preview({ state = { bufnr = buf } }, entry)
            vim.api.nvim_buf_attach(buf, false, { on_lines = vim.schedule_wrap(function()
              _G.previewed = vim.api.nvim_buf_get_lines(buf, 0, -1, false)
            end) })
          end }
        end }
    """,
    "fzf": """
        vim.api.nvim_create_user_command('FzfLua', function() end, {})
        local base = { new = function() end }
        base.extend = function() return { super = base } end
        package.loaded['fzf-lua.previewer.builtin'] = { base = base }
        package.loaded['fzf-lua'] = { fzf_exec = function(lines, opts)
          local buf = vim.api.nvim_create_buf(false, true)
          opts.previewer.get_tmp_buffer = function() return buf end
          opts.previewer.set_preview_buf = function() end
          _G.shown = {
            title = vim.trim(opts.winopts.title),
            texts = vim.tbl_map(function(line) return line:match('\\t(.*)') end, lines),
            choose = function() opts.actions.enter({ lines[1] }) end,
            act = function(key) opts.actions[key:lower():gsub('<c%-(.)>', 'ctrl-%1')]({ lines[1] }) end,
          }
          opts.previewer:populate_preview_buf(lines[1])
          vim.api.nvim_buf_attach(buf, false, { on_lines = vim.schedule_wrap(function()
            _G.previewed = vim.api.nvim_buf_get_lines(buf, 0, -1, false)
          end) })
        end }
    """,
    "mini": """
        _G.MiniPick = {}
        local items
        MiniPick.get_picker_matches = function() return { current = items[1] } end
        MiniPick.start = function(opts)
          items = opts.source.items
          local buf = vim.api.nvim_create_buf(false, true)
          _G.shown = {
            title = opts.source.name,
            texts = vim.tbl_map(function(item) return item.text end, items),
            choose = function() opts.source.choose(items[1]) end,
            act = function(key)
              for _, map in pairs(opts.mappings) do
                if map.char == key then assert(map.func()) end
              end
            end,
          }
          opts.source.preview(buf, items[1])
          vim.api.nvim_buf_attach(buf, false, { on_lines = vim.schedule_wrap(function()
            _G.previewed = vim.api.nvim_buf_get_lines(buf, 0, -1, false)
          end) })
        end
    """,
}


def with_sessions(nvim: Neovim, *texts: str) -> None:
    for text in texts:
        new_session(nvim)
        send(nvim, f"say: {text}")
        nvim.shows(f"\n{text}\n")
    nvim.keys("<Esc>:Sessionls toggle<CR>")


@pytest.mark.parametrize("name", STANDINS)
def test_a_picker_shows_sessions_with_a_preview_and_actions(nvim: Neovim, name: str) -> None:
    with_sessions(nvim, "apples", "pears")
    nvim.lua(STANDINS[name])
    assert nvim.lua("return require('sessionls.pick').adapter()") == name
    nvim.keys(":Sessionls list<CR>")
    texts = nvim.until("return _G.shown and _G.shown.texts")
    assert [text.partition(" · ")[0] for text in texts] == ["say: pears", "say: apples"]
    assert nvim.lua("return _G.shown.title") == "Open a session"
    nvim.until("return _G.previewed", lambda lines: lines and "pears" in lines)
    nvim.lua("_G.shown.choose()")
    nvim.shows("\npears\n")
    nvim.until("return require('sessionls.windows').visible(require('sessionls.view').current())")
    nvim.lua("_G.shown.act('<C-f>')")
    nvim.shows("forked from another session")
    nvim.lua("_G.shown.act('<C-t>')")
    nvim.until("return #vim.api.nvim_list_tabpages()", lambda count: count == 2)
    nvim.lua("_G.shown.act('<C-a>')")
    nvim.until("""
        return vim.iter(require('sessionls').sessions()):any(function(session) return session.state == 'archived' end)
    """)


def test_without_a_picker_vim_ui_select_asks(nvim: Neovim) -> None:
    with_sessions(nvim, "apples", "pears")
    nvim.keys(":Sessionls list<CR>")
    nvim.sees("1: say: pears", "2: say: apples")
    nvim.capture("list")
    nvim.keys("2<CR>")
    nvim.shows("\napples\n")


def test_vim_ui_select_replaces_a_picker_that_fails(nvim: Neovim) -> None:
    with_sessions(nvim, "apples")
    nvim.lua("_G.Snacks = { config = { picker = { enabled = true } } } package.loaded.snacks = {}")
    nvim.keys(":Sessionls list<CR>")
    nvim.sees("1: say: apples")
    assert any("The picker snacks failed" in one for one in nvim.told())
    nvim.keys("q<CR>")


def test_the_setting_names_the_picker(tmp_path: Path, nvim_folder: Path, nvim_env: dict[str, str]) -> None:
    with start(tmp_path / "nvim", nvim_folder, nvim_env, picker="select") as nvim:
        nvim.lua(STANDINS["mini"])
        assert nvim.lua("return require('sessionls.pick').adapter()") == "select"


def test_a_search_shows_what_was_found_and_opens_it(nvim: Neovim, model_server: ModelServer) -> None:
    with_sessions(nvim, "apples", "pears")
    nvim.lua(STANDINS["mini"])
    nvim.keys(":Sessionls search apples<CR>")
    nvim.until("return _G.shown and _G.shown.texts", lambda texts: texts and "apples" in texts[0])
    nvim.lua("_G.shown.choose()")
    nvim.shows("\napples\n")


SETUPS = {
    "snacks": ("snacks.nvim", "require('snacks').setup({ picker = { enabled = true } })"),
    "telescope": ("telescope.nvim", ""),
    "fzf": ("fzf-lua", ""),
    "mini": ("mini.pick", "require('mini.pick').setup()"),
}


@pytest.fixture(params=SETUPS)
def real(
    request: pytest.FixtureRequest, tmp_path: Path, nvim_folder: Path, nvim_env: dict[str, str]
) -> Iterator[tuple[str, Neovim]]:
    if REAL is None:
        pytest.skip("SESSIONLS_PICKERS names no folder with the pickers")
    folder, setup = SETUPS[request.param]
    with start(tmp_path / "nvim", nvim_folder, nvim_env, trust=True) as nvim:
        with_sessions(nvim, "apples", "pears")
        for one in ("plenary.nvim", folder):
            nvim.lua(f"vim.opt.runtimepath:append('{Path(REAL) / one}') vim.cmd('runtime! plugin/*.lua plugin/*.vim')")
        nvim.lua(setup)
        yield request.param, nvim


def test_the_real_picker(real: tuple[str, Neovim]) -> None:
    name, nvim = real
    assert nvim.lua("return require('sessionls.pick').adapter()") == name
    nvim.keys(":Sessionls list<CR>")
    nvim.sees("say: pears", "say: apples")
    if name == "mini":
        nvim.keys("<Tab>")
    nvim.sees("## code")  # the preview
    nvim.capture(f"picker-{name}")
    nvim.keys("apples")
    nvim.sees("say: apples", gone=["say: pears"])
    nvim.keys("<CR>")
    nvim.shows("\napples\n")
    nvim.until("return vim.bo.filetype", lambda kind: kind == "sessionls_draft")
    nvim.keys("<Esc>:Sessionls list<CR>")
    nvim.sees("say: pears · code")
    nvim.keys("<C-f>")
    nvim.shows("forked from another session")
