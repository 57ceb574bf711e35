"""Finds and reads the files with definitions. All functions block, so they run in a thread."""

from __future__ import annotations

import logging
import os
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from importlib.resources import files
from pathlib import Path
from typing import Literal

from sessionls.agents.external import agents_in_settings, find_known, installable_agents
from sessionls.agents.files import read_bytes, resolve_inside
from sessionls.agents.formats import Disabled, Format, guess_name, read
from sessionls.agents.frontmatter import InvalidDefinition
from sessionls.agents.instructions import RULES, InstructionFile, Rule, general_instructions, read_rules
from sessionls.agents.skills import SkillDirectory, SkillEntry, read_skills
from sessionls.domain import uris
from sessionls.domain.agent import Definition
from sessionls.domain.model import InstallableAgent
from sessionls.programs import ExternalAgent

__all__ = [
    "AGENT_DIRECTORIES",
    "Entry",
    "Loaded",
    "SourceDirectory",
    "is_directory",
    "load",
    "source_directories",
    "watched_directories",
    "watched_names",
]

log = logging.getLogger(__name__)

FILE_LIMIT = 256 * 1024
"""Bytes of a definition's file."""
COUNT_LIMIT = 500
"""Definitions that are read from one directory and its subdirectories."""
_MAX_LEVELS = 8  # levels below a directory of agents

_IN_HOME: tuple[tuple[str, Format], ...] = (
    (".config/opencode/agent", "opencode"),
    (".config/opencode/agents", "opencode"),
    (".copilot/agents", "copilot"),
    (".claude/agents", "claude"),
)
_IN_FOLDER: tuple[tuple[str, Format], ...] = (
    (".opencode/agent", "opencode"),
    (".opencode/agents", "opencode"),
    (".github/agents", "copilot"),
    (".claude/agents", "claude"),
    (".sessionls/agents", "sessionls"),
)
AGENT_DIRECTORIES = tuple(path for path, _ in _IN_FOLDER)
"""The directories of a workspace folder with agents."""


@dataclass(frozen=True, slots=True)
class SourceDirectory:
    """A directory of definitions. `folder` is the workspace folder that it belongs to; None for the user's own."""

    directory: Path
    format: Format
    folder: Path | None = None
    levels: int = _MAX_LEVELS


@dataclass(frozen=True, slots=True)
class Entry:
    """The result of one file: a definition, or its problem. `folder` as in `SourceDirectory`.

    `notice`: what was ignored or read differently.
    """

    name: str
    source: str
    folder: Path | None = None
    definition: Definition | None = None
    problem: str | None = None
    notice: str | None = None


@dataclass(frozen=True, slots=True)
class Loaded:
    """Everything that was read, in the order of the sources. Of several entries with the same name, the last is used.

    `instructions` apply to all files of a folder, `rules` to some of them. `linked` are directories elsewhere that contain the
    targets of linked definitions. `installable` are known external agents that are not installed. `skills` are in the order of
    their directories, like `entries`.
    """

    entries: tuple[Entry, ...] = ()
    instructions: tuple[tuple[Path, InstructionFile], ...] = ()
    rules: tuple[tuple[Path, Rule], ...] = ()
    linked: tuple[Path, ...] = ()
    installable: tuple[InstallableAgent, ...] = ()
    skills: tuple[SkillEntry, ...] = ()


def source_directories(folders: Sequence[Path], user_dir: Path, home: Path) -> tuple[SourceDirectory, ...]:
    """The directories of definitions; later ones take precedence. A workspace directory that is also the user's is the user's."""
    user_roots = [SourceDirectory(home / path, format_) for path, format_ in _IN_HOME]
    user_roots.append(SourceDirectory(user_dir, "sessionls"))
    user_directories = {root.directory for root in user_roots}
    return (
        *user_roots,
        *(
            SourceDirectory(folder / path, format_, folder)
            for folder in folders
            for path, format_ in _IN_FOLDER
            if folder / path not in user_directories
        ),
    )


def load(
    directories: Iterable[SourceDirectory],
    skills: Iterable[SkillDirectory],
    folders: Sequence[Path],
    external: Mapping[str, ExternalAgent] | None = None,
) -> Loaded:
    """Read everything. An invalid file does not prevent reading the others.

    `external` are the external agents of the settings. Definitions in files with the same name take precedence over them.
    """
    installed = find_known()
    entries = [Entry(agent.name, agent.source, definition=agent) for agent in installed]
    entries += _builtin()
    entries += [Entry(agent.name, agent.source, definition=agent) for agent in agents_in_settings(external or {})]
    linked: dict[Path, None] = {}
    for directory in directories:
        entries.extend(_read_directory(directory, linked))
    instructions = [(folder, instruction) for folder in folders for instruction in general_instructions(folder)]
    rules = [(folder, rule) for folder in folders for rule in read_rules(folder)]
    missing = tuple(agent for agent in installable_agents(installed) if agent.name not in (external or {}))
    return Loaded(tuple(entries), tuple(instructions), tuple(rules), tuple(linked), missing, read_skills(skills))


