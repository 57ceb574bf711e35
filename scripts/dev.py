"""The developer's commands, on any system with Python and git: `python scripts/dev.py test`. The Makefile calls this.

Uses only the standard library and syntax of older Pythons, so that it can report what is missing. `setup` runs before every
command and does nothing if nothing changed.
"""

from __future__ import annotations

import argparse
import ast
import ctypes
import hashlib
import os
import re
import shutil
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from children import raise_when_terminated, run_child
from extension import FOLDER as VSCODE
from extension import Extension
from lanes import run_lanes

ROOT = Path(__file__).resolve().parent.parent
VENV = ROOT / ".venv"
BIN = VENV / ("Scripts" if os.name == "nt" else "bin")
PYTHON = BIN / ("python.exe" if os.name == "nt" else "python")
LOCK = ROOT / "requirements.lock"
SERVER_LOCK = ROOT / "editors" / "vscode" / "server" / "requirements.txt"
STAMP = VENV / "sessionls-setup.stamp"
OLDEST = (3, 11)


# -- commands --------------------------------------------------------------------------------------------------------


def test(rest: list[str]) -> int:
    """Run all checks and tests in parallel; with arguments for pytest, only the server's tests."""
    if rest:
        return server(rest)
    extension()  # install its packages before two lanes need them
    return run_lanes({name: [str(PYTHON), str(Path(__file__)), name] for name in ("check", "server", "vscode")}, cwd=ROOT)


def server(rest: list[str]) -> int:
    """Run the tests of the server and the terminal, and name the slowest; arguments are passed to pytest."""
    slowest = [] if rest else ["--durations=25", "--durations-min=1"]
    return run(str(PYTHON), "-m", "pytest", "-n", "auto", *slowest, *rest)


def vscode(rest: list[str]) -> int:
    """Run the VS Code extension's tests: all, or the end-to-end tests that are named."""
    return extension().test(rest)


def vsix(_rest: list[str]) -> int:
    """Build the VS Code extension."""
    return extension().vsix()


def check(_rest: list[str]) -> int:
    """Check format, lint, types, imports and generated docs."""
    steps: dict[str, list[str]] = {
        "format": [tool("ruff"), "format", "--check", "--quiet"],
        "lint": [tool("ruff"), "check", "--quiet"],
        "types": [tool("mypy")],
        "imports": [tool("lint-imports")],
        "structure": [str(PYTHON), "-m", "pytest", "-q", "--no-header", "-p", "no:cacheprovider", "tests/test_structure.py"],
        **{f"docs ({script.stem})": [str(PYTHON), str(script), "--check"] for script in generators()},
        "Lua": extension().lua("--check"),
        "Lua: types": [str(PYTHON), str(ROOT / "scripts" / "check_lua_types.py")],
        **extension().checks(),
    }
    failed = []
    for name, command in steps.items():
        started = time.monotonic()
        code = run(*command, cwd=VSCODE if name.startswith("extension") else ROOT)
        print(f"{'ok    ' if code == 0 else 'FAILED'} {name}  ({time.monotonic() - started:.1f} s)", flush=True)
        if code:
            failed.append(name)
    if failed:
        print(f"\nFailed: {', '.join(failed)}. `make fix` fixes format and simple lint, `make docs` the generated docs.")
    return 1 if failed else 0


def fix(_rest: list[str]) -> int:
    """Fix the format and what lint can fix by itself."""
    lua = run(*extension().lua("--write"))
    return run(tool("ruff"), "format") | run(tool("ruff"), "check", "--fix") | lua | extension().fix()


def docs(_rest: list[str]) -> int:
    """Update the generated docs."""
    return max(*(run(str(PYTHON), str(script)) for script in generators()), extension().docs())


def demo(rest: list[str]) -> int:
    """Show what sessionls does, on a file of this repository, with no key and no network."""
    return run(str(PYTHON), str(ROOT / "scripts" / "demo.py"), *rest)


def bench(rest: list[str]) -> int:
    """Measure, each thing against a baseline."""
    return run(str(PYTHON), str(ROOT / "benchmarks" / "run.py"), *rest)


def soak(rest: list[str]) -> int:
    """Let many participants work in shared sessions while processes are killed: so many seconds on each engine (600)."""
    return run(str(PYTHON), str(ROOT / "benchmarks" / "soak.py"), *rest)


def test_agents(rest: list[str]) -> int:
    """Drive real external agents from npm against the tests' model server. Not part of the tests."""
    return run(str(PYTHON), str(ROOT / "scripts" / "drive_agents.py"), *rest)


