"""Finds and reads the files with definitions. All functions block, so they run in a thread."""

from __future__ import annotations

import logging
import os
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from importlib.resources import files
from pathlib import Path
from typing import Literal

from sessionls.agents.external import configured, find_known, installable
from sessionls.agents.files import confined, read_bytes
from sessionls.agents.formats import Disabled, Format, guess_name, read
from sessionls.agents.frontmatter import Broken
from sessionls.agents.instructions import RULES, InstructionFile, Rule, general, read_rules
from sessionls.agents.skills import SkillEntry, SkillPlace, read_skills
from sessionls.domain import uris
from sessionls.domain.agent import Definition
from sessionls.domain.model import InstallableAgent
from sessionls.programs import ExternalAgent

__all__ = ["DEFINING", "Entry", "Loaded", "Place", "is_directory", "load", "places", "watched_directories", "watched_names"]

log = logging.getLogger(__name__)

FILE_LIMIT = 256 * 1024
"""Bytes of a definition's file."""
COUNT_LIMIT = 500
"""Definitions that are read from one directory and its subdirectories."""
_DEEPEST = 8  # levels below a directory of agents

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
DEFINING = tuple(path for path, _ in _IN_FOLDER)
"""The directories of a workspace folder with agents."""


@dataclass(frozen=True, slots=True)
class Place:
    """A directory of definitions. `folder` is the workspace folder that it belongs to; None for the user's own."""

    directory: Path
    format: Format
    folder: Path | None = None
    levels: int = _DEEPEST


