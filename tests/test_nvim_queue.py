"""Waiting messages of a session in Neovim: withdrawing, sending now, reordering, editing."""

from __future__ import annotations

from typing import Any

import pytest

from model_server import Answer, ModelServer, Stall
from neovim import Neovim
from nvim_session import new_session, send

WAITING = """
return vim.tbl_map(function(one) return one.parts[1].text end,
  require('sessionls.queue').waiting(require('sessionls.view').current()))
"""


@pytest.fixture
def busy(nvim: Neovim, model_server: ModelServer) -> Neovim:
    """A session with a long reply and three messages waiting behind it; the cursor is in the draft."""
    model_server.script(Stall("half a"), Answer("the next reply"), Answer("one more"), Answer("and one more"))
    new_session(nvim)
    send(nvim, "first")
    nvim.shows("half a")
    for count, text in enumerate(("alpha", "beta", "gamma"), start=1):
        send(nvim, text)
        nvim.until(f"return {count} == require('sessionls.view').current().state.session.queued")
    return nvim


def on(nvim: Neovim, text: str, keys: str) -> None:
    """Press keys with the transcript's cursor on this message."""
    nvim.shows(f"\n{text}\n")
    nvim.keys(f"<Esc><C-w>kgg/^{text}$<CR>{keys}")


def waiting(nvim: Neovim, *texts: str) -> None:
    nvim.until(WAITING, lambda found: found == list(texts))


def test_a_waiting_message_is_withdrawn_with_gw(busy: Neovim) -> None:
    busy.sees("· waits", "3 waiting")
    busy.capture("queue")
    on(busy, "beta", "gw")
    waiting(busy, "alpha", "gamma")
    busy.sees("2 waiting", gone=["│beta"])
    assert busy.told() == []  # no error for the withdrawn message


def test_waiting_messages_are_reordered(busy: Neovim) -> None:
    on(busy, "alpha", "]e")
    waiting(busy, "beta", "alpha", "gamma")
    on(busy, "gamma", "[e")
    waiting(busy, "beta", "gamma", "alpha")
    on(busy, "beta", "[e")  # the first one cannot move up
    assert busy.lua(WAITING) == ["beta", "gamma", "alpha"]


def test_a_waiting_message_is_sent_now_in_place_of_the_reply(busy: Neovim, model_server: ModelServer) -> None:
    on(busy, "gamma", "gs")
    shown = busy.shows("· cancelled", "the next reply", "and one more")
    assert shown.index("gamma") < shown.index("the next reply") < shown.index("alpha")
    waiting(busy)


def test_a_waiting_message_is_edited_at_its_position(busy: Neovim) -> None:
    on(busy, "beta", "ge")
    busy.until("return { vim.bo.filetype, vim.api.nvim_get_current_line() }", lambda now: now == ["sessionls_draft", "beta"])
    busy.sees("edits a waiting message")
    busy.keys("A, as I meant it<Esc><CR>")
    waiting(busy, "alpha", "beta, as I meant it", "gamma")
    busy.sees("to code", gone=["edits a waiting message"])
    assert busy.told() == []


def test_emptying_the_draft_leaves_the_waiting_message_unchanged(busy: Neovim) -> None:
    on(busy, "beta", "ge")
    busy.sees("edits a waiting message")
    busy.keys("ggdGi<Esc>")
    busy.sees("to code", gone=["edits a waiting message"])
    send(busy, "delta")
    waiting(busy, "alpha", "beta", "gamma", "delta")


def test_an_edited_message_keeps_its_agent_and_context(busy: Neovim, model_server: ModelServer) -> None:
    busy.lua("vim.cmd('topleft vsplit app.py')")
    busy.keys("2GV:Sessionls ask @terse about this<CR>")
    waiting(busy, "alpha", "beta", "gamma", "about this")
    busy.keys("<C-w>b")
    on(busy, "about this", "ge")
    draft = busy.until("return vim.api.nvim_get_current_line()", lambda line: "about this" in line)
    assert draft == "@terse #selection about this"
    bar = "return require('sessionls.view').current().draft_bar"
    busy.until(bar, lambda text: "to terse · once" in text and "+app.py:2" in text)
    busy.keys("A thing<Esc><CR>")
    waiting(busy, "alpha", "beta", "gamma", "about this thing")
    [message] = busy.lua(_ABOUT)
    assert message["agent"] == "terse" and [one["kind"] for one in message["context"]] == ["selection"]


_ABOUT = """
return vim.tbl_filter(function(one) return one.parts[1].text == 'about this thing' end,
  require('sessionls.queue').waiting(require('sessionls.view').current()))
"""


@pytest.mark.parametrize(
    ("word", "left"),
    [
        ("withdraw", ["alpha", "beta"]),
        ("earlier", ["alpha", "gamma", "beta"]),
        ("later", ["alpha", "beta", "gamma"]),
        ("now", []),
        ("edit", ["alpha", "beta", "gamma"]),
    ],
)
def test_the_command_asks_which_message(busy: Neovim, word: str, left: list[Any]) -> None:
    busy.lua("vim.ui.select = function(items, _, done) done(items[#items], #items) end")
    busy.keys(f"<Esc>:Sessionls queue {word}<CR>")
    waiting(busy, *left)
    if word == "edit":
        assert busy.until("return vim.api.nvim_get_current_line()") == "gamma"
    if word == "now":
        busy.shows("the next reply")
