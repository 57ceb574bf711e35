"""`sessionls doctor`: shows the settings, the model that would answer and why, and how to get what is missing."""

from __future__ import annotations

import asyncio
import importlib.util
import os
import platform
import stat
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from rich.text import Text

from sessionls import __version__
from sessionls.cli.context import CliContext, open_context
from sessionls.cli.terminal import Terminal, safe
from sessionls.domain.errors import SessionlsError
from sessionls.domain.model import Agent, ModelInfo
from sessionls.environment import withheld_names
from sessionls.sessions.workspace.git import Git, is_too_old, old_problem
from sessionls.settings.settings import PREFIX, Settings, config_file

__all__ = ["Check", "run_checks"]

_MARKS = {"ok": ("✓", "green"), "note": ("·", "dim"), "problem": ("✗", "red")}


@dataclass(frozen=True, slots=True)
class Check:
    """The result of one check. Only a `problem` requires action: `hint`."""

    name: str
    state: Literal["ok", "note", "problem"]
    says: str
    hint: str = ""


async def run_checks(terminal: Terminal, *, fetch_model: bool, as_json: bool) -> int:
    """Run and print all checks. The exit code is 1 if no model can answer or if sessions cannot be stored."""
    settings = await asyncio.to_thread(Settings.load)
    if fetch_model:
        await _fetch(terminal, settings)
    checks = await asyncio.to_thread(lambda: [_version(), _configuration(), *_data(settings)])
    checks += [await _git(), *_commands(settings)]
    with terminal.busy("Looking for models and MCP servers …"):
        checks += await _composition(terminal)
    if as_json:
        terminal.json([{"name": check.name, "state": check.state, "says": check.says, "hint": check.hint} for check in checks])
    else:
        _print_checks(terminal, checks)
    return 1 if any(check.state == "problem" and check.name in ("answers", "database") for check in checks) else 0


async def _fetch(terminal: Terminal, settings: Settings) -> None:
    from sessionls.models.weights import fetch_weights

    # Create the folder here as private, before the download creates it with other permissions.
    await asyncio.to_thread(settings.data_dir.mkdir, 0o700, parents=True, exist_ok=True)
    with terminal.busy("Downloading the embedded model …"):
        await asyncio.to_thread(fetch_weights, settings.data_dir, terminal.note)


def _print_checks(terminal: Terminal, checks: Sequence[Check]) -> None:
    width = max(len(check.name) for check in checks)
    for check in checks:
        mark, style = _MARKS[check.state]
        line = Text(f"{mark} ", style=style).append(check.name.ljust(width + 2), style="bold default")
        terminal.out.print(line.append(safe(check.says), style="not bold default"), soft_wrap=True)
        if check.hint:
            terminal.out.print(Text(f"{' ' * (width + 4)}{safe(check.hint)}", style="dim"), soft_wrap=True)


# -- without a composition ---------------------------------------------------------------------------------------------


def _version() -> Check:
    return Check("sessionls", "ok", f"{__version__}, Python {platform.python_version()}, {platform.platform(terse=True)}")


def _configuration() -> Check:
    path = config_file()
    location = f"{path}" if path.is_file() else f"no file (would be {path})"
    known = {PREFIX + name.upper() for name in Settings.model_fields}
    present = sorted(name for name in os.environ if name in known)
    unknown = sorted(name for name in os.environ if name.startswith(PREFIX) and name not in {*known, PREFIX + "CONFIG"})
    says = location + (f"; set in the environment: {', '.join(present)}" if present else "")
    if unknown:
        return Check("settings", "problem", f"{says}; unknown settings: {', '.join(unknown)}", "Correct or remove them.")
    return Check("settings", "ok" if present or path.is_file() else "note", says)


def _data(settings: Settings) -> Iterator[Check]:
    folder = settings.data_dir
    existing = folder if folder.exists() else next(parent for parent in folder.parents if parent.exists())
    if not os.access(existing, os.W_OK):
        yield Check("data", "problem", f"{folder} cannot be written", f"Change its permissions, or set {PREFIX}DATA_DIR.")
    elif not folder.exists():
        yield Check("data", "note", f"{folder}, will be created with the first session")
    elif os.name == "posix" and stat.S_IMODE(folder.stat().st_mode) & 0o077:
        yield Check("data", "problem", f"{folder} can be read by others", f"Make it private: chmod 700 '{folder}'")
    else:
        yield Check("data", "ok", f"{folder}, private")


async def _git() -> Check:
    folder = await asyncio.to_thread(Path.cwd)
    git = Git(lambda: [folder])
    answer = await git(None, "--version", seconds=5)
    if not await git.installed():
        return Check(
            "git", "problem", "is not installed", "Without it agents see no diffs, and sessions are lost when their folder moves."
        )
    if answer.code != 0:
        return Check("git", "problem", "does not start", "Reinstall it.")
    version = answer.text.removeprefix("git version ")
    if is_too_old(version):
        problem = old_problem()
        return Check("git", "problem", f"{version}: {problem}", problem.hint)
    return Check("git", "ok", version)


def _commands(settings: Settings) -> Iterator[Check]:
    """Reports the environment variables in the settings that commands do not get."""
    if withheld := withheld_names(settings.command_environment):
        hint = "Programs that an agent starts never get keys and passwords."
        yield Check("commands", "problem", f"do not get {', '.join(withheld)}, which looks like a secret", hint)


