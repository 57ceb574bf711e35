"""A workspace's instructions for agents: for all of its files, or for some of them. All functions block.

Most tools read `AGENTS.md`; `CLAUDE.md` and the files of GitHub Copilot are read as well. Instructions in a subfolder apply
to the files in it, and those with globs (`applyTo`) to the files that match.
"""

from __future__ import annotations

import logging
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path, PurePosixPath

from sessionls.agents.files import read_bytes, resolve_inside
from sessionls.agents.frontmatter import InvalidDefinition, parse
from sessionls.domain.globs import Globs, expand_braces

__all__ = ["RULES", "InstructionFile", "Rule", "general_instructions", "nested_instructions", "read_rules"]

log = logging.getLogger(__name__)

RULES = ".github/instructions"
"""The folder of instructions for some files."""

_GENERAL_FILES = ("AGENTS.md", "CLAUDE.md", ".claude/CLAUDE.md", ".github/copilot-instructions.md")
_NESTED_FILES = ("AGENTS.md", "CLAUDE.md")
_FILE_LIMIT = 64 << 10  # bytes of one file
_FOLDER_LIMIT = 96 << 10  # bytes of all files of a folder together
_NESTED_LIMIT = 32 << 10
_MAX_RULES = 50  # files of rules
_MAX_GLOBS_LENGTH = 2_000  # characters of the globs
_COMMA = re.compile(r",(?![^{}]*\})")  # not one in braces
_MAX_PARENTS = 16  # folders above a file


@dataclass(frozen=True, slots=True)
class InstructionFile:
    """One file of instructions: its path from the workspace folder (with `/`), and its text."""

    name: str
    text: str


@dataclass(frozen=True, slots=True)
class Rule:
    """Instructions for the files that match the globs."""

    file: InstructionFile
    patterns: tuple[str, ...]
    globs: Globs = field(compare=False)


def general_instructions(folder: Path) -> list[InstructionFile]:
    """The instructions for every agent. If two files have the same text, it is included once."""
    return list(_read_distinct(folder, _GENERAL_FILES, _FILE_LIMIT, _FOLDER_LIMIT))


def nested_instructions(folder: Path, name: str) -> list[InstructionFile]:
    """The instructions for a file: those in its parent folders, the nearest last. `name` is its path from `folder`."""
    parents = [str(parent) for parent in PurePosixPath(name).parents if str(parent) != "."][::-1]
    names = [f"{parent}/{file_name}" for parent in parents[-_MAX_PARENTS:] for file_name in _NESTED_FILES]
    return list(_read_distinct(folder, names, _NESTED_LIMIT, _FILE_LIMIT))


def read_rules(folder: Path) -> list[Rule]:
    """The instructions in `.github/instructions` with globs for their files."""
    try:
        files = sorted((folder / RULES).rglob("*.instructions.md"))[:_MAX_RULES]
    except OSError:
        return []
    rules = []
    for path in files:
        name = path.relative_to(folder).as_posix()
        if (text := _read(folder, name, _NESTED_LIMIT)) and (rule := _parse_rule(name, text)) is not None:
            rules.append(rule)
    return rules


def _parse_rule(name: str, text: str) -> Rule | None:
    try:
        page = parse(text, lenient=True)
        apply_to = page.fields.get("applyTo", page.texts.get("applyTo"))
        patterns = apply_to if isinstance(apply_to, list) else _COMMA.split(str(apply_to or "")[:_MAX_GLOBS_LENGTH])
        globs = [glob for pattern in patterns if str(pattern).strip() for glob in expand_braces(str(pattern).strip())]
        return Rule(InstructionFile(name, page.body), tuple(globs), Globs(globs)) if globs and page.body else None
    except (InvalidDefinition, ValueError) as problem:
        log.warning("%s is not read: %s", name, problem)
        return None


def _read_distinct(folder: Path, names: Sequence[str], limit: int, remaining: int) -> Iterator[InstructionFile]:
    seen: set[str] = set()
    for name in names:
        text = _read(folder, name, min(limit, remaining))
        # A file may just refer to another one (`@AGENTS.md`).
        if not text or text in seen or text.lstrip("@./") in _NESTED_FILES:
            continue
        seen.add(text)
        remaining = max(0, remaining - len(text.encode()))
        yield InstructionFile(name, text)


def _read(folder: Path, name: str, limit: int) -> str:
    """The text of the file, cut at `limit` bytes with a note; empty if it cannot be read."""
    try:
        data = read_bytes(resolve_inside(folder / name, folder), limit + 1)
    except InvalidDefinition as problem:
        log.warning("%s is not read: %s", name, problem)
        return ""
    except (OSError, RuntimeError):
        return ""
    text = data[:limit].decode("utf-8", "replace").removeprefix("\ufeff").strip()
    if len(data) > limit < 1024:
        return f"({name} is omitted: the instructions together are too long.)"
    if len(data) > limit:
        text += f"\n\n({name} is longer. These are only its first {limit // 1024} KB.)"
    return text
