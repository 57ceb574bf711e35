"""Each key, subcommand and <Plug> map of the plugin, in a real Neovim. (Waiting messages, changes, proposals and
pickers have tests of their own.)"""

from __future__ import annotations

import base64
import re
from pathlib import Path

import pytest

from model_server import Answer, Hold, ModelServer, Stall, ToolUse
from neovim import PLUGIN, Neovim
from nvim_session import await_question, new_session, send

HERE = Path(__file__).resolve().parent
DRAFT_BAR = "local view = require('sessionls.view').current() return view and view.draft_bar or ''"
_REPLYING = "return require('sessionls.view').current().state.session.replying"
BUFFER = "return table.concat(vim.api.nvim_buf_get_lines(0, 0, -1, false), '\\n')"
CHOOSES = """
vim.ui.select = function(items, opts, done)
  _G.offered = vim.tbl_map(opts.format_item or tostring, items)
  done(items[%d], %d)
end
"""


def exchange(nvim: Neovim, text: str = "say: hello", reply: str = "\nhello\n") -> None:
    new_session(nvim)
    send(nvim, text)
    nvim.shows(reply)


def chooses(nvim: Neovim, number: int) -> None:
    """Make vim.ui.select choose this entry from now on."""
    nvim.lua(CHOOSES % (number, number))


def to_transcript(nvim: Neovim) -> None:
    nvim.keys("<Esc><C-w>k")
    nvim.until("return vim.bo.filetype", lambda kind: kind == "sessionls")


# -- asking ----------------------------------------------------------------------------------------------------------


def test_ask_with_a_text_sends_it_immediately_and_does_not_move_the_cursor(nvim: Neovim, model_server: ModelServer) -> None:
    nvim.keys(":edit app.py<CR>:2Sessionls ask @terse say: fine<CR>")
    nvim.shows("## terse", "\nfine\n")
    assert nvim.lua("return vim.fn.expand('%:t')") == "app.py"
    assert "return 1" in model_server.requests[0].text and "def two" not in model_server.requests[0].text


def test_add_puts_a_selection_into_the_draft_without_moving_the_cursor(nvim: Neovim) -> None:
    nvim.keys(":edit app.py<CR>:1,2Sessionls add<CR>")
    nvim.until(DRAFT_BAR, lambda bar: "+app.py:1-2" in bar)
    nvim.keys(":5Sessionls add<CR>")
    nvim.until(DRAFT_BAR, lambda bar: "+app.py:1-2" in bar and "+app.py:5" in bar)
    assert nvim.lua("return vim.fn.expand('%:t')") == "app.py"


def test_the_operator_asks_about_a_motion_and_dot_repeats_it(nvim: Neovim) -> None:
    nvim.lua("""
        for _, name in ipairs({ 'ask', 'add' }) do
          vim.keymap.set({ 'n', 'x' }, ' ' .. name:sub(2, 2), '<Plug>(sessionls-' .. name .. ')')
        end
    """)
    nvim.keys(":edit app.py<CR>gg dj")
    nvim.until(DRAFT_BAR, lambda bar: "+app.py:1-2" in bar)
    nvim.keys("5G.")
    nvim.until(DRAFT_BAR, lambda bar: "+app.py:5-6" in bar)
    nvim.keys("2Gw siw")
    nvim.until("return vim.bo.filetype", lambda kind: kind == "sessionls_draft")
    nvim.keys("<Esc><C-w>t6GwviW d")
    nvim.until(DRAFT_BAR, lambda bar: bar.count("+app.py") == 4)


def test_a_selection_follows_its_lines_while_the_code_moves(nvim: Neovim, model_server: ModelServer) -> None:
    nvim.keys(":edit app.py<CR>:5,6Sessionls add<CR>")
    nvim.until(DRAFT_BAR, lambda bar: "+app.py:5-6" in bar)
    nvim.keys("ggO# new<CR># lines<Esc><C-w>b")
    nvim.keys("A say: moved<Esc>")
    nvim.until(DRAFT_BAR, lambda bar: "+app.py:7-8*" in bar)
    nvim.keys("<CR>")
    nvim.shows("\nmoved\n")
    assert "7 | def two" in model_server.requests[0].text


