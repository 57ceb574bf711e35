"""The catalog of agents: loaded in a thread, cached in memory, watched on disk."""

from __future__ import annotations

import asyncio
import logging
import os
import threading
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path

from watchfiles._rust_notify import RustNotify  # documented: the Rust backend, used directly

from sessionls.agents.instructions import nested_instructions
from sessionls.agents.skills import SkillDirectory, SkillEntry, nearest_by_name, skill_directories, skills_section
from sessionls.agents.sources import (
    Entry,
    Loaded,
    SourceDirectory,
    is_directory,
    load,
    source_directories,
    watched_directories,
    watched_names,
)
from sessionls.domain.agent import SKILL_TOOL, TOOL_NAMES, Definition
from sessionls.domain.errors import AgentNotFound, AgentUnavailable
from sessionls.domain.model import Agent, InstallableAgent, Skill
from sessionls.ports.agents import SkillFolder
from sessionls.programs import ExternalAgent

__all__ = ["Catalog"]

log = logging.getLogger(__name__)

_DEBOUNCE, _STEP, _PATIENCE = 150, 150, 5_000
"""Milliseconds: how long changes are gathered; how often they are checked; how long an abandoned thread waits."""


class Catalog:
    """The definitions of all sources (the port `Agents`).

    The catalog is empty before the first `reload`. `folders` are the workspace's, in order; what they define can be invoked only
    while the workspace is `trusted`, and until then does not hide a trusted definition of the same name. `user_dir` holds the
    user's own definitions, and the directory `skills` beside it the user's skills. `external` are the external agents of the
    settings. `tools` are the tools listed for an agent without restrictions.
    """

    def __init__(
        self,
        folders: Sequence[Path],
        *,
        trusted: bool,
        user_dir: Path,
        home: Path,
        tools: Sequence[str] = TOOL_NAMES,
        external: Mapping[str, ExternalAgent] | None = None,
    ) -> None:
        self._user_dir = user_dir
        self._home = home
        self._tools = tuple(tools)
        self._folders = tuple(folders)
        self._trusted = trusted
        self._external = dict(external or {})
        self._loaded = Loaded()
        self._chosen: dict[str, Entry] = {}
        self._skills: dict[str, SkillEntry] = {}
        self._loading = asyncio.Lock()
        self._workspace_changed = threading.Event()

    # -- the port ----------------------------------------------------------------------------------------------------

    def get(self, name: str) -> Definition:
        """The last loaded definition with that name. Raises `AgentNotFound`, `AgentUnavailable`."""
        entry = self._chosen.get(name)
        if entry is None:
            if any(entry.name == name for entry in self._loaded.entries):
                raise AgentUnavailable(
                    name,
                    "it is defined in a workspace that is not trusted.",
                    hint="Read its definition. If you agree with it, trust the workspace in your editor.",
                )
            raise AgentNotFound(name, (name for name, entry in self._chosen.items() if entry.definition))
        if entry.definition is None:
            raise AgentUnavailable(name, f"{entry.problem}.", hint="Fix the file, or invoke another agent.")
        return entry.definition

    def list(self) -> list[Agent]:
        """All agents by name; unavailable ones have a problem."""
        hidden = {entry.name: entry for entry in self._loaded.entries if not self._trusts(entry)}
        entries = [*self._chosen.values(), *hidden.values()]
        return [self._describe(entry) for entry in sorted(entries, key=lambda entry: (entry.name, not self._trusts(entry)))]

    def installable(self) -> Sequence[InstallableAgent]:
        """The known external agents that are not installed on this machine."""
        return self._loaded.installable

    def instructions(self) -> str:
        """Each trusted folder's instructions for every agent (AGENTS.md and similar files), with a heading for each file."""
        if not self._trusted:
            return ""
        return "\n\n".join(
            f"# Instructions of the workspace folder {folder.name or folder} ({instruction.name})\n\n{instruction.text}"
            for folder, instruction in self._loaded.instructions
            if folder in self._folders
        )

    def instructions_near(self, root: Path, name: str) -> Sequence[tuple[str, str]]:
        """The instructions of a trusted workspace for one file: pairs of a path and a text, the nearest last. `root` is the real
        path of the folder, `name` the file's path in it (with `/`). Reads the disk: do not call it in the event loop.
        """
        folders = [folder for folder in self._folders if os.path.realpath(folder) == str(root)] if self._trusted else []
        return [
            (instruction.name, instruction.text)
            for folder in folders
            for instruction in (
                *(rule.file for rule_folder, rule in self._loaded.rules if rule_folder == folder and rule.globs.match(name)),
                *nested_instructions(folder, name),
            )
        ]

    def skills(self) -> Sequence[Skill]:
        """Every skill of the folders and of the user, by name, with its problem, if any."""
        hidden = [entry for entry in self._loaded.skills if not self._trusts(entry)]
        entries = [*self._skills.values(), *nearest_by_name(hidden).values()]
        return [self._describe_skill(entry) for entry in sorted(entries, key=lambda entry: (entry.name, not self._trusts(entry)))]

    def skill_instructions(self, definition: Definition) -> str:
        """The part of the prompt about the skills that the agent may use; empty if there are none."""
        return skills_section(definition, self._skills.values())

    def has_skills(self) -> bool:
        """Whether there is a skill that agents can read."""
        return any(entry.skill is not None for entry in self._skills.values())

    def readable_skills(self, agent: str) -> dict[str, SkillFolder]:
        """The skills that the agent with that name may read, by name."""
        entry = self._chosen.get(agent)
        if entry is None or entry.definition is None:
            return {}
        definition = entry.definition
        allowed = {name: entry.skill for name, entry in self._skills.items() if definition.may_use_skill(name)}
        return {name: skill for name, skill in sorted(allowed.items()) if skill is not None}

    # -- loading -----------------------------------------------------------------------------------------------------

    async def reload(self) -> bool:
        """Read all definitions again; returns whether anything changed."""
        async with self._loading:
            while True:
                folders, trusted = self._folders, self._trusted
                loaded = await asyncio.to_thread(load, *self._roots(folders), folders, self._external)
                if (folders, trusted) == (self._folders, self._trusted):
                    break
            before = self._loaded
            self._loaded = loaded
            self._choose_entries()
            return loaded != before

    async def set_workspace(self, folders: Sequence[Path], *, trusted: bool) -> None:
        """Change folders or trust. Agents that are no longer trusted are unavailable immediately, before anything is read."""
        self._folders = tuple(folders)
        self._trusted = trusted
        entries = tuple(entry for entry in self._loaded.entries if entry.folder is None or entry.folder in self._folders)
        skills = tuple(entry for entry in self._loaded.skills if entry.folder is None or entry.folder in self._folders)
        self._loaded = replace(self._loaded, entries=entries, skills=skills)
        self._choose_entries()
        self._workspace_changed.set()
        await self.reload()

    async def watch(self, changed: Callable[[], None]) -> None:
        """Load, and load again whenever something changes on disk; calls `changed` each time the result differs.

        Runs until it is cancelled. Directories that do not exist yet are noticed when they appear.
        """
        loop = asyncio.get_running_loop()
        # In its own thread: waiting would permanently occupy one of the few threads of the shared pool.
        pool = ThreadPoolExecutor(1, "sessionls-agents")
        watcher: RustNotify | None = None
        watched: frozenset[str] = frozenset()
        try:
            while True:
                self._workspace_changed = stop = threading.Event()
                directories = await asyncio.to_thread(self._directories_to_watch)
                if watcher is None or directories != watched:
                    previous, watched = watcher, directories
                    watcher = await loop.run_in_executor(pool, _open_watcher, directories)
                    if previous is not None:
                        await loop.run_in_executor(pool, previous.close)
                # The watcher is open before reading, so that no change between the two is missed.
                if await self.reload():
                    changed()
                if directories != await asyncio.to_thread(self._directories_to_watch):
                    continue
                roots = self._all_roots()
                names, prefixes = watched_names(roots), tuple(f"{root.directory}{os.sep}" for root in roots)
                while not (change := await loop.run_in_executor(pool, _wait_for_change, watcher, names, prefixes, stop)):
                    pass
                if change == "directory":
                    watched = frozenset()  # a directory that was removed and created again needs a new watch
        finally:
            self._workspace_changed.set()
            if watcher is not None:
                pool.submit(watcher.close)
            pool.shutdown(wait=False)

    # -- internal ----------------------------------------------------------------------------------------------------

    def _choose_entries(self) -> None:
        self._chosen = {entry.name: entry for entry in self._loaded.entries if self._trusts(entry)}
        self._skills = nearest_by_name(entry for entry in self._loaded.skills if self._trusts(entry))

    def _trusts(self, entry: Entry | SkillEntry) -> bool:
        return entry.folder is None or self._trusted

    def _roots(self, folders: Sequence[Path]) -> tuple[tuple[SourceDirectory, ...], tuple[SkillDirectory, ...]]:
        user_skills = self._user_dir.with_name("skills")
        return source_directories(folders, self._user_dir, self._home), skill_directories(folders, user_skills, self._home)

    def _all_roots(self) -> tuple[SourceDirectory | SkillDirectory, ...]:
        agents, skills = self._roots(self._folders)
        return (*agents, *skills)

    def _directories_to_watch(self) -> frozenset[str]:
        directories = watched_directories(self._all_roots(), self._folders)
        return frozenset(map(str, (*directories, *(path for path in self._loaded.linked if is_directory(path)))))

    def _describe(self, entry: Entry) -> Agent:
        definition, trusted, problem = entry.definition, self._trusts(entry), entry.problem
        if not trusted:
            problem = f"The workspace is not trusted.{f' {problem}' if problem else ''}"
        return Agent(
            name=entry.name,
            description=definition.description if definition else "",
            model=definition.models[0] if definition and definition.models else "",
            tools=definition.choose_tools(self._available_tools()) if definition else [],
            source=entry.source,
            runtime="acp" if definition and definition.runtime == "acp" else "litellm",
            trusted=trusted,
            available=trusted and definition is not None,
            problem=problem,
            notice=entry.notice,
            color=definition.color if definition else None,
            code_action=(definition.code_action or None) if definition else None,
        )

    def _available_tools(self) -> Sequence[str]:
        """The available tools: without skills, the tool for reading them is omitted."""
        return [name for name in self._tools if name != SKILL_TOOL or self.has_skills()]

    def _describe_skill(self, entry: SkillEntry) -> Skill:
        trusted, problem, notice = self._trusts(entry), entry.problem, entry.notice
        if not trusted:
            problem = f"The workspace is not trusted.{f' {problem}' if problem else ''}"
        elif hidden := [
            other.source for other in self._loaded.skills if other.name == entry.name and other != entry and self._trusts(other)
        ]:
            replaced = f"it replaces {' and of '.join(hidden[:3])}{' and others' if len(hidden) > 3 else ''}"
            notice = f"{notice}; {replaced}" if notice else replaced
        return Skill(
            name=entry.name,
            description=entry.description,
            source=entry.source,
            trusted=trusted,
            available=trusted and entry.skill is not None,
            problem=problem,
            notice=notice,
        )


