"""How sessions look in Neovim: in a narrow window, empty, with errors and long texts, dark and light, and after a restart.

The captures are in tests/screenshots/nvim, as text and as pictures, to be looked at.
"""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

import pytest

from model_server import Answer, ModelServer, Refuse, Stall, ToolUse
from neovim import HAS_TERMINAL, PLUGIN, Neovim, binary, start
from nvim_session import await_question, new_session, send

pytestmark = pytest.mark.skipif(not HAS_TERMINAL, reason="this system has no pseudo-terminals")

PICTURES = bool(os.environ.get("SESSIONLS_PICTURES"))  # read at import time: tests run without the user's variables
LONG = "A line that is much longer than the window, so that it must be broken between its words, as prose is. " * 4
REPLY = f"""# Heading

Some *text* with `code`, a list:

- one
- two, 漢字 and 😀

```python
def two():
    return 2
```

| a | b |
|---|---|
| 1 | 2 |

{LONG}"""


@pytest.mark.parametrize("background", ["dark", "light"])
def test_a_session_beside_the_code(
    tmp_path: Path, nvim_folder: Path, nvim_env: dict[str, str], model_server: ModelServer, background: str
) -> None:
    model_server.script(Answer(reasoning="let me think", tools=[ToolUse("read_file", {"path": "app.py"})]), Answer(REPLY))
    with start(tmp_path / "nvim", nvim_folder, nvim_env, columns=140, lines=45, background=background, trust=True) as nvim:
        nvim.keys(":edit app.py<CR>:5,6Sessionls ask<CR>")
        nvim.until("return vim.bo.filetype", lambda kind: kind == "sessionls_draft")
        nvim.keys("Ais this right?<Esc><CR>")
        nvim.shows("def two", "as prose is.")
        nvim.sees("much longer than", "漢字 and 😀")  # the window follows the end
        nvim.keys("<C-w>kgg<C-w>j")
        screen = nvim.sees("def one():", "▸ +app.py:5-6", "▸ reasoning", "▸ read_file app.py", "漢字 and 😀", "to code")
        nvim.capture(f"session-{background}")
        assert screen.splitlines()[0].startswith("def one():")  # the code keeps its window
        assert "│ def two" not in screen and "let me think" not in screen  # folds stay closed


_PARSER = '''"""Reads a table of words and numbers."""


def read_table(path):
    rows = []
    with open(path) as file:
        lines = file.readlines()
    for number in range(1, len(lines) - 1):
        word, value = lines[number].split(",")
        rows.append((word, float(value)))
    return rows


def total(rows):
    return sum(value for _, value in rows)
'''


def test_the_picture_of_the_readme(
    tmp_path: Path, nvim_folder: Path, nvim_env: dict[str, str], model_server: ModelServer
) -> None:
    """Writes the picture to docs/images with SESSIONLS_PICTURES=1."""
    (nvim_folder / "table.py").write_text(_PARSER, encoding="utf-8")
    git = ("git", "-c", "user.name=Ada", "-c", "user.email=ada@example.org", "init", "-q")
    subprocess.run([*git, str(nvim_folder)], check=True)
    Path(nvim_env["GIT_CONFIG_GLOBAL"]).parent.mkdir(parents=True, exist_ok=True)
    Path(nvim_env["GIT_CONFIG_GLOBAL"]).write_text("[user]\n name = Ada\n email = ada@example.org\n", encoding="utf-8")
    read = Answer(tools=[ToolUse("read_file", {"path": "table.py"})])
    old, new = "range(1, len(lines) - 1)", "range(1, len(lines))"
    edit = Answer(tools=[ToolUse("edit_file", {"path": "table.py", "edits": [{"old": old, "new": new}]})])
    finding = {
        "path": "table.py",
        "start_line": 9,
        "severity": "warning",
        "title": "A line without a comma stops everything",
        "body": "`split` gives one part then.",
    }
    model_server.script(
        Answer(
            "It stops one line early: `range` leaves its end out, and `len(lines) - 1` leaves out one more. "
            "The last row is never read."
        ),
        Answer(tools=[ToolUse("report_finding", finding)]),
        Answer("One more thing to fix."),
        read,
        edit,
        Answer("Now the last row counts."),
    )
    env = nvim_env | {"SESSIONLS_PERMISSIONS": '{"write": "allow"}'}
    with start(tmp_path / "nvim", nvim_folder, env, columns=130, lines=36, trust=True) as nvim:
        nvim.keys(":edit table.py<CR>:set number signcolumn=yes<CR>:7,10Sessionls ask<CR>")
        nvim.until("return vim.bo.filetype", lambda kind: kind == "sessionls_draft")
        nvim.keys("AWhy is the last row missing?<Esc><CR>")
        nvim.shows("never read.")
        for text, done in (("@review Anything else?", "One more thing to fix."), ("Fix the range.", "the last row counts.")):
            send(nvim, text)
            nvim.shows(done)
        nvim.keys("i@review #diff Is it right now?<Esc>")
        nvim.keys("<C-w>t:7<CR><C-w>b:echo<CR>")
        nvim.sees("▎", "range(1, len(lines))", "● warning table.py:9", "to review · once (default: code)", "diff HEAD")
        nvim.capture("readme")
        if PICTURES:
            assert nvim.terminal is not None
            picture = Path(__file__).resolve().parent.parent / "docs" / "images" / "neovim.svg"
            picture.write_text(nvim.terminal.picture("Neovim"), encoding="utf-8", newline="\n")


