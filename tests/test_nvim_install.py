"""`sessionls editor nvim` installs the plugin and its help where Neovim finds them."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from neovim import PLUGIN, binary


def target() -> Path:
    name = "nvim-data" if sys.platform == "win32" else "nvim"
    return Path(os.environ["XDG_DATA_HOME"]) / name / "site" / "pack" / "sessionls" / "start" / "sessionls"


def sessionls(*words: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "sessionls", "editor", "nvim", *words]
    return subprocess.run(command, capture_output=True, text=True, check=False)


def neovim(code: str) -> str:
    """The output of Lua code in a Neovim that loads the user's plugins."""
    command = [binary(), "--headless", "-u", "NONE", "--cmd", "set loadplugins", "+lua " + code, "+qa!"]
    done = subprocess.run(command, capture_output=True, text=True, check=True, env={**os.environ})
    return done.stdout + done.stderr


def test_the_plugin_replaces_an_older_one_and_neovim_finds_it() -> None:
    assert sessionls("--install").returncode == 0
    old = target() / "lua" / "sessionls" / "of_an_older_version.lua"
    old.write_text("", encoding="utf-8")
    assert sessionls("--install").returncode == 0
    assert not old.exists()
    assert "2" in neovim("io.stdout:write(vim.fn.exists(':Sessionls'))")
    assert "sessionls-config" in neovim("vim.cmd('help sessionls-config') io.stdout:write(vim.api.nvim_get_current_line())")


def test_install_removes_nothing_else() -> None:
    target().mkdir(parents=True)
    (target() / "mine.txt").write_text("mine", encoding="utf-8")
    done = sessionls("--install")
    assert done.returncode == 2 and "is not a plugin that this command installed" in done.stderr.replace("\n", " ")
    assert (target() / "mine.txt").read_text(encoding="utf-8") == "mine"


def test_print_shows_the_folder_for_a_plugin_manager() -> None:
    assert Path(sessionls("--print").stdout.strip()) == PLUGIN


@pytest.mark.parametrize("words", [(), ("--install", "--print")])
def test_missing_options_are_explained(words: tuple[str, ...]) -> None:
    done = sessionls(*words)
    assert done.returncode == 2 and "Use --install or --print." in done.stderr
