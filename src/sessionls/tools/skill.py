"""The tool that reads a skill: its `SKILL.md`, and the files in its folder."""

from __future__ import annotations

import asyncio
import errno
import os
from collections.abc import Callable, Mapping
from pathlib import Path

from pydantic import Field

from sessionls.domain import uris
from sessionls.domain.agent import SKILL_TOOL
from sessionls.ports.agents import SkillFolder
from sessionls.ports.tools import ToolCall, ToolFailed
from sessionls.sessions.workspace.secret_files import is_withheld
from sessionls.tools.base import Arguments, BaseTool

__all__ = ["ReadSkill"]

_SKILL_FILE = "SKILL.md"
_FILE_LIMIT = 2 << 20  # bytes
_READ_LIMIT = 50_000  # characters at once
_LISTED = 100  # files in the list
_VISITED = 1000  # folders and files that are visited for the list


class ReadSkillArguments(Arguments):
    name: str = Field(description="The skill's name.", min_length=1)
    path: str = Field(
        default=_SKILL_FILE, min_length=1, description="A file in the skill's folder, as named in SKILL.md. Default: SKILL.md."
    )
    start_line: int = Field(default=1, ge=1, description="First line to read, counted from 1: to continue in a long file.")


class ReadSkill(BaseTool[ReadSkillArguments]):
    name = SKILL_TOOL
    description = (
        "Read a skill: its SKILL.md with the names of the files in its folder or, with `path`, one of those files. "
        "Your instructions list the available skills."
    )
    risk = "read"
    arguments = ReadSkillArguments

    def __init__(self, skills: Callable[[str], Mapping[str, SkillFolder]], any_skill: Callable[[], bool]) -> None:
        """`skills` returns the skills that the agent with that name may read; `any_skill`, whether any agent has one."""
        self._skills = skills
        self._any = any_skill

    @property
    def present(self) -> bool:
        """Whether there is any skill. If not, no agent is offered this tool."""
        return self._any()

    async def perform(self, arguments: ReadSkillArguments, call: ToolCall) -> str:
        skills = self._skills(call.agent)
        skill = skills.get(arguments.name)
        if skill is None:
            available = ", ".join(skills)[:2000] or "none"
            raise ToolFailed(f"There is no skill {arguments.name[:64]} that this agent may read. Skills: {available}.")
        return await asyncio.to_thread(_read, skill, arguments.path, arguments.start_line)


def _read(skill: SkillFolder, name: str, start: int) -> str:
    path = _inside(skill, name)
    inner = path.relative_to(skill.root).as_posix()
    display_name = uris.printable(inner)
    text = _text(path, display_name)
    lines = text.splitlines(keepends=True)
    if start > max(len(lines), 1):
        raise ToolFailed(f"{display_name} has only {len(lines)} lines.")
    shown: list[str] = []
    left = _READ_LIMIT
    for line in lines[start - 1 :]:
        if (left := left - len(line)) < 0 and shown:
            break
        shown.append(line)
    result = "".join(shown)[:_READ_LIMIT].rstrip("\n")
    last = start - 1 + len(shown)
    if last < len(lines):
        result += f"\n\n[Continue with start_line={last + 1}.]"
    elif len("".join(shown)) > _READ_LIMIT:
        result += "\n\n[The rest of this line is left out.]"
    if inner == _SKILL_FILE and start == 1:
        result += f"\n\n[{_listing(skill)}]"
    return result


def _inside(skill: SkillFolder, name: str) -> Path:
    """The real path of a file of the skill. Files elsewhere, also those reached through a link, do not belong to it."""
    shown = uris.printable(name[:200])
    outside = ToolFailed(f"{shown} is not in the folder of the skill {skill.name}: only files in that folder can be read.")
    try:
        if Path(name).is_absolute() or not (path := (skill.root / name).resolve()).is_relative_to(skill.root):
            raise outside
    except (ValueError, OSError, RuntimeError):
        raise outside from None
    inner = path.relative_to(skill.root).as_posix()
    if is_withheld(inner) or is_withheld(Path(name).as_posix()):
        raise ToolFailed(f"{shown} may contain secrets and is not read.")
    return path


def _text(path: Path, shown: str) -> str:
    flags = os.O_RDONLY | getattr(os, "O_NONBLOCK", 0) | getattr(os, "O_BINARY", 0) | getattr(os, "O_NOFOLLOW", 0)
    try:
        if not path.is_file():  # opening a pipe would block
            raise OSError(errno.ENOENT, "it is not a file")  # noqa: TRY301
        with os.fdopen(os.open(path, flags), "rb") as file:
            data = file.read(_FILE_LIMIT + 1)
    except OSError as error:
        raise ToolFailed(f"{shown} cannot be read: {error.strerror or 'there is no such file'}.") from None
    if len(data) > _FILE_LIMIT:
        raise ToolFailed(f"{shown} is longer than {_FILE_LIMIT >> 20} MB and is not read.")
    try:
        text = data.decode("utf-8-sig")
    except UnicodeDecodeError:
        text = "\0"
    if "\0" in text:
        raise ToolFailed(f"{shown} is not a text file.")
    return text


def _listing(skill: SkillFolder) -> str:
    """The skill's folder and the files in it."""
    names: list[str] = []
    visited = 0
    for parent, directories, files in os.walk(skill.root):
        visited += len(directories) + len(files)
        inner = Path(parent).relative_to(skill.root)
        directories[:] = [] if visited > _VISITED else sorted(name for name in directories if not is_withheld(name))
        names += [path for name in sorted(files) if (path := (inner / name).as_posix()) != _SKILL_FILE and not is_withheld(path)]
        if len(names) > _LISTED or visited > _VISITED:
            break
    more = " and more" if len(names) > _LISTED or visited > _VISITED else ""
    listed = ", ".join(uris.printable(name) for name in names[:_LISTED])
    return f"The skill's folder is {uris.printable(str(skill.root))}. Files beside SKILL.md: {listed or 'none'}{more}."