@pytest.mark.parametrize("keys", ["<Esc><CR>", "<C-s>"])
def test_the_draft_is_sent(nvim: Neovim, keys: str) -> None:
    new_session(nvim)
    nvim.keys(f"isay: sent{keys}")
    nvim.shows("## code", "\nsent\n")
    nvim.keys("<Esc>")
    assert nvim.lua(BUFFER) == ""


def test_a_message_steers_the_reply_being_written(nvim: Neovim, model_server: ModelServer) -> None:
    read = ToolUse("read_file", {"path": "app.py"})
    hold = Hold("working", then=Answer(tools=[read]))
    model_server.script(hold, Answer("steered"))
    new_session(nvim)
    send(nvim, "one")
    nvim.shows("working")
    nvim.keys("iturn left<Esc>")
    nvim.lua("require('sessionls.maps').draft_maps.steer[4]()")  # <C-CR>: not all terminals send it
    nvim.until("return require('sessionls.view').current().state.session.queued", lambda count: count == 1)
    hold.go.set()
    nvim.shows("turn left", "steered")
    assert nvim.lua("return vim.fn.maparg('<C-CR>', 'i', false, true).desc") == "Send to the reply being written"


def test_k_shows_the_context_of_a_word_of_the_draft(nvim: Neovim) -> None:
    nvim.keys(":edit app.py<CR>:5,6Sessionls ask<CR>")
    nvim.until("return vim.bo.filetype", lambda kind: kind == "sessionls_draft")
    nvim.keys("<Esc>0K")
    nvim.sees("│app.py:5-6", "│def two():")


def test_the_draft_names_diagnostics_by_their_count(nvim: Neovim, model_server: ModelServer) -> None:
    nvim.keys(":edit app.py<CR>")
    nvim.lua("""
        vim.diagnostic.set(vim.api.nvim_create_namespace('mine'), 0, {
          { lnum = 1, col = 4, message = 'wrong one', severity = 1, source = 'mine' },
          { lnum = 5, col = 4, message = 'wrong two', severity = 2, source = 'mine' },
        })
    """)
    new_session(nvim)
    nvim.keys("i#diagnostics say: seen<Esc>")
    nvim.until(DRAFT_BAR, lambda bar: "+2 diagnostics of app.py" in bar)
    nvim.keys("<CR>")
    nvim.shows("\nseen\n")
    assert "wrong one" in model_server.requests[0].text


@pytest.mark.parametrize(
    ("words", "known"),
    [
        ("#buffer", "def two"),
        ("#buffers", "def two"),
        ("#file:app.py", "def two"),
        ("#quickfix", "app.py:2: look"),
        ("#symbol", "def two"),
    ],
)
def test_words_of_the_draft_become_context(nvim: Neovim, model_server: ModelServer, words: str, known: str) -> None:
    nvim.keys(":edit app.py<CR>6G")
    if words == "#symbol" and not nvim.lua("return (pcall(vim.treesitter.get_parser, 0, 'python'))"):
        nvim.keys(":Sessionls new<CR>")
        nvim.until("return vim.bo.filetype", lambda kind: kind == "sessionls_draft")
        nvim.keys(f"i{words} hello<Esc><CR>")
        nvim.until("return _G.told", lambda told: any("no parser for this language" in one for one in told))
        return
    nvim.lua("vim.fn.setqflist({ { filename = 'app.py', lnum = 2, text = 'look' } })")
    new_session(nvim)
    nvim.keys(f"isay: got it {words}<Esc><CR>")
    nvim.shows("## code", "\ngot it\n")
    assert known in model_server.requests[0].text


def test_an_image_file_is_sent_as_an_image(nvim: Neovim, model_server: ModelServer, nvim_folder: Path) -> None:
    (nvim_folder / "dot.png").write_bytes(base64.b64decode(_DOT))
    new_session(nvim)
    nvim.keys("i#file:dot.png say: seen<Esc><CR>")
    nvim.shows("▸ +image dot.png 1×1", "\nseen\n")


_DOT = "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAAC0lEQVR42mNgAAIAAAUAAen63NgAAAAASUVORK5CYII="


