"""A Neovim with the plugin for a test: its workspace, its environment, and helpers to open and use a session."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from model_server import ModelServer
from neovim import Neovim, start
from shared_server import environment, key_for, make_workspace

__all__ = ["await_question", "new_session", "nvim", "nvim_env", "nvim_folder", "send"]

_APP = "def one():\n    return 1\n\n\ndef two():\n    return 3  # 😀\n"


@pytest.fixture
def nvim_folder(tmp_path: Path) -> Path:
    found = make_workspace(tmp_path)
    (found / "app.py").write_text(_APP, encoding="utf-8")
    (found / ".git").mkdir()
    return found


@pytest.fixture
def nvim_env(tmp_path: Path, model_server: ModelServer) -> dict[str, str]:
    return environment(tmp_path / "home") | key_for(model_server)


@pytest.fixture
def nvim(tmp_path: Path, nvim_folder: Path, nvim_env: dict[str, str]) -> Iterator[Neovim]:
    with start(tmp_path / "nvim", nvim_folder, nvim_env, trust=True) as neovim:
        yield neovim
        assert "Error" not in neovim.lua("return vim.api.nvim_exec2('messages', { output = true }).output")


def await_question(nvim: Neovim) -> None:
    """Wait until a question is shown and can be answered. The server asks shortly after the question is in the log."""
    nvim.shows("⚑ code asks:")
    nvim.until("return #require('sessionls.permission').queue()", lambda count: count > 0)


def new_session(nvim: Neovim) -> None:
    """Open a new session with the cursor in its draft."""
    nvim.keys(":Sessionls new<CR>")
    nvim.until("return vim.bo.filetype", lambda kind: kind == "sessionls_draft")
    nvim.until("return #require('sessionls.client').of().agents", lambda count: count > 0)
    nvim.until("return require('sessionls.view').current().state ~= nil")


def send(nvim: Neovim, text: str) -> None:
    """Type this in the draft, which has the cursor, and send it."""
    nvim.keys(f"<Esc>ggVGc{text}<Esc><CR>")
