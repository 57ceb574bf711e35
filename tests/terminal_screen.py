"""A program in a pseudo-terminal, and its screen as a person sees it: as text, or as a picture (SVG)."""

from __future__ import annotations

import os
import re
import struct
import subprocess
import threading
from collections.abc import Mapping, Sequence
from itertools import groupby
from pathlib import Path

import pyte
from rich.console import Console
from rich.text import Text

__all__ = ["TerminalScreen"]

# What the emulator would take for something else: private modes of the keyboard, device control strings.
_UNKNOWN = re.compile(rb"\x1b\[[>=<?][0-9;]*[muq]|\x1bP.*?\x1b\\|\x1b\[[0-9;]*\$p|\x1b\[\?[0-9;]*\$p|\x1b\[[0-9;]* q", re.DOTALL)
_OPEN = re.compile(rb"\x1b(?:P.*|\[[0-9;?><=$]*)?\Z", re.DOTALL)  # a sequence whose end has not come yet
_BRIGHT = {"brown": "yellow"}


class TerminalScreen:
    """Starts `command` in a terminal of that size. Only where the system has pseudo-terminals of this kind (not on Windows)."""

    def __init__(self, command: Sequence[str], *, cwd: Path, env: Mapping[str, str], columns: int, lines: int) -> None:
        import fcntl  # there is none on Windows
        import termios

        self._screen = pyte.Screen(columns, lines)
        self._stream = pyte.ByteStream(self._screen)
        self._lock = threading.Lock()
        self._main, child = os.openpty()
        fcntl.ioctl(child, termios.TIOCSWINSZ, struct.pack("HHHH", lines, columns, 0, 0))
        self.process = subprocess.Popen(
            list(command),
            cwd=cwd,
            env={**env, "TERM": "xterm-256color", "COLORTERM": "truecolor"},
            stdin=child,
            stdout=child,
            stderr=child,
            start_new_session=True,
        )
        os.close(child)
        self._reader = threading.Thread(target=self._read, daemon=True)
        self._reader.start()

    def _read(self) -> None:
        rest = b""
        while True:
            try:
                data = os.read(self._main, 65536)
            except OSError:  # the program has ended
                return
            if not data:
                return
            data = _UNKNOWN.sub(b"", rest + data)
            cut = _OPEN.search(data)
            data, rest = (data[: cut.start()], data[cut.start() :]) if cut else (data, b"")
            with self._lock:
                self._stream.feed(data)

    def press(self, keys: str) -> None:
        """Type these characters, as a keyboard sends them."""
        os.write(self._main, keys.encode())

    def text(self) -> str:
        """The lines of the screen, without spaces at their ends."""
        with self._lock:
            return "\n".join(line.rstrip() for line in self._screen.display)

    def picture(self, title: str) -> str:
        """The screen with its colours, as SVG."""
        with self._lock:
            rows = [[self._screen.buffer[y][x] for x in range(self._screen.columns)] for y in range(self._screen.lines)]
        text = Text()
        for row in rows:
            for style, cells in groupby(row, key=_style):
                text.append("".join(cell.data for cell in cells), style)
            text.append("\n")
        with Path(os.devnull).open("w", encoding="utf-8") as nowhere:
            console = Console(record=True, width=len(rows[0]), file=nowhere, color_system="truecolor", force_terminal=True)
            console.print(text, end="", soft_wrap=True)
            # No font from elsewhere, and the same names in each picture.
            return re.sub(r"@font-face \{.*?\}", "", console.export_svg(title=title, unique_id="screen"), flags=re.DOTALL)

    def close(self) -> None:
        self.process.wait(timeout=10)
        self._reader.join(timeout=10)
        os.close(self._main)


def _style(cell: pyte.screens.Char) -> str:
    front, back = _color(cell.fg), _color(cell.bg)
    words = [name for name in ("bold", "italic", "underscore", "reverse", "strike") if getattr(cell, _ATTRIBUTES[name])]
    style = " ".join(_RICH.get(name, name) for name in words)
    style += f" {front}" if front else ""
    return f"{style} on {back}" if back else style


_ATTRIBUTES = {"bold": "bold", "italic": "italics", "underscore": "underscore", "reverse": "reverse", "strike": "strikethrough"}
_RICH = {"underscore": "underline"}


def _color(name: str) -> str | None:
    if name == "default":
        return None
    if len(name) == 6 and all(one in "0123456789abcdef" for one in name):
        return f"#{name}"
    return _BRIGHT.get(name, name).replace("bright", "bright_")