def test_a_word_without_a_context_is_explained_and_nothing_is_sent(nvim: Neovim, model_server: ModelServer) -> None:
    new_session(nvim)
    nvim.keys("i#file:missing.py hello<Esc><CR>")
    nvim.until("return _G.told", lambda told: any("The file missing.py does not exist" in one for one in told))
    assert nvim.lua(BUFFER) == "#file:missing.py hello"
    assert not model_server.requests


# -- agents ----------------------------------------------------------------------------------------------------------


def test_ga_chooses_the_agent_of_one_message(nvim: Neovim) -> None:
    new_session(nvim)
    nvim.lua("""
        vim.ui.select = function(items, opts, done)
          for at, item in ipairs(items) do
            if item.value.name == 'terse' then done(item, at) end
          end
        end
    """)
    nvim.keys("<Esc>ga")
    nvim.until(DRAFT_BAR, lambda bar: bar.startswith("to terse · once (default: code)"))
    nvim.capture("once")
    send(nvim, "say: one")
    nvim.shows("## terse", "\none\n")
    nvim.until(DRAFT_BAR, lambda bar: bar.startswith("to code"))


def test_the_default_agent_is_switched_with_ga_and_with_the_command(nvim: Neovim) -> None:
    new_session(nvim)
    nvim.lua("""
        vim.ui.select = function(items, opts, done)
          for at, item in ipairs(items) do
            if item.value.name == 'terse' then done(item, at) end
          end
        end
    """)
    nvim.keys("<Esc>gA")
    nvim.until(DRAFT_BAR, lambda bar: bar.startswith("to terse") and "once" not in bar)
    nvim.keys(":Sessionls switch code<CR>")
    nvim.until(DRAFT_BAR, lambda bar: bar.startswith("to code"))
    nvim.keys(":Sessionls switch nobody<CR>")
    nvim.until("return _G.told", lambda told: any("nobody" in one for one in told))


# -- in the transcript -----------------------------------------------------------------------------------------------


def test_brackets_go_from_message_to_message(nvim: Neovim) -> None:
    exchange(nvim)
    to_transcript(nvim)
    nvim.keys("gg]]")
    line = "return vim.api.nvim_get_current_line()"
    assert nvim.until(line, lambda text: text.startswith("## "))
    nvim.keys("]]")
    assert nvim.until(line, lambda text: text.startswith("## code"))
    nvim.keys("[[")
    assert nvim.until(line, lambda text: text.startswith("## ") and "code" not in text)


def test_gy_yanks_the_code_under_the_cursor(nvim: Neovim, model_server: ModelServer) -> None:
    model_server.script(Answer("Try this:\n\n```python\nx = 1\ny = 2\n```\n\nor that."))
    exchange(nvim, "how?", "or that.")
    to_transcript(nvim)
    nvim.keys("gg/y = 2<CR>gy")
    assert nvim.until("return vim.fn.getreg('\"')") == "x = 1\ny = 2\n"
    nvim.keys("gggy")
    nvim.until("return _G.told", lambda told: any("No fenced code is under the cursor" in one for one in told))


def test_help_shows_the_keys_including_changed_ones(nvim: Neovim) -> None:
    nvim.lua("local s = vim.g.sessionls s.maps = { pause = 'gP', yank = false } vim.g.sessionls = s")
    new_session(nvim)
    to_transcript(nvim)
    nvim.keys("g?")
    screen = nvim.sees("Keys", "gP       Pause or resume the session", "gf       Fork the session")
    assert "Yank the code" not in screen
    nvim.capture("help")


def test_tools_and_reasoning_fold_to_a_line_and_failures_stay_open(nvim: Neovim, model_server: ModelServer) -> None:
    model_server.script(
        Answer(reasoning="let me think", tools=[ToolUse("read_file", {"path": "app.py"})]),
        Answer(tools=[ToolUse("read_file", {"path": "missing.py"})]),
        Answer("done"),
    )
    exchange(nvim, "look", "done")
    screen = nvim.sees("▸ read_file app.py", "▸ read_file missing.py · failed")
    assert "1 | def one" not in screen and "│ {" in screen
    to_transcript(nvim)
    nvim.keys("gg/read_file app<CR>")  # a search opens the fold of its match
    nvim.sees("1 | def one")
    nvim.keys("za")
    nvim.sees("▸ read_file app.py", gone=["1 | def one"])
    nvim.keys("za")
    nvim.sees("1 | def one")
    nvim.capture("folds")


