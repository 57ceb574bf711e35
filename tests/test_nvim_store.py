"""The Neovim plugin folds events like the server: the same logs give the same sessions."""

from __future__ import annotations

import subprocess
from pathlib import Path

from neovim import PLUGIN, binary

TESTS = Path(__file__).resolve().parent


def test_every_event_log_folds_to_the_same_state_as_on_the_server() -> None:
    command = [binary(), "--clean", "--cmd", f"set rtp^={PLUGIN.as_posix()}", "-l", str(TESTS / "nvim_fold.lua")]
    done = subprocess.run([*command, str(TESTS / "event-logs.json")], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr[-4000:]