def watched_directories(roots: Iterable[SourceDirectory | SkillDirectory], folders: Iterable[Path]) -> Iterator[Path]:
    """Every existing directory in which a change could affect `load`, each without its subdirectories."""
    seen: set[Path] = set()
    for root in roots:
        for directory in _subdirectories(root):
            if directory not in seen:
                seen.add(directory)
                yield directory
        for directory in (root.directory, *root.directory.parents):
            if directory not in seen and is_directory(directory):
                seen.add(directory)
                yield directory
            # Workspace folders exist. Elsewhere, watching the nearest existing parent shows when the next directory appears.
            if directory == root.folder or (root.folder is None and directory in seen and directory != root.directory):
                break
    for directory in (path for folder in folders for path in (folder, folder / RULES)):
        if directory not in seen and is_directory(directory):
            seen.add(directory)
            yield directory


def is_directory(path: Path) -> bool:
    return os.path.isdir(path)  # noqa: PTH112  `Path.is_dir` raises where a directory above may not be entered


def watched_names(roots: Iterable[SourceDirectory | SkillDirectory]) -> frozenset[str]:
    """The names of the directories on the way to the definitions."""
    return frozenset((*(part for root in roots for part in root.directory.parts), *RULES.split("/")))


def _builtin() -> Iterator[Entry]:
    for file in sorted(files("sessionls.agents").joinpath("builtin").iterdir(), key=lambda item: item.name):
        if file.name.endswith(".md"):
            stem = file.name.removesuffix(".md")
            definition = read(file.read_bytes(), format="sessionls", stem=stem, source="builtin", origin="builtin")
            yield Entry(definition.name, "builtin", definition=definition)


def _subdirectories(root: SourceDirectory | SkillDirectory) -> list[Path]:
    """The subdirectories, without linked ones: links may form a loop."""
    found: list[Path] = []
    for parent, directories, _ in os.walk(root.directory):
        directory = Path(parent)
        at_limit = len(directory.relative_to(root.directory).parts) >= root.levels
        directories[:] = [] if at_limit else sorted(name for name in directories if not _is_link(directory / name))
        found += [directory / name for name in directories]
        if len(found) >= COUNT_LIMIT:
            break
    return found[:COUNT_LIMIT]


def _is_link(path: Path) -> bool:
    return os.path.islink(path)  # noqa: PTH114  `Path.is_symlink` raises in a directory that may not be entered


def _read_directory(root: SourceDirectory, linked: dict[Path, None]) -> list[Entry]:
    names: list[str] = []
    for directory in (root.directory, *_subdirectories(root)):
        try:
            files = [path for path in directory.iterdir() if path.suffix.lower() == ".md" and path.stem.lower() != "readme"]
        except (FileNotFoundError, NotADirectoryError):
            continue
        except OSError as error:
            log.warning("a directory of agents cannot be read: %s", error.strerror)
            continue
        names += sorted(path.relative_to(root.directory).as_posix() for path in files)
    if len(names) > COUNT_LIMIT:
        log.warning("more than %d agents in one directory: the rest is ignored", COUNT_LIMIT)
    entries: dict[str, Entry] = {}
    file_of: dict[str, str] = {}
    for file_name in names[:COUNT_LIMIT]:
        entry = _read_file(root, file_name, linked)
        if entry is None:
            continue
        if entry.name in entries:
            problem = f"{file_of[entry.name]} and {file_name} both define {entry.name}: rename one of them"
            entry = Entry(entry.name, entry.source, root.folder, problem=problem)
        entries[entry.name] = entry
        file_of.setdefault(entry.name, file_name)
    return list(entries.values())


def _read_file(root: SourceDirectory, file_name: str, linked: dict[Path, None]) -> Entry | None:
    path = root.directory / file_name
    stem = path.stem.removesuffix(".agent") if root.format == "copilot" else path.stem
    if root.format == "opencode":  # for formats that name an agent with its folders
        stem = file_name.rpartition(".")[0]
    source = uris.from_path(path)
    origin: Literal["user", "workspace"] = "user" if root.folder is None else "workspace"
    data = b""
    try:
        real = resolve_inside(path, root.folder)
        if real.parent != path.parent:
            linked[real.parent] = None
        data = read_bytes(real, FILE_LIMIT + 1)
        _check_size(data)
        notes: list[str] = []
        definition = read(data, format=root.format, stem=stem, source=source, origin=origin, notes=notes)
    except Disabled:
        return None
    except InvalidDefinition as problem:
        return Entry(guess_name(data, stem), source, root.folder, problem=f"{file_name}: {problem}")
    except (OSError, RuntimeError) as error:  # RuntimeError: links in a circle
        is_link = _is_link(path)
        if isinstance(error, FileNotFoundError) and not is_link:
            return None  # deleted since the directory was read
        reason = "a link that leads nowhere" if is_link else str(getattr(error, "strerror", None) or "no file")
        return Entry(guess_name(data, stem), source, root.folder, problem=f"{file_name}: cannot be read ({reason})")
    notice = f"{file_name}: {'; '.join(notes)}" if notes else None
    return Entry(definition.name, source, root.folder, definition, notice=notice)


def _check_size(data: bytes) -> None:
    if len(data) > FILE_LIMIT:
        raise InvalidDefinition(f"longer than {FILE_LIMIT // 1024} KB")