@pytest.mark.parametrize("columns", [60, 40])
def test_in_a_narrow_terminal_the_session_is_below_the_code(
    tmp_path: Path, nvim_folder: Path, nvim_env: dict[str, str], model_server: ModelServer, columns: int
) -> None:
    command = ToolUse("run_command", {"command": "echo a rather long command that needs more than one line"})
    model_server.script(Answer(REPLY), Answer(tools=[command]), Answer("done"))
    with start(tmp_path / "nvim", nvim_folder, nvim_env, columns=columns, lines=36, trust=True) as nvim:
        nvim.keys(":edit app.py<CR>")
        new_session(nvim)
        send(nvim, "hello")
        nvim.shows("as prose is.")
        nvim.sees("def one():", "as prose is.", "to code")
        nvim.capture(f"narrow-{columns}")
        send(nvim, "run it")
        await_question(nvim)
        nvim.keys("<Esc>:Sessionls answer<CR>")
        screen = nvim.sees("y allows it once · ", "more than one line")
        nvim.capture(f"narrow-{columns}-question")
        widths = "return vim.tbl_map(vim.api.nvim_win_get_width, vim.api.nvim_tabpage_list_wins(0))"
        assert set(nvim.lua(widths)) == {columns}
        assert all(len(line) <= columns for line in screen.splitlines())


def test_an_empty_session_says_how_to_begin(nvim: Neovim) -> None:
    new_session(nvim)
    nvim.sees("Write a message below", "g?", "to code")
    nvim.capture("empty")
    nvim.keys("isay: hello<Esc><CR>")
    nvim.shows("## code", "hello")
    nvim.sees("hello", gone=["Write a message below"])


def test_a_failed_reply_explains_the_error_and_what_to_do(nvim: Neovim, model_server: ModelServer) -> None:
    model_server.script(Refuse(401, "Incorrect API key provided."))
    new_session(nvim)
    send(nvim, "hello")
    shown = nvim.shows("· failed", "✗ ")
    nvim.sees("✗ ", "failed")
    nvim.capture("failed")
    assert "key" in shown.partition("✗ ")[2]


def test_a_missing_server_is_explained(tmp_path: Path, nvim_folder: Path, nvim_env: dict[str, str]) -> None:
    with start(tmp_path / "nvim", nvim_folder, nvim_env, cmd=["no-such-program", "serve"]) as nvim:
        nvim.keys(":Sessionls new<CR>")
        nvim.until("return _G.told", lambda told: any("no-such-program is not executable. Install" in one for one in told))
        nvim.keys(":checkhealth sessionls<CR>")
        nvim.sees("The server is not installed", "pip install sessionls")
        nvim.capture("no-server")


def test_invalid_settings_are_explained(tmp_path: Path, nvim_folder: Path, nvim_env: dict[str, str]) -> None:
    with start(tmp_path / "nvim", nvim_folder, nvim_env, layout="diagonal", colour="red", width="wide") as nvim:
        nvim.keys(":checkhealth sessionls<CR>")
        nvim.sees("layout must be one of", "colour is not a setting", "width must be a number; it is a string")


def test_a_reply_being_written_is_followed_only_from_the_last_line(nvim: Neovim, model_server: ModelServer) -> None:
    lines = [f"line {number}\n\n" for number in range(200)]
    model_server.script(Answer(chunks=lines, delay=0.005), Answer(chunks=lines, delay=0.005))
    new_session(nvim)
    send(nvim, "one")
    nvim.shows("line 199")
    nvim.sees("line 199")
    nvim.keys("<Esc><C-w>k20Gzt")
    nvim.sees("line 8", gone=["line 199"])
    nvim.keys("<C-w>j")
    send(nvim, "two")
    nvim.until("return require('sessionls.view').current().state.session.replying", lambda replying: not replying)
    nvim.shows("\ntwo\n", "## code")
    nvim.sees("line 8", gone=["line 199"])


# -- what is kept ----------------------------------------------------------------------------------------------------