# -- with a composition ------------------------------------------------------------------------------------------------


async def _composition(terminal: Terminal) -> list[Check]:
    async with open_context(terminal, start=False) as cli:
        checks = [await _database(cli)]
        await cli.composition.catalog.reload()
        # Both wait for programs and servers, so run them at the same time.
        listed, servers = await asyncio.gather(cli.composition.models.list(), _servers(cli))
        checks += [
            _keys(listed),
            _ollama(listed),
            *_embedded(cli.settings, listed),
            await _default_model(cli),
            *_agents(cli),
            *_skills(cli),
        ]
        checks += servers
    return checks


async def _database(cli: CliContext) -> Check:
    url = cli.settings.shown_url
    try:
        facts = await cli.composition.store.facts()
    except SessionlsError as error:
        return Check("database", "problem", f"{url}: {error.message}", error.hint)
    return Check("database", "ok", ", ".join((url, *facts)))


def _keys(models: Sequence[ModelInfo]) -> Check:
    providers = dict.fromkeys(model.provider for model in models if model.provider not in ("ollama", "embedded"))
    ready = [name for name in providers if any(model.available for model in models if model.provider == name)]
    if ready:
        return Check("keys", "ok", f"set for {', '.join(ready)}")
    return Check("keys", "note", "none set", f"Providers: {', '.join(providers)}. Example of a key: ANTHROPIC_API_KEY.")


def _ollama(models: Sequence[ModelInfo]) -> Check:
    ready = [model.name for model in models if model.provider == "ollama" and model.available]
    if ready:
        return Check("ollama", "ok", ", ".join(ready[:5]) + (f" and {len(ready) - 5} more" if len(ready) > 5 else ""))
    problem = next((model.problem for model in models if model.provider == "ollama"), None)
    return Check("ollama", "note", (problem or "not looked for").partition(". ")[0])


def _embedded(settings: Settings, models: Sequence[ModelInfo]) -> Iterator[Check]:
    from sessionls.models.weights import find_weights

    model = next((model for model in models if model.provider == "embedded"), None)
    if model is None:
        yield Check("embedded", "note", "switched off")
        return
    engine = importlib.util.find_spec("xllamacpp") is not None
    weights = find_weights(settings.data_dir, os.environ) is not None
    says = f"{model.name}: engine {'installed' if engine else 'missing'}, weights {'there' if weights else 'missing'}"
    yield Check("embedded", "ok" if model.available else "note", says, "" if model.available else (model.problem or ""))


async def _default_model(cli: CliContext) -> Check:
    """The model that answers by default, and why."""
    try:
        model = await cli.composition.models.choose(())
    except SessionlsError as error:
        return Check("answers", "problem", error.message, error.hint)
    if cli.settings.model:
        why = "by the setting `model`"
    elif model.startswith("embedded/"):
        why = "because no key is set and Ollama does not answer; it is too small for real work"
    elif model.startswith("ollama/"):
        why = "because no key is set and Ollama answers"
    else:
        why = "the first provider whose key is set"
    return Check("answers", "ok", f"{model}, {why}")


def _agents(cli: CliContext) -> Iterator[Check]:
    agents: Sequence[Agent] = cli.composition.catalog.list()
    ready = [agent.name for agent in agents if agent.available]
    yield Check("agents", "ok", ", ".join(ready))
    for agent in agents:
        if agent.notice:
            yield Check("agents", "note", f"{agent.name}: {agent.notice}")
        if agent.problem:
            hint = (
                "If you trust this folder, use sessionls ask --trust or the setting trusted_folders." if not agent.trusted else ""
            )
            yield Check("agents", "note" if not agent.trusted else "problem", f"{agent.name}: {agent.problem}", hint)


def _skills(cli: CliContext) -> Iterator[Check]:
    skills = cli.composition.catalog.skills()
    ready = [skill.name for skill in skills if skill.available]
    yield Check("skills", "ok" if ready else "note", ", ".join(ready) or "none")
    for skill in skills:
        if skill.notice:
            yield Check("skills", "note", f"{skill.name}: {skill.notice}")
        if skill.problem:
            yield Check("skills", "problem" if skill.trusted else "note", f"{skill.name}: {skill.problem}")


async def _servers(cli: CliContext) -> list[Check]:
    """The MCP servers. Starts each for a few seconds at most, except those of an untrusted workspace."""
    servers = await cli.composition.servers.check() if cli.composition.servers is not None else []
    if not servers:
        return [Check("mcp", "note", "no servers configured")]
    running = [f"{server.name} ({len(server.tools)} tools)" for server in servers if server.state == "up"]
    checks = [Check("mcp", "ok", ", ".join(running))] if running else []
    hints = {
        "untrusted": "Allow it with --trust or the setting trusted_folders.",
        "starting": "A slow start is not a problem: agents get its tools as soon as it has started.",
    }
    for server in servers:
        says = f"{server.name}, from {server.source}: {server.problem}"
        if server.state == "failed":
            checks.append(Check("mcp", "problem", says, f"Correct or remove it in {server.source}."))
        elif server.state != "up":
            checks.append(Check("mcp", "note", says, hints.get(server.state, "")))
        checks += [Check("mcp", "note", f"{server.name}, from {server.source}: {note}") for note in server.notes]
    return checks
