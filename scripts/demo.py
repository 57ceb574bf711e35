"""Shows what sessionls does, with the real program and a file of this repository: `make demo`.

Needs no key and no network: without them the embedded model answers, with shorter agents. Everything is written to a temporary
folder. `--picture FILE` also draws the terminal's output (not on Windows).
"""

from __future__ import annotations

import argparse
import json
import os
import re
import shutil
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from rich.console import Console
from rich.text import Text

ROOT = Path(__file__).resolve().parent.parent
FILE = "ids.py"
WIDTH = 100
# The embedded model can only handle short prompts and replies. Real models use the built-in agents.
SHORT = {
    "code": ("The default agent, shortened.", "You answer questions about Python code in two short sentences."),
    "explain": ("Explains, shortened.", "You explain Python code to a beginner in two short sentences."),
}


class Demo:
    """A workspace, a data folder, and the program that runs in them."""

    def __init__(self, home: Path, console: Console) -> None:
        self.folder = home / "workspace"
        self.folder.mkdir()
        shutil.copy(ROOT / "src" / "sessionls" / "domain" / FILE, self.folder / FILE)
        self.env = {**os.environ, "SESSIONLS_DATA_DIR": str(home / "data")}
        self.console = console

    def define_short_agents(self) -> None:
        """Define shorter agents in the workspace, and trust it."""
        agents = self.folder / ".sessionls" / "agents"
        agents.mkdir(parents=True)
        for name, (description, prompt) in SHORT.items():
            head = f"---\nname: {name}\ndescription: {description}\nmaxTokens: 70\ntemperature: 0\ntools: []\n---\n"
            (agents / f"{name}.md").write_text(head + prompt + "\n", encoding="utf-8")
        self.env["SESSIONLS_TRUSTED_FOLDERS"] = str(self.folder)

    def say(self, text: str) -> None:
        self.console.print()
        self.console.rule(Text(text, style="bold"), align="left", style="dim")

    def run(self, *args: str) -> None:
        """Show the command, run it, and show its output."""
        shown = " ".join(f'"{arg}"' if " " in arg else arg for arg in args)
        self.console.print(Text("$ ", style="green").append(f"sessionls {shown}", style="bold default"))
        sys.stdout.flush()
        code = subprocess.run([sys.executable, "-m", "sessionls", *args], cwd=self.folder, env=self.env, check=False).returncode
        if code:
            raise SystemExit(code)

    def ask(self, *args: str) -> object:
        """Returns the JSON that a command prints."""
        result = subprocess.run(
            [sys.executable, "-m", "sessionls", *args, "--json"],
            cwd=self.folder,
            env=self.env,
            check=False,
            stdout=subprocess.PIPE,
        )
        return json.loads(result.stdout) if result.returncode == 0 else {}


def show(demo: Demo) -> None:
    models_list = demo.ask("models")
    models = models_list["models"] if isinstance(models_list, dict) else []
    default = next((model["name"] for model in models if model.get("default")), "none")
    if default.startswith("embedded/"):
        demo.define_short_agents()
        demo.console.print(
            Text(
                f"No key is set, so the embedded model answers ({default}). It is real, but too small to give good answers: "
                "watch what happens to the messages, not its answers.",
                style="dim",
            )
        )
    lines = (demo.folder / FILE).read_text(encoding="utf-8").splitlines()
    first = next(number for number, line in enumerate(lines, 1) if line.startswith("def now("))

    demo.say("A session begins: a selection, a message, a reply")
    demo.run("ask", "--title", "How times are made", f"{FILE}:{first}-{first + 2}", "What does this function return?")
    listed = demo.ask("sessions")
    session = listed["sessions"][0]["id"][-8:] if isinstance(listed, dict) else ""

    demo.say("One message to another agent, in the same session")
    demo.run("ask", "--session", session, "--agent", "explain", "What is a time zone?")

    demo.say("The next message goes to the session's default agent again")
    demo.run("ask", "--session", session, "Name one use of this function.")

    demo.say("A fork: continue in a copy, and leave the session as it is")
    demo.run("fork", session, "--title", "Another way")

    demo.say("Everything is stored")
    demo.run("sessions")


def picture(target: Path) -> None:
    """Run this demo in a separate terminal, and draw its output."""
    import pty

    recorded = bytearray()

    def read(descriptor: int) -> bytes:
        data = os.read(descriptor, 65536)
        recorded.extend(data)
        return data

    os.environ.update(COLUMNS=str(WIDTH), LINES="60", TERM="xterm-256color", COLORTERM="truecolor")
    os.environ.pop("NO_COLOR", None)
    pty.spawn([sys.executable, __file__], read)
    with Path(os.devnull).open("w", encoding="utf-8") as nowhere:
        console = Console(record=True, width=WIDTH, file=nowhere, force_terminal=True, color_system="truecolor")
        for line in settled_lines(recorded.decode("utf-8", "replace")):
            console.print(Text.from_ansi(line), overflow="fold")
        target.parent.mkdir(parents=True, exist_ok=True)
        svg = re.sub(
            r"@font-face \{.*?\}", "", console.export_svg(title="make demo"), flags=re.DOTALL
        )  # loads no font from the web
        target.write_text("\n".join(line.rstrip() for line in svg.splitlines()) + "\n", encoding="utf-8")


def settled_lines(text: str) -> list[str]:
    """The final lines on the screen, after the cursor movements of growing replies (up, clear the line)."""
    lines, row = [""], 0
    for token in re.findall(r"\x1b\[[0-9;?]*[A-Za-z]|\r|\n|[^\x1b\r\n]+|\x1b", text):
        if token == "\n":
            row += 1
            if row == len(lines):
                lines.append("")
        elif re.fullmatch(r"\x1b\[\d*A", token):
            row = max(0, row - int(token[2:-1] or "1"))
        elif token in ("\x1b[2K", "\x1b[K"):
            lines[row] = ""
        elif token.endswith("m") or not token.startswith(("\x1b", "\r")):
            lines[row] += token
    return lines


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--picture", type=Path, metavar="FILE", help="draw the terminal's output into this SVG file")
    options = parser.parse_args()
    if options.picture:
        picture(options.picture)
        return
    started = time.monotonic()
    console = Console(highlight=False)
    with tempfile.TemporaryDirectory(prefix="sessionls-demo-", ignore_cleanup_errors=True) as home:
        show(Demo(Path(home), console))
    console.print(
        Text(
            f"\nThat took {time.monotonic() - started:.0f} s. Nothing is kept: everything was in a temporary folder.", style="dim"
        )
    )


if __name__ == "__main__":
    main()
