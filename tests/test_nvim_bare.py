"""Neovim without the plugin, set up as docs/editors.md says, in a terminal: keys, code actions and words in a session file."""

from __future__ import annotations

import re
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from model_server import Answer, Hold, ModelServer, Stall, ToolUse
from neovim import HAS_TERMINAL, PATIENCE, PROMPT, Neovim, start

pytestmark = pytest.mark.skipif(not HAS_TERMINAL, reason="this system has no pseudo-terminals")
DOCS = Path(__file__).resolve().parent.parent / "docs" / "editors.md"
TEXT = "return table.concat(vim.api.nvim_buf_get_lines(0, 0, -1, false), '\\n')"
READY = "local one = vim.lsp.get_clients({ name = 'sessionls', bufnr = 0 })[1] return one ~= nil and one.initialized == true"


@pytest.fixture
def bare(tmp_path: Path, nvim_folder: Path, nvim_env: dict[str, str]) -> Iterator[Neovim]:
    [documented] = re.findall(r"```lua\n(vim\.lsp\.config\('sessionls'.*?)```", DOCS.read_text(encoding="utf-8"), re.DOTALL)
    lua = documented.replace("{ 'sessionls', 'serve' }", "vim.json.decode(vim.env.TEST_SERVER)")
    assert lua != documented
    with start(tmp_path / "nvim", nvim_folder, nvim_env, without_plugin=lua) as neovim:
        neovim.dismisses_prompts = True
        yield neovim


def press(nvim: Neovim, keys: str) -> None:
    """Type these characters: also where Neovim waits for a key, and answers nobody."""
    assert nvim.terminal is not None
    nvim.terminal.press(keys)


def choose(nvim: Neovim, title: str, *, selected: str = "") -> None:
    """Choose a code action in the menu of numbers."""
    nvim.until(READY)
    for _ in range(20):
        press(nvim, f"{selected}gra")
        screen = nvim.sees("Type number and <Enter>")
        found = re.search(rf"(\d+): {re.escape(title)}", screen)
        press(nvim, f"{found[1] if found else ''}\r")
        if found:
            return
    raise AssertionError(f"{title} is not offered:\n{screen}")


def shows(nvim: Neovim, *texts: str) -> str:
    """Wait until the buffer holds these texts. Neovim itself waits for a key where its messages take more than a line."""
    end = time.monotonic() + PATIENCE
    while True:
        if PROMPT in nvim.screen():
            press(nvim, "\r")
        elif all(one in (text := str(nvim.lua(TEXT))) for one in texts):
            return text
        assert time.monotonic() < end, f"waited in vain for {texts}:\n{nvim.screen()}"
        time.sleep(0.05)


def write(nvim: Neovim, text: str) -> None:
    """Write the next message, and send it."""
    nvim.keys(f"<Esc>Go{text}<Esc>")
    choose(nvim, "Send")


@pytest.fixture
def session(bare: Neovim, model_server: ModelServer) -> Neovim:
    """A session about the unsaved lines 5 and 6, with one exchange."""
    model_server.script(Answer("It is three."))
    bare.keys(":edit app.py<CR>5GA  # 𝒳<Esc>")
    choose(bare, "Ask…", selected="Vj")
    bare.until("return vim.api.nvim_buf_get_name(0)", lambda name: name.endswith(".session.md"))
    bare.keys("AWhat is this?<Esc>")
    choose(bare, "Send")
    shows(bare, "It is three.", "## Next message")
    return bare


def test_a_selection_of_an_unsaved_buffer_is_asked_about(session: Neovim, model_server: ModelServer) -> None:
    session.sees("#file:app.py:5-6 What is this?", "It is three.")
    session.capture("bare-asked")
    sent = model_server.requests[0].text
    assert "5 | def two():  # 𝒳" in sent and "def one" not in sent


def test_one_message_goes_to_another_agent(session: Neovim) -> None:
    write(session, "@review say: short")
    shows(session, "## review · ", "\nshort\n")
    write(session, "say: again")
    shows(session, "\nagain\n")
    assert session.lua(TEXT).count("## code · ") == 2


def test_a_reply_grows_above_what_is_typed(session: Neovim, model_server: ModelServer) -> None:
    hold = Hold("First line.\n", then=Answer("Second line."))
    model_server.script(hold)
    write(session, "go on")
    shows(session, "First line.")
    session.sees("First line.", gone=[PROMPT])
    session.keys("<Esc>Gotyped meanwhile<Esc>")
    hold.go.set()
    text = shows(session, "Second line.", "typed meanwhile")
    assert text.index("Second line.") < text.index("## Next message") < text.index("typed meanwhile")


def test_pause_resume_and_cancel(session: Neovim, model_server: ModelServer) -> None:
    model_server.script(Stall("Half a line.\n"), Answer("And the rest."), Stall("One more.\n"))
    write(session, "go on")
    shows(session, "Half a line.")
    choose(session, "Pause")
    choose(session, "Resume")
    shows(session, "And the rest.")
    write(session, "and on")
    shows(session, "One more.")
    choose(session, "Cancel")
    shows(session, "> **Cancelled**")


def test_a_question_is_answered_in_the_file(session: Neovim, model_server: ModelServer, nvim_folder: Path) -> None:
    command = ToolUse("run_command", {"command": "echo ran > ran.txt"})
    model_server.script(Answer(tools=[command]), Answer("It ran."))
    write(session, "run it")
    shows(session, "**Permission: code asks:")
    session.keys("/Permission<CR>")
    session.sees("Permission: code asks:", "echo ran > ran.txt")
    session.capture("bare-question")
    session.lua("vim.wait(1000)")  # an answer counts only if the question could be read
    choose(session, "Allow once")
    shows(session, "It ran.")
    assert (nvim_folder / "ran.txt").exists()


def test_a_session_is_forked_at_a_message(session: Neovim) -> None:
    write(session, "say: later")
    shows(session, "\nlater\n")
    parent = session.lua("return vim.api.nvim_buf_get_name(0)")
    session.keys("gg/It is three<CR>")
    choose(session, "Fork here")
    session.until("return vim.api.nvim_buf_get_name(0)", lambda name: name != parent and name.endswith(".session.md"))
    assert "later" not in shows(session, "It is three.", "## Next message")


def test_a_finding_is_a_diagnostic_and_is_dismissed_by_a_code_action(session: Neovim, model_server: ModelServer) -> None:
    finding = {"path": "app.py", "start_line": 6, "severity": "warning", "title": "Three is not two", "body": "It gives 3."}
    model_server.script(Answer(tools=[ToolUse("report_finding", finding)]), Answer("Reported."))
    write(session, "look")
    shows(session, "Reported.", "Three is not two")
    session.keys(":buffer app.py<CR>6G")
    diagnostics = "return vim.tbl_map(function(one) return one.message end, vim.diagnostic.get(vim.fn.bufnr('app.py')))"
    assert "Three is not two" in session.until(diagnostics, bool)[0]
    choose(session, "Dismiss")
    session.until(diagnostics, lambda found: not found)