def test_editors(rest: list[str]) -> int:
    """Drive real editors that the tests do not bring themselves: Emacs, from Debian's packages. Not a part of the tests."""
    return run(str(PYTHON), str(ROOT / "scripts" / "drive_editors.py"), *rest)


def lock(_rest: list[str]) -> int:
    """Update requirements.lock, and the list that the VS Code extension installs, from pyproject.toml."""

    def update(file: Path, *more: str) -> int:
        return run(
            *[tool("uv"), "pip", "compile", "--quiet", "--universal", "--generate-hashes"],
            *["pyproject.toml", "-o", str(file), *more, "--no-emit-index-url", "--no-emit-find-links", "--no-annotate"],
            *["--python-version", ".".join(map(str, OLDEST)), "--custom-compile-command", "make lock"],
        )

    code = update(LOCK, "--all-extras", "--group", "dev")
    if code:
        return code
    # The pins that the program itself needs. uv keeps the pins and hashes that it finds in the file.
    SERVER_LOCK.parent.mkdir(exist_ok=True)
    shutil.copyfile(LOCK, SERVER_LOCK)
    return update(SERVER_LOCK, "-c", str(LOCK))


COMMANDS = {
    command.__name__.replace("_", "-"): command
    for command in (demo, test, server, vscode, vsix, check, fix, docs, bench, soak, test_agents, test_editors, lock)
}


# -- set-up ----------------------------------------------------------------------------------------------------------


def setup() -> None:
    """Create .venv with exactly the packages of requirements.lock, and sessionls itself, editable."""
    current = fingerprint()
    if STAMP.is_file() and STAMP.read_text(encoding="utf-8") == current and PYTHON.is_file():
        return
    started = time.monotonic()
    say("Setting up .venv (once, and again when the dependencies change) …")
    if not PYTHON.is_file():
        make_venv()
    if os.environ.get("VIRTUAL_ENV"):
        os.environ.pop("VIRTUAL_ENV")
    os.environ.update(uv_settings())
    install_uv()
    run_or_exit(str(PYTHON), "-m", "uv", "pip", "sync", "--quiet", "--python", str(PYTHON), "--require-hashes", str(LOCK))
    # The build back end is a pinned package: building downloads nothing.
    run_or_exit(
        *[str(PYTHON), "-m", "uv", "pip", "install", "--quiet", "--python", str(PYTHON)],
        *["--no-deps", "--no-build-isolation", "--editable", str(ROOT)],
    )
    ensure_openmp()
    STAMP.write_text(current, encoding="utf-8")
    say(f"Ready after {time.monotonic() - started:.0f} s.")


def fingerprint() -> str:
    """Changes if anything changes that the environment depends on."""
    parts = [LOCK.read_bytes(), (ROOT / "pyproject.toml").read_bytes(), Path(__file__).read_bytes(), str(ROOT).encode()]
    return hashlib.sha256(b"\0".join(parts)).hexdigest()


def make_venv() -> None:
    command = [sys.executable, "-m", "venv", str(VENV)]
    if subprocess.run(command, cwd=ROOT, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, check=False).returncode == 0:
        return
    shutil.rmtree(VENV, ignore_errors=True)
    # Debian has venv in a separate package.
    ensure_system_package(f"python{sys.version_info.major}.{sys.version_info.minor}-venv", "Python has no venv module")
    run_or_exit(*command)


def install_uv() -> None:
    """Install the uv that requirements.lock pins, checked by its hash."""
    text = LOCK.read_text(encoding="utf-8")
    pinned = re.search(r"^uv==\S+ .*(?:\n +--hash=\S+.*)+", text, re.MULTILINE)
    if pinned is None:
        raise SystemExit("requirements.lock pins no uv: update it with `uv pip compile` as scripts/dev.py does in `lock`.")
    version = pinned.group().split()[0].removeprefix("uv==")
    if output(str(PYTHON), "-m", "uv", "--version").split()[1:2] == [version]:
        return
    if not output(str(PYTHON), "-m", "pip", "--version"):
        run_or_exit(str(PYTHON), "-m", "ensurepip", "--upgrade")
    with tempfile.TemporaryDirectory() as folder:
        requirement = Path(folder) / "uv.txt"
        requirement.write_text(pinned.group() + "\n", encoding="utf-8")
        run_or_exit(
            *[str(PYTHON), "-m", "pip", "install", "-qq", "--disable-pip-version-check"],
            *["--require-hashes", "--no-deps", "-r", str(requirement)],
        )


