"""Skills: folders with instructions for special tasks (agentskills.io), found and read. All functions block, so they run in a
thread.

A skill is a folder with a `SKILL.md`, which has frontmatter with a name and a description, and instructions. Other files in the
folder belong to the instructions. The permissions in `allowed-tools` are for other programs and are ignored here.
"""

from __future__ import annotations

import os
import unicodedata
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from sessionls.agents.files import read_bytes, resolve_inside
from sessionls.agents.frontmatter import InvalidDefinition, Page, parse
from sessionls.domain import uris
from sessionls.domain.agent import Definition
from sessionls.domain.visible import in_one_line
from sessionls.ports.agents import SkillFolder

__all__ = ["SKILL_FILE", "SkillDirectory", "SkillEntry", "nearest_by_name", "read_skills", "skill_directories", "skills_section"]

SKILL_FILE = "SKILL.md"
FILE_LIMIT = 256 * 1024
"""Bytes of a `SKILL.md`."""
COUNT_LIMIT = 200
"""The limit for the skills of one directory and its subdirectories."""
NAME_LIMIT = 64
DESCRIPTION_LIMIT = 1024
DESCRIPTIONS_LIMIT = 24_000
"""Characters of all descriptions in an agent's instructions together. Further skills are listed only by name."""
LEVELS = 3
"""The deepest level of a skill's folder below a directory of skills."""
_INTRODUCTION = (
    "A skill is a folder with instructions for one kind of task. If a description below matches your task, read that "
    "skill with the tool `skill` before you begin, and follow it."
)
_MAX_FOLDERS = 1000  # folders below a directory of skills
_IGNORED_FOLDERS = frozenset(("node_modules", ".git", "__pycache__"))

_IN_HOME = (
    ".config/opencode/skill",
    ".config/opencode/skills",
    ".copilot/skills",
    ".claude/skills",
    ".agents/skills",
)
_IN_FOLDER = (
    ".opencode/skill",
    ".opencode/skills",
    ".github/skills",
    ".claude/skills",
    ".agents/skills",
    ".sessionls/skills",
)


@dataclass(frozen=True, slots=True)
class SkillDirectory:
    """A directory of skills. `folder` is the workspace folder that it belongs to; None for the user's own."""

    directory: Path
    folder: Path | None = None
    levels: int = LEVELS


@dataclass(frozen=True, slots=True)
class SkillEntry:
    """The result of reading a folder: a skill, or a problem. `folder` as in `SkillDirectory`.

    `offered` is False for a skill that only people invoke. `notice`: what was ignored or read differently.
    """

    name: str
    source: str
    folder: Path | None = None
    description: str = ""
    skill: SkillFolder | None = None
    offered: bool = True
    problem: str | None = None
    notice: str | None = None


def skill_directories(folders: Sequence[Path], user_dir: Path, home: Path) -> tuple[SkillDirectory, ...]:
    """The directories of skills; later ones are nearer. A workspace directory that is also the user's is the user's."""
    user_roots = [SkillDirectory(home / path) for path in _IN_HOME]
    user_roots.append(SkillDirectory(user_dir))
    user_directories = {root.directory for root in user_roots}
    workspace_roots = (SkillDirectory(folder / path, folder) for folder in folders for path in _IN_FOLDER)
    return (*user_roots, *(root for root in workspace_roots if root.directory not in user_directories))


def read_skills(roots: Iterable[SkillDirectory]) -> tuple[SkillEntry, ...]:
    """All skills, in the order of the directories. An invalid skill does not prevent reading the others."""
    return tuple(entry for root in roots for entry in _read_directory(root))


def nearest_by_name(entries: Iterable[SkillEntry]) -> dict[str, SkillEntry]:
    """The nearest entry for each name. An invalid one also hides others with the same name."""
    return {entry.name: entry for entry in entries}


def skills_section(definition: Definition, entries: Iterable[SkillEntry]) -> str:
    """The part of an agent's instructions about the skills that it may use; empty if there are none."""
    usable = [entry for entry in entries if entry.skill is not None and entry.offered and definition.may_use_skill(entry.name)]
    if not usable:
        return ""
    described, others, remaining = [], [], DESCRIPTIONS_LIMIT
    for entry in sorted(usable, key=lambda entry: entry.name):
        remaining -= len(entry.description) + len(entry.name)
        if remaining >= 0:
            described.append(f"- `{entry.name}`: {entry.description}")
        else:
            others.append(f"`{entry.name}`")
    if others:
        described.append(
            f"- and, without their descriptions because there are too many: {', '.join(others)}"[:DESCRIPTIONS_LIMIT]
        )
    return "\n".join(
        [
            "# Skills",
            "",
            _INTRODUCTION,
            "",
            *described,
        ]
    )


# -- reading -------------------------------------------------------------------------------------------------------------