def test_enter_follows_findings_edits_context_and_the_parent(nvim: Neovim, model_server: ModelServer) -> None:
    finding = {"path": "app.py", "start_line": 6, "severity": "warning", "title": "Three is not two", "body": "It gives 3."}
    model_server.script(Answer(tools=[ToolUse("report_finding", finding)]), Answer("done"))
    nvim.keys(":edit app.py<CR>:2Sessionls ask look<CR>")
    nvim.shows("● warning", "done")
    at = "return { vim.fn.expand('%:t'), vim.fn.line('.') }"
    nvim.keys("<C-w>b<C-w>k")
    nvim.until("return vim.bo.filetype", lambda kind: kind == "sessionls")
    nvim.keys("gg/● warning<CR><CR>")
    nvim.until(at, lambda place: place == ["app.py", 6])
    nvim.keys("<C-w>b<C-w>kgg/+app.py<CR><CR>")
    nvim.until(at, lambda place: place == ["app.py", 2])
    nvim.keys(":Sessionls fork<CR>")
    nvim.shows("▸ forked from another session")
    parent = "return require('sessionls.view').current().state.session.parent == nil"
    nvim.until(parent, lambda is_parent: not is_parent)
    nvim.keys("<Esc><C-w>kgg/forked from<CR><CR>")
    nvim.until(parent)


# -- sessions --------------------------------------------------------------------------------------------------------


def test_toggle_hides_the_windows_and_shows_them(nvim: Neovim) -> None:
    exchange(nvim)
    nvim.keys("<Esc>:Sessionls toggle<CR>")
    nvim.until("return #vim.api.nvim_tabpage_list_wins(0)", lambda count: count == 1)
    nvim.keys(":Sessionls<CR>")
    nvim.until("return #vim.api.nvim_tabpage_list_wins(0)", lambda count: count == 3)
    nvim.sees("hello")


def test_pause_resume_and_usage(nvim: Neovim, model_server: ModelServer) -> None:
    model_server.script(Stall("half a"), Answer("and the rest"))
    exchange(nvim, "one", "half a")
    nvim.keys("<Esc>:Sessionls pause<CR>")
    nvim.shows("· paused")
    nvim.sees("paused · code")
    nvim.keys("ihello<Esc><CR>")
    nvim.until("return _G.told", lambda told: any("paused" in one for one in told))
    assert nvim.lua(BUFFER) == "hello"  # it was never sent
    nvim.keys(":Sessionls resume<CR>")
    nvim.shows("and the rest")
    nvim.keys(":Sessionls usage<CR>")
    nvim.until("return _G.told", lambda told: any(re.search(r"\d+ tokens in, \d+ out", one) for one in told))


def test_archive_and_delete(nvim: Neovim) -> None:
    exchange(nvim)
    chooses(nvim, 2)
    nvim.keys("<Esc>:Sessionls archive<CR>")
    nvim.sees("archived · code")
    nvim.keys(":Sessionls list<CR>")
    nvim.until("return _G.told", lambda told: any("This folder has no sessions" in one for one in told))
    nvim.keys(":Sessionls unarchive<CR>")
    nvim.sees("to code", gone=["archived"])
    nvim.keys(":Sessionls archive<CR>")
    nvim.sees("archived · code")
    nvim.keys(":Sessionls toggle<CR>")
    chooses(nvim, 1)
    nvim.keys(":Sessionls list archived<CR>")
    nvim.sees("archived · code")
    chooses(nvim, 2)
    nvim.keys("<Esc>:Sessionls delete<CR>")
    nvim.until("return vim.tbl_count(require('sessionls.client').of().sessions)", lambda count: count == 0)
    assert nvim.lua("return _G.offered") == ["Keep it", "Delete it permanently"]
    assert nvim.lua("return #vim.api.nvim_tabpage_list_wins(0)") == 1


def test_sharing_explains_its_requirements(nvim: Neovim) -> None:
    exchange(nvim)
    nvim.keys("<Esc>:Sessionls share Ben captain<CR>")
    nvim.until("return _G.told", lambda told: any("Usage: :Sessionls share NAME" in one for one in told))
    for role in ("reader", "nobody"):
        nvim.lua("_G.told = {}")
        nvim.keys(f":Sessionls share Ben Lee {role}<CR>")
        [told] = nvim.until("return _G.told")
        assert "PostgreSQL" in told  # SQLite has no logins