def uv_settings() -> dict[str, str]:
    """Return where packages come from according to pip's configuration, as uv's environment variables: uv does not read it.

    Like pip, uv searches all indexes for the best match, which is safe because requirements.lock has hashes.
    """
    configured: dict[str, str] = {}
    # From the weakest to the strongest: [global], [install], environment variables.
    lines = output(str(PYTHON), "-m", "pip", "config", "list").splitlines()
    for section in ("global", "install", ":env:"):
        for line in lines:
            name, _, value = line.partition("=")
            if name.startswith(section + "."):
                configured[name[len(section) + 1 :]] = str(ast.literal_eval(value))

    def values(option: str, separator: str) -> str:
        return separator.join(configured.get(option, "").split())

    settings = {
        "UV_DEFAULT_INDEX": values("index-url", " "),
        "UV_INDEX": values("extra-index-url", " "),
        "UV_FIND_LINKS": values("find-links", ","),
        "UV_NO_INDEX": "1" if configured.get("no-index", "").lower() in ("1", "true", "yes", "on") else "",
        "UV_INSECURE_HOST": values("trusted-host", " "),
        "UV_HTTP_TIMEOUT": configured.get("timeout") or configured.get("default-timeout", ""),
        "SSL_CERT_FILE": configured.get("cert", ""),
        "UV_INDEX_STRATEGY": "unsafe-best-match",
    }
    return {name: value for name, value in settings.items() if value and not os.environ.get(name)}


def ensure_openmp() -> None:
    """The embedded model's engine needs OpenMP, which some Linux systems lack."""
    if not sys.platform.startswith("linux"):
        return
    try:
        ctypes.CDLL("libgomp.so.1")
    except OSError:
        ensure_system_package("libgomp1", "the embedded model needs libgomp.so.1", needed=False)


def ensure_system_package(name: str, why: str, *, needed: bool = True) -> None:
    """Install a system package if we can (root on Debian); otherwise print what to do."""
    apt = shutil.which("apt-get")
    if apt and hasattr(os, "geteuid") and os.geteuid() == 0:
        say(f"Installing {name}: {why}.")
        env = {**os.environ, "DEBIAN_FRONTEND": "noninteractive"}
        for args in (["install", "-y", "-qq", name], ["update", "-qq"], ["install", "-y", "-qq", name]):
            result = subprocess.run([apt, *args], env=env, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, check=False)
            if args[0] == "install" and result.returncode == 0:
                return
    advice = f"`sudo apt-get install -y {name}`" if apt else f"your system's package for it ({name} on Debian)"
    message = f"{why[0].upper()}{why[1:]}: install {advice}."
    if needed:
        raise SystemExit(message)
    say(message)


# -- small helpers ---------------------------------------------------------------------------------------------------


def tool(name: str) -> str:
    return str(BIN / (name + (".exe" if os.name == "nt" else "")))


def generators() -> list[Path]:
    return sorted((ROOT / "scripts").glob("generate_*.py"))


def say(text: str) -> None:
    print(text, file=sys.stderr, flush=True)


def extension() -> Extension:
    """The VS Code extension, with its packages installed."""
    result = Extension(PYTHON)
    result.setup()
    return result


def run(*command: str, cwd: Path = ROOT) -> int:
    return run_child(command, cwd=cwd)


def run_or_exit(*command: str) -> None:
    code = run(*command)
    if code:
        raise SystemExit(f"This step of the set-up failed (exit code {code}): {' '.join(command)}")


def output(*command: str) -> str:
    """The output of a command; empty if it fails."""
    result = subprocess.run(command, cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, check=False)
    return result.stdout.decode("utf-8", "replace").strip() if result.returncode == 0 else ""


def main() -> int:
    if sys.version_info < OLDEST:
        running = ".".join(map(str, sys.version_info[:3]))
        raise SystemExit(f"sessionls needs Python {OLDEST[0]}.{OLDEST[1]} or newer; this is {running}.")
    parser = argparse.ArgumentParser(prog="dev.py", description="The developer's commands.")
    commands = parser.add_subparsers(dest="command", required=True, metavar="COMMAND")
    commands.add_parser("setup", help="Set up .venv, and nothing else.")
    for name, command in COMMANDS.items():
        commands.add_parser(name, help=command.__doc__, add_help=False)
    chosen, rest = parser.parse_known_args()
    # The tests start hundreds of processes. Without bytecode files, each would compile all of its imports again.
    os.environ.pop("PYTHONDONTWRITEBYTECODE", None)
    raise_when_terminated()
    setup()
    return 0 if chosen.command == "setup" else COMMANDS[chosen.command](rest)


if __name__ == "__main__":
    sys.exit(main())