def _read_directory(root: SkillDirectory) -> list[SkillEntry]:
    entries: dict[str, SkillEntry] = {}
    for folder in _folders(root):
        entry = _read_folder(root, folder)
        if entry is None:
            continue
        if (earlier := entries.get(entry.name)) is not None:
            problem = f"{uris.from_path(folder).rpartition('/')[2]} and another folder here both define {entry.name}: rename one"
            entry = SkillEntry(entry.name, earlier.source, root.folder, problem=problem)
        elif len(entries) == COUNT_LIMIT:
            problem = f"more than {COUNT_LIMIT} skills in one directory: this one and later ones are ignored"
            entries[entry.name] = SkillEntry(entry.name, entry.source, root.folder, problem=problem)
            break
        entries[entry.name] = entry
    return list(entries.values())


def _folders(root: SkillDirectory) -> Iterator[Path]:
    """The folders of skills below a directory, by name. Does not search inside a skill's folder."""
    remaining = _MAX_FOLDERS
    pending = [(root.directory, 0)]
    while pending:
        directory, level = pending.pop()
        if level and os.path.lexists(directory / SKILL_FILE):
            yield directory
            continue
        if level == root.levels:
            continue
        try:
            with os.scandir(directory) as children:
                folders = (entry.name for entry in children if entry.name not in _IGNORED_FOLDERS and entry.is_dir())
                names = sorted(folders)[:remaining]
        except OSError:
            continue
        remaining -= len(names)
        pending += [(directory / name, level + 1) for name in reversed(names)]


def _read_folder(root: SkillDirectory, folder: Path) -> SkillEntry | None:
    path = folder / SKILL_FILE
    source = uris.from_path(path)
    name = _normalize(folder.name)[:NAME_LIMIT]
    try:
        real_folder = resolve_inside(folder, root.folder)
        data = read_bytes(resolve_inside(path, real_folder), FILE_LIMIT + 1)
        if len(data) > FILE_LIMIT:
            raise InvalidDefinition(f"longer than {FILE_LIMIT // 1024} KB")  # noqa: TRY301
        page = parse(_text(data), lenient=True)
        name = _normalize(page.texts.get("name", "")) or name
        return _entry_from_page(page, SkillEntry(name, source, root.folder, skill=SkillFolder(name, real_folder)), folder)
    except InvalidDefinition as problem:
        return SkillEntry(name, source, root.folder, problem=f"{folder.name}/{SKILL_FILE}: {problem}")
    except (OSError, RuntimeError) as error:  # RuntimeError: links in a circle
        if isinstance(error, FileNotFoundError) and not os.path.islink(path):  # noqa: PTH114
            return None  # deleted since the directory was read
        why = "a link that leads nowhere" if isinstance(error, FileNotFoundError) else getattr(error, "strerror", None)
        return SkillEntry(name, source, root.folder, problem=f"{folder.name}/{SKILL_FILE}: cannot be read ({why or 'no file'})")


def _text(data: bytes) -> str:
    try:
        return data.decode("utf-8")
    except UnicodeDecodeError as error:
        line = data.count(b"\n", 0, error.start) + 1
        raise InvalidDefinition(f"line {line}: not UTF-8 text") from None


def _entry_from_page(page: Page, entry: SkillEntry, folder: Path) -> SkillEntry:
    if not page.fenced:
        raise InvalidDefinition("line 1: no frontmatter; it must begin with --- and have at least a name and a description")
    notes = list(page.notes)
    declared_name = page.texts.get("name")
    if declared_name is None:
        notes.append("it has no name and is called like its folder")
    elif unicodedata.normalize("NFC", declared_name.strip()) != unicodedata.normalize("NFC", folder.name):
        notes.append(f"its name is {entry.name[:NAME_LIMIT]}, but its folder has another name; the former is used")
    if problem := _name_problem(entry.name):
        raise InvalidDefinition(problem)
    description = " ".join(str(page.texts.get("description", "")).split())
    if not description:
        raise InvalidDefinition("no description: agents choose a skill by it")
    if len(description) > DESCRIPTION_LIMIT:
        notes.append(f"its description is longer than {DESCRIPTION_LIMIT} characters and is cut")
        description = description[: DESCRIPTION_LIMIT - 1] + "…"
    if not page.body:
        raise InvalidDefinition("no instructions below the frontmatter")
    if people_only := page.fields.get("disable-model-invocation") is True:
        notes.append("agents do not see it (disable-model-invocation), and read it only if a message names it")
    return SkillEntry(
        entry.name,
        entry.source,
        entry.folder,
        in_one_line(description),
        entry.skill,
        offered=not people_only,
        notice="; ".join(notes) or None,
    )


def _normalize(name: str) -> str:
    return in_one_line(unicodedata.normalize("NFKC", name.strip()))


def _name_problem(name: str) -> str | None:
    """The problem with a skill's name according to the specification."""
    if len(name) > NAME_LIMIT:
        return f"the name is longer than {NAME_LIMIT} characters"
    if not all(letter == "-" or (letter.isalnum() and letter == letter.lower()) for letter in name):
        return f"the name {name} is not valid: it may have lower-case letters, digits and hyphens"
    if name.startswith("-") or name.endswith("-") or "--" in name:
        return f"the name {name} is not valid: a hyphen must be between two letters or digits"
    return None