def test_a_comment_gets_no_answer(nvim: Neovim, model_server: ModelServer) -> None:
    exchange(nvim)
    nvim.keys("<Esc>:Sessionls comment<CR>")
    nvim.until("return _G.told", lambda told: any("Sessionls comment TEXT" in one for one in told))
    asked = len(model_server.requests)
    nvim.keys(":Sessionls comment Looks right<CR>")
    nvim.shows("Looks right")
    assert len(model_server.requests) == asked and nvim.lua(_REPLYING) is False


def test_a_deletion_that_is_not_confirmed_deletes_nothing(nvim: Neovim) -> None:
    exchange(nvim)
    chooses(nvim, 1)
    nvim.keys("<Esc>:Sessionls delete<CR>")
    nvim.until("return _G.offered")
    assert nvim.lua("return vim.tbl_count(require('sessionls.client').of().sessions)") == 1


def test_subcommands_agents_and_titles_are_completed(nvim: Neovim) -> None:
    exchange(nvim)
    complete = "return vim.fn.getcompletion('Sessionls %s', 'cmdline')"
    assert nvim.lua(complete % "re") == ["rename", "resume", "review"]
    assert "@terse" in nvim.lua(complete % "ask @t")
    assert nvim.lua(complete % "switch ter") == ["terse"]
    assert nvim.lua(complete % "open say") == ["say: hello"]
    assert nvim.lua(complete % "open say: h") == ["hello"]
    nvim.keys("<Esc>:Sessionls nonsense<CR>")
    nvim.until("return _G.told", lambda told: any("Unknown subcommand: nonsense. Known subcommands: " in one for one in told))


# -- questions -------------------------------------------------------------------------------------------------------


@pytest.fixture
def asked(nvim: Neovim, model_server: ModelServer) -> Neovim:
    """A question has been shown for long enough to accept keys."""
    command = ToolUse("run_command", {"command": "echo ran > ran.txt"})
    model_server.script(Answer(tools=[command]), Answer("done"), Answer("second"))
    new_session(nvim)
    send(nvim, "run it")
    await_question(nvim)
    nvim.keys("<Esc>:Sessionls answer<CR>")
    nvim.sees("y allows it once")
    nvim.stop_clock(later=300)
    return nvim


@pytest.mark.parametrize(("key", "ran"), [("y", True), ("s", True), ("d", False)])
def test_a_question_is_answered_with_one_key(asked: Neovim, nvim_folder: Path, key: str, ran: bool) -> None:
    asked.keys(key)
    asked.shows("done")
    assert (nvim_folder / "ran.txt").exists() == ran


def test_a_denial_can_have_a_reason(asked: Neovim, model_server: ModelServer) -> None:
    asked.lua("vim.ui.input = function(_, done) done('too dangerous') end")
    asked.keys("D")
    asked.shows("done", "too dangerous")
    assert any("too dangerous" in request.text for request in model_server.requests)


def test_a_question_that_is_closed_stays_open(asked: Neovim) -> None:
    asked.keys("q")
    asked.sees("⚑ code asks:", gone=["y allows it once ·"])
    assert asked.session()["asking"]
    asked.keys(":Sessionls answer<CR>")
    asked.sees("y allows it once ·")


@pytest.mark.parametrize(("answer", "ran"), [("once", True), ("session", True), ("deny", False)])
def test_a_question_is_answered_with_the_command(asked: Neovim, nvim_folder: Path, answer: str, ran: bool) -> None:
    asked.keys(f":Sessionls answer {answer}<CR>")
    asked.shows("done")
    assert (nvim_folder / "ran.txt").exists() == ran