@dataclass(frozen=True, slots=True)
class Entry:
    """The result of one file: a definition, or its problem. `folder` as in `Place`.

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
    """Everything that was read, in the order of the sources: of several entries with the same name, the last is used.

    `instructions` are each folder's for every agent, `rules` those for some of its files. `linked` are directories elsewhere
    that contain linked definitions. `installable` are known external agents that are not installed. `skills` are in the order of
    their places, as `entries` are.
    """

    entries: tuple[Entry, ...] = ()
    instructions: tuple[tuple[Path, InstructionFile], ...] = ()
    rules: tuple[tuple[Path, Rule], ...] = ()
    linked: tuple[Path, ...] = ()
    installable: tuple[InstallableAgent, ...] = ()
    skills: tuple[SkillEntry, ...] = ()


def places(folders: Sequence[Path], user_dir: Path, home: Path) -> tuple[Place, ...]:
    """The directories of definitions; later ones win. A workspace directory that is the user's own counts as the user's."""
    own = [Place(home / path, format_) for path, format_ in _IN_HOME]
    own.append(Place(user_dir, "sessionls"))
    taken = {place.directory for place in own}
    return (
        *own,
        *(
            Place(folder / path, format_, folder)
            for folder in folders
            for path, format_ in _IN_FOLDER
            if folder / path not in taken
        ),
    )


def load(
    where: Iterable[Place],
    skills: Iterable[SkillPlace],
    folders: Sequence[Path],
    external: Mapping[str, ExternalAgent] | None = None,
) -> Loaded:
    """Read everything. A broken file does not keep the others from being read.

    `external` are the external agents of the settings; definitions in files with the same name win over them.
    """
    known = find_known()
    entries = [Entry(one.name, one.source, definition=one) for one in known]
    entries += _builtin()
    entries += [Entry(one.name, one.source, definition=one) for one in configured(external or {})]
    linked: dict[Path, None] = {}
    for place in where:
        entries.extend(_read_place(place, linked))
    instructions = [(folder, instruction) for folder in folders for instruction in general(folder)]
    rules = [(folder, rule) for folder in folders for rule in read_rules(folder)]
    missing = tuple(one for one in installable(known) if one.name not in (external or {}))
    return Loaded(tuple(entries), tuple(instructions), tuple(rules), tuple(linked), missing, read_skills(skills))


def watched_directories(where: Iterable[Place | SkillPlace], folders: Iterable[Path]) -> Iterator[Path]:
    """Every existing directory in which a change could matter to `load`, each without its subdirectories."""
    seen: set[Path] = set()
    for place in where:
        for directory in _below(place):
            if directory not in seen:
                seen.add(directory)
                yield directory
        for directory in (place.directory, *place.directory.parents):
            if directory not in seen and is_directory(directory):
                seen.add(directory)
                yield directory
            # Workspace folders exist. Elsewhere, watching the nearest existing parent shows when the next directory appears.
            if directory == place.folder or (place.folder is None and directory in seen and directory != place.directory):
                break
    for directory in (each for folder in folders for each in (folder, folder / RULES)):
        if directory not in seen and is_directory(directory):
            seen.add(directory)
            yield directory


def is_directory(path: Path) -> bool:
    return os.path.isdir(path)  # noqa: PTH112  `Path.is_dir` raises where a directory above may not be entered


def watched_names(where: Iterable[Place | SkillPlace]) -> frozenset[str]:
    """The names of the directories on the way to the definitions."""
    return frozenset((*(part for place in where for part in place.directory.parts), *RULES.split("/")))


def _builtin() -> Iterator[Entry]:
    for file in sorted(files("sessionls.agents").joinpath("builtin").iterdir(), key=lambda item: item.name):
        if file.name.endswith(".md"):
            stem = file.name.removesuffix(".md")
            definition = read(file.read_bytes(), format="sessionls", stem=stem, source="builtin", origin="builtin")
            yield Entry(definition.name, "builtin", definition=definition)


def _below(place: Place | SkillPlace) -> list[Path]:
    """The directories below the place, without linked ones: a link may lead in a circle."""
    found: list[Path] = []
    for parent, directories, _ in os.walk(place.directory):
        here = Path(parent)
        deep = len(here.relative_to(place.directory).parts) >= place.levels
        directories[:] = [] if deep else sorted(name for name in directories if not _is_link(here / name))
        found += [here / name for name in directories]
        if len(found) >= COUNT_LIMIT:
            break
    return found[:COUNT_LIMIT]


def _is_link(path: Path) -> bool:
    return os.path.islink(path)  # noqa: PTH114  `Path.is_symlink` raises in a directory that may not be entered


def _read_place(place: Place, linked: dict[Path, None]) -> list[Entry]:
    names: list[str] = []
    for directory in (place.directory, *_below(place)):
        try:
            files = [path for path in directory.iterdir() if path.suffix.lower() == ".md" and path.stem.lower() != "readme"]
        except (FileNotFoundError, NotADirectoryError):
            continue
        except OSError as error:
            log.warning("a directory of agents cannot be read: %s", error.strerror)
            continue
        names += sorted(path.relative_to(place.directory).as_posix() for path in files)
    if len(names) > COUNT_LIMIT:
        log.warning("more than %d agents in one directory: the rest is ignored", COUNT_LIMIT)
    entries: dict[str, Entry] = {}
    file_of: dict[str, str] = {}
    for file_name in names[:COUNT_LIMIT]:
        entry = _read_file(place, file_name, linked)
        if entry is None:
            continue
        if entry.name in entries:
            problem = f"{file_of[entry.name]} and {file_name} both define {entry.name}: rename one of them"
            entry = Entry(entry.name, entry.source, place.folder, problem=problem)
        entries[entry.name] = entry
        file_of.setdefault(entry.name, file_name)
    return list(entries.values())


def _read_file(place: Place, file_name: str, linked: dict[Path, None]) -> Entry | None:
    path = place.directory / file_name
    stem = path.stem.removesuffix(".agent") if place.format == "copilot" else path.stem
    if place.format == "opencode":  # for formats that name an agent with its folders
        stem = file_name.rpartition(".")[0]
    source = uris.from_path(path)
    origin: Literal["user", "workspace"] = "user" if place.folder is None else "workspace"
    data = b""
    try:
        real = confined(path, place.folder)
        if real.parent != path.parent:
            linked[real.parent] = None
        data = read_bytes(real, FILE_LIMIT + 1)
        _check_size(data)
        notes: list[str] = []
        definition = read(data, format=place.format, stem=stem, source=source, origin=origin, notes=notes)
    except Disabled:
        return None
    except Broken as problem:
        return Entry(guess_name(data, stem), source, place.folder, problem=f"{file_name}: {problem}")
    except (OSError, RuntimeError) as error:  # RuntimeError: links in a circle
        link = _is_link(path)
        if isinstance(error, FileNotFoundError) and not link:
            return None  # deleted since the directory was read
        why = "a link that leads nowhere" if link else str(getattr(error, "strerror", None) or "no file")
        return Entry(guess_name(data, stem), source, place.folder, problem=f"{file_name}: cannot be read ({why})")
    notice = f"{file_name}: {'; '.join(notes)}" if notes else None
    return Entry(definition.name, source, place.folder, definition, notice=notice)


def _check_size(data: bytes) -> None:
    if len(data) > FILE_LIMIT:
        raise Broken(f"longer than {FILE_LIMIT // 1024} KB")