def test_a_vim_session_file_restores_the_windows(
    tmp_path: Path, nvim_folder: Path, nvim_env: dict[str, str], model_server: ModelServer
) -> None:
    with start(tmp_path / "one", nvim_folder, nvim_env, trust=True) as nvim:
        nvim.keys(":edit app.py<CR>")
        new_session(nvim)
        send(nvim, "say: kept")
        nvim.shows("\nkept\n")
        nvim.keys("ia draft<Esc>")
        nvim.lua("vim.wait(700)")
        nvim.keys(":mksession here.vim<CR>")
        nvim.quit()
    with start(tmp_path / "two", nvim_folder, nvim_env, trust=True) as nvim:
        nvim.keys(":source here.vim<CR>")
        nvim.shows("\nkept\n")
        nvim.sees("def one():", "kept", "a draft", "to code")
        nvim.capture("mksession")
        assert nvim.lua("return #vim.api.nvim_tabpage_list_wins(0)") == 3
        nvim.lua("vim.api.nvim_set_current_win(vim.fn.bufwinid(require('sessionls.view').current().draft))")
        send(nvim, "say: again")
        nvim.shows("\nagain\n")
        nvim.keys("<C-w>k:edit<CR>")  # reloading the buffer loses nothing
        nvim.sees("kept", "again")
        assert nvim.lua("return { vim.bo.modifiable, vim.wo.foldmethod }") == [False, "expr"]


def test_several_sessions_are_open_one_for_each_tab(nvim: Neovim, model_server: ModelServer) -> None:
    new_session(nvim)
    send(nvim, "say: apples")
    nvim.shows("\napples\n")
    nvim.keys("<Esc>:tabnew<CR>")
    new_session(nvim)
    send(nvim, "say: pears")
    nvim.shows("\npears\n")
    nvim.keys("<Esc>gt")
    nvim.sees("apples", gone=["pears\n"])
    nvim.shows("\napples\n")
    nvim.keys("gt")
    nvim.shows("\npears\n")


@pytest.mark.parametrize("layout", ["split", "below", "tab", "current"])
def test_layouts(tmp_path: Path, nvim_folder: Path, nvim_env: dict[str, str], layout: str) -> None:
    with start(tmp_path / "nvim", nvim_folder, nvim_env, columns=100, lines=30, layout=layout, trust=True) as nvim:
        nvim.keys(":edit app.py<CR>")
        new_session(nvim)
        screen = nvim.sees("to code", "Write a message below")
        nvim.capture(f"layout-{layout}")
        assert ("def one" in screen) == (layout in {"split", "below"})


def test_no_module_is_loaded_at_the_start_of_neovim() -> None:
    code = (
        "local before = vim.tbl_count(package.loaded) dofile(vim.env.PLUGIN) "
        "io.stdout:write(vim.fn.exists(':Sessionls') .. ' ' .. vim.tbl_count(package.loaded) - before)"
    )
    command = [binary(), "--clean", "--headless", "--cmd", "set noloadplugins", "-c", f"lua {code}", "-c", "qa!"]
    env = {**os.environ, "PLUGIN": str(PLUGIN / "plugin" / "sessionls.lua")}
    done = subprocess.run(command, capture_output=True, text=True, check=True, env=env)
    assert done.stdout == "2 0"


def test_another_processs_work_is_shown_live(
    nvim: Neovim, tmp_path: Path, nvim_folder: Path, nvim_env: dict[str, str], model_server: ModelServer
) -> None:
    model_server.script(Stall("from elsewhere"))
    new_session(nvim)
    session = nvim.session()["id"]
    with start(tmp_path / "other", nvim_folder, nvim_env, trust=True) as other:
        other.lua(f"require('sessionls').open('{session}')")
        other.until("return vim.bo.filetype", lambda kind: kind == "sessionls_draft")
        other.until("return require('sessionls.view').current().state ~= nil")
        send(other, "hello")
        nvim.shows("hello", "from elsewhere", "writing …")
        nvim.until("return require('sessionls').status()", lambda status: status == "✎ 1")
        nvim.keys("<Esc>:Sessionls cancel<CR>")
        other.shows("· cancelled")


def test_a_session_is_handed_over_to_another_participant(
    nvim: Neovim, tmp_path: Path, nvim_folder: Path, nvim_env: dict[str, str]
) -> None:
    new_session(nvim)
    send(nvim, "say: done")
    nvim.shows("\ndone\n")
    session = nvim.session()["id"]
    with start(tmp_path / "other", nvim_folder, nvim_env | {"SESSIONLS_PARTICIPANT_NAME": "Ben Lee"}, trust=True) as other:
        other.lua(f"require('sessionls').open('{session}')")
        other.until("return require('sessionls.view').current().state ~= nil")
        names = "return vim.fn.getcompletion('Sessionls handover Be', 'cmdline')"
        nvim.until(names, lambda found: found == ["Ben Lee"])
        nvim.keys("<Esc>:Sessionls handover Ben Lee please look at it<CR>")
        needs = other.until("return require('sessionls.view').current().state.session.needs", bool)
        assert (needs[0]["participant"]["name"], needs[0]["note"]) == ("Ben Lee", "please look at it")
        other.sees("handed this to Ben Lee")
        nvim.keys(":Sessionls list<CR>")
        nvim.sees("for Ben Lee")
        nvim.keys("<CR>")