def test_the_plug_maps_work(asked: Neovim, nvim_folder: Path) -> None:
    asked.lua("""
        for key, name in pairs({ ['1'] = 'toggle', ['2'] = 'next-question', ['3'] = 'allow', ['4'] = 'deny', ['5'] = 'list',
            ['6'] = 'cancel', ['7'] = 'review', ['8'] = 'changes' }) do
          vim.keymap.set('n', ' ' .. key, '<Plug>(sessionls-' .. name .. ')')
        end
    """)
    asked.keys("q 1")
    asked.until("return #vim.api.nvim_tabpage_list_wins(0)", lambda count: count == 1)
    asked.stop_clock()
    asked.keys(" 2")
    asked.sees("y allows it once ·")
    asked.keys(" 3")  # immediately: nobody can have read the question
    assert asked.lua("return #require('sessionls.permission').queue()") == 1
    asked.stop_clock(later=300)
    asked.keys(" 3")
    asked.shows("done")
    assert (nvim_folder / "ran.txt").exists()
    chooses(asked, 1)
    asked.keys(" 5")
    asked.until("return _G.offered", bool)
    asked.keys("<Esc> 8")
    [unknown] = asked.until("return vim.fn.getqflist()", bool)
    assert "unknown changes by a command: echo ran > ran.txt" in unknown["text"]
    for key in "467":
        assert asked.lua(f"return vim.fn.maparg(' {key}', 'n')").startswith("<Plug>(sessionls-")


# -- reviews ---------------------------------------------------------------------------------------------------------


def test_a_review_is_listed_opened_fixed_and_applied(nvim: Neovim, model_server: ModelServer, nvim_folder: Path) -> None:
    finding = {
        "path": "app.py",
        "start_line": 6,
        "severity": "warning",
        "title": "Three is not two",
        "body": "It gives 3.",
        "suggestion": "    return 2",
    }
    model_server.script(Answer(tools=[ToolUse("report_finding", finding)]), Answer("reviewed"), Answer("fixed it"))
    nvim.keys(":edit app.py<CR>:Sessionls review app.py<CR>")
    nvim.until("local buffer = vim.fn.bufnr('app.py') return buffer > 0 and vim.diagnostic.get(buffer)")
    nvim.keys(":Sessionls findings<CR>")
    [item] = nvim.until("return vim.fn.getqflist()", bool)
    assert item["lnum"] == 6 and "Three is not two" in item["text"]
    nvim.sees("app.py|6")
    nvim.capture("findings")
    nvim.keys(":Sessionls findings open<CR>")
    nvim.shows("● warning app.py:6", "reviewed")
    nvim.keys("<Esc>:cclose<CR>:Sessionls toggle<CR>6G:Sessionls findings fix<CR>")
    nvim.shows("fixed it")
    nvim.keys("<Esc><C-w>t6G:Sessionls findings apply<CR>")
    assert nvim.until("return vim.fn.getbufline('app.py', 6)[1]", lambda line: line == "    return 2")
    nvim.until("return #vim.diagnostic.get(vim.fn.bufnr('app.py'))", lambda count: count == 0)


@pytest.mark.parametrize("words", ["--nonsense", "missing.py"])
def test_a_review_without_a_target_is_explained(nvim: Neovim, words: str) -> None:
    nvim.keys(f":Sessionls review {words}<CR>")
    nvim.until(
        "return _G.told", lambda told: any("Usage: " in one or "The file missing.py does not exist" in one for one in told)
    )


# -- completeness ----------------------------------------------------------------------------------------------------


def used() -> str:
    return "".join(path.read_text(encoding="utf-8") for path in HERE.glob("test_nvim_*.py"))


def test_each_subcommand_is_run_in_a_test() -> None:
    source = (PLUGIN / "lua" / "sessionls" / "subcommands.lua").read_text(encoding="utf-8")
    names = re.findall(r"^M\.(\w+) = \{", source, re.MULTILINE)
    assert len(names) > 20
    assert [name for name in names if f"Sessionls {name}" not in used()] == []


def test_each_key_is_pressed_in_a_test() -> None:
    source = (PLUGIN / "lua" / "sessionls" / "maps.lua").read_text(encoding="utf-8")
    keys = re.findall(r"^  \w+ = \{ .*?, '([^']+)', ", source, re.MULTILINE)
    assert len(keys) > 15
    assert [key for key in keys if key not in used()] == []


def test_each_plug_map_is_used_in_a_test() -> None:
    names = re.findall(r"<Plug>\(sessionls-([\w-]+)\)", (PLUGIN / "doc" / "sessionls.txt").read_text(encoding="utf-8"))
    assert len(names) >= 10
    assert [name for name in names if f"'{name}'" not in used()] == []