def _open_watcher(directories: frozenset[str]) -> RustNotify:
    polling = os.environ.get("WATCHFILES_FORCE_POLLING", "").lower() not in ("", "0", "false", "disable", "disabled")
    while True:
        existing = [path for path in sorted(directories) if is_directory(Path(path))]
        try:
            return RustNotify(
                existing, debug=False, force_polling=polling, poll_delay_ms=1_000, recursive=False, ignore_permission_denied=True
            )
        except FileNotFoundError:  # one has just been removed
            continue
        except OSError as error:
            if polling:
                log.warning("changes of agents are not noticed: %s", error.strerror or error)
                directories = frozenset()
            else:
                log.warning("changes of agents are polled once a second: %s", error.strerror or error)
            polling = True


def _wait_for_change(watcher: RustNotify, names: frozenset[str], prefixes: tuple[str, ...], stop: threading.Event) -> str:
    """Returns what changed: "file" or "directory", "stop" if `stop` was set, or "" after a while without a relevant change.

    `names` are the names of directories that can contain agents, `prefixes` the beginnings of paths inside those directories.
    """
    while True:
        changes = watcher.watch(_DEBOUNCE, _STEP, _PATIENCE, stop)
        if isinstance(changes, str):
            return "" if changes == "timeout" else changes
        if any(Path(path).name in names or (path.startswith(prefixes) and not Path(path).suffix) for _, path in changes):
            return "directory"
        if any(path.endswith(".md") for _, path in changes):
            return "file"
