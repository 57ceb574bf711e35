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

from sessionls.agents.files import confined, read_bytes
from sessionls.agents.frontmatter import Broken, parse
from sessionls.domain.globs import Globs, expand_braces

__all__ = ["RULES", "InstructionFile", "Rule", "general", "nested", "read_rules"]

log = logging.getLogger(__name__)

RULES = ".github/instructions"
"""The folder of instructions for some files."""

_GENERAL = ("AGENTS.md", "CLAUDE.md", ".claude/CLAUDE.md", ".github/copilot-instructions.md")
_NESTED = ("AGENTS.md", "CLAUDE.md")
_LIMIT = 64 << 10  # bytes of one file
_ALL = 96 << 10  # bytes of all files of a folder together
_NESTED_LIMIT = 32 << 10
_MOST = 50  # files of rules
_LONGEST = 2_000  # characters of the globs
_COMMA = re.compile(r",(?![^{}]*\})")  # not one in braces
_DEEPEST = 16  # folders above a file


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


def general(folder: Path) -> list[InstructionFile]:
    """The instructions for every agent. The same text in two files counts once."""
    return list(_different(folder, _GENERAL, _LIMIT, _ALL))


def nested(folder: Path, name: str) -> list[InstructionFile]:
    """The instructions for the file at that path from the folder: those of the folders on the way, the nearest last."""
    parents = [str(parent) for parent in PurePosixPath(name).parents if str(parent) != "."][::-1]
    names = [f"{parent}/{one}" for parent in parents[-_DEEPEST:] for one in _NESTED]
    return list(_different(folder, names, _NESTED_LIMIT, _LIMIT))


def read_rules(folder: Path) -> list[Rule]:
    """The instructions in `.github/instructions` with globs for their files."""
    try:
        files = sorted((folder / RULES).rglob("*.instructions.md"))[:_MOST]
    except OSError:
        return []
    rules = []
    for path in files:
        name = path.relative_to(folder).as_posix()
        if (text := _read(folder, name, _NESTED_LIMIT)) and (rule := _rule(name, text)) is not None:
            rules.append(rule)
    return rules


def _rule(name: str, text: str) -> Rule | None:
    try:
        page = parse(text, lenient=True)
        given = page.fields.get("applyTo", page.texts.get("applyTo"))
        patterns = given if isinstance(given, list) else _COMMA.split(str(given or "")[:_LONGEST])
        wanted = [one for pattern in patterns if str(pattern).strip() for one in expand_braces(str(pattern).strip())]
        return Rule(InstructionFile(name, page.body), tuple(wanted), Globs(wanted)) if wanted and page.body else None
    except (Broken, ValueError) as problem:
        log.warning("%s is not read: %s", name, problem)
        return None


def _different(folder: Path, names: Sequence[str], limit: int, together: int) -> Iterator[InstructionFile]:
    seen: set[str] = set()
    for name in names:
        text = _read(folder, name, min(limit, together))
        # One file may only refer to the other.
        if not text or text in seen or text.lstrip("@./") in _NESTED:
            continue
        seen.add(text)
        together = max(0, together - len(text.encode()))
        yield InstructionFile(name, text)


def _read(folder: Path, name: str, limit: int) -> str:
    """The text of the file, cut at `limit` bytes with a note; empty if it cannot be read."""
    try:
        data = read_bytes(confined(folder / name, folder), limit + 1)
    except Broken as problem:
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
