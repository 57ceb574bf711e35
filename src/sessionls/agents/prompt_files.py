"""Prompt files: reusable messages with arguments. Reads files in threads.

They are read from the folders of other tools, `.github/prompts/*.prompt.md` (Copilot) and `.claude/commands/**/*.md` (Claude
Code), and from our own `prompts/*.md`. A workspace's files are only used if it is trusted.
"""

from __future__ import annotations

import asyncio
import os
import re
import shlex
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from sessionls.agents.files import read_bytes, resolve_inside
from sessionls.agents.frontmatter import InvalidDefinition, Page, parse
from sessionls.domain import uris
from sessionls.domain.errors import InvalidParams
from sessionls.domain.results import ExpandedPrompt, PromptFile
from sessionls.domain.visible import in_one_line

__all__ = ["PromptFiles"]

_LIMIT = 256 * 1024  # bytes of a file
_MAX_FILES = 200  # files of a directory and its subdirectories
_MAX_LEVELS = 4
_NAME = re.compile(r"[^\W_][\w.:-]{0,99}")
_MAX_DESCRIPTION = 300  # characters
_MAX_MESSAGE = 1 << 20  # characters of a message
# `$ARGUMENTS` and `$1` are Claude Code's syntax, `${input:name}` and `${input:name:description}` Copilot's.
_INPUT = re.compile(r"\$\{input:([\w-]{1,60})(?::([^}\n]{0,200}))?\}")
_PLACEHOLDER = re.compile(r"\$(ARGUMENTS\b|[1-9](?!\d))|\$\{input:([\w-]{1,60})(?::[^}\n]{0,200})?\}")


@dataclass(frozen=True, slots=True)
class _Directory:
    """`folder`: the workspace folder that it belongs to; None for the user's own. `ending`: the suffix of the files."""

    path: Path
    ending: str
    folder: Path | None = None


@dataclass(frozen=True, slots=True)
class _ReadFile:
    prompt_file: PromptFile
    page: Page | None


class PromptFiles:
    """`ports.prompts.Prompts` on disk. Files are read for each request: there are few, and people edit them."""

    def __init__(self, folders: Callable[[], Sequence[Path]], *, trusted: Callable[[], bool], user_dir: Path, home: Path) -> None:
        self._folders = folders
        self._trusted = trusted
        self._own = [
            _Directory(home / ".claude" / "commands", ".md"),
            _Directory(user_dir, ".md"),
        ]

    async def list(self) -> list[PromptFile]:
        files = await asyncio.to_thread(self._read)
        return [files[name].prompt_file for name in sorted(files)]

    async def expand(self, name: str, arguments: str) -> ExpandedPrompt:
        """The message for a prompt file with these arguments. Raises `InvalidParams`."""
        file = (await asyncio.to_thread(self._read)).get(name)
        if file is None:
            raise InvalidParams(f"There is no prompt file {name[:100]!r}.", fields=["name"], hint="prompt/list lists the names.")
        if file.page is None:
            raise InvalidParams(
                f"The prompt file {name!r} cannot be used: {file.prompt_file.problem}.", fields=["name"], hint="Correct the file."
            )
        text = _fill(file.page.body, arguments.strip())
        return ExpandedPrompt(text=text, agent=file.prompt_file.agent)

    def _read(self) -> dict[str, _ReadFile]:
        """The nearest file for each name. Blocks."""
        files: dict[str, _ReadFile] = {}
        for directory in self._directories():
            files.update((file.prompt_file.name, file) for file in _read_directory(directory))
        return files

    def _directories(self) -> Iterator[_Directory]:
        yield from self._own
        if not self._trusted():
            return
        for folder in self._folders():
            yield _Directory(folder / ".github" / "prompts", ".prompt.md", folder)
            yield _Directory(folder / ".claude" / "commands", ".md", folder)
            yield _Directory(folder / ".sessionls" / "prompts", ".md", folder)


def _read_directory(directory: _Directory) -> Iterator[_ReadFile]:
    for path in _files(directory):
        name = ":".join(path.relative_to(directory.path).parts)[: -len(directory.ending)]
        if not _NAME.fullmatch(name):
            continue
        try:
            data = read_bytes(resolve_inside(path, directory.folder), _LIMIT + 1)
            if len(data) > _LIMIT:
                raise InvalidDefinition(f"it is longer than {_LIMIT // 1024} KB")  # noqa: TRY301
            page = parse(data.decode("utf-8"), lenient=True)
            if not page.body:
                raise InvalidDefinition("it has no text")  # noqa: TRY301
            yield _ReadFile(_describe(name, path, page), page)
        except UnicodeDecodeError:
            yield _ReadFile(PromptFile(name=name, source=uris.from_path(path), problem="it is not UTF-8 text"), None)
        except InvalidDefinition as problem:
            yield _ReadFile(PromptFile(name=name, source=uris.from_path(path), problem=str(problem)), None)
        except (OSError, RuntimeError):  # it does not exist or may not be read; RuntimeError: links in a circle
            continue


def _files(directory: _Directory) -> Iterator[Path]:
    """The files by name, up to limits of number and depth. Does not follow links to directories."""
    remaining = _MAX_FILES
    pending = [(directory.path, 0)]
    while pending and remaining > 0:
        folder, level = pending.pop()
        try:
            with os.scandir(folder) as entries:
                children = sorted(entries, key=lambda entry: entry.name)[: _MAX_FILES * 5]
        except OSError:
            continue
        for entry in children:
            if entry.is_dir(follow_symlinks=False):
                if level < _MAX_LEVELS:
                    pending.append((Path(entry.path), level + 1))
            elif entry.name.endswith(directory.ending) and remaining > 0:
                remaining -= 1
                yield Path(entry.path)


def _describe(name: str, path: Path, page: Page) -> PromptFile:
    hint = _text(page, "argument-hint")
    inputs = [f"{label or input_name}" for input_name, label in dict(_INPUT.findall(page.body)).items()]
    usage = hint or ", ".join(inputs) or ("arguments" if _PLACEHOLDER.search(page.body) else "")
    declared_agent = _text(page, "agent")
    # `agent`, `ask` and `edit` are modes of Copilot, not names of agents.
    agent = declared_agent if declared_agent and declared_agent not in ("agent", "ask", "edit") else None
    first = page.body.lstrip("# ").split("\n", 1)[0]
    description = in_one_line(_text(page, "description") or first)[:_MAX_DESCRIPTION]
    return PromptFile(
        name=name,
        source=uris.from_path(path),
        description=description,
        arguments=in_one_line(usage)[:200] or None,
        agent=agent,
    )


def _text(page: Page, field: str) -> str:
    value: Any = page.fields.get(field)
    if isinstance(value, list):  # YAML reads `[file] [line]` as a list
        return " ".join(f"[{item}]" for item in value)
    return page.texts.get(field) or (value if isinstance(value, str) else "")


def _fill(body: str, arguments: str) -> str:
    """The body with the arguments in place of its placeholders, or at the end if it has none.

    All placeholders are replaced at once, so that placeholders inside arguments are not replaced.
    """
    words = _split(arguments)
    inputs = list(dict(_INPUT.findall(body)))
    # A single input gets all arguments; several get one word each, and the last one gets the rest.
    values = [*words[: len(inputs) - 1], " ".join(words[len(inputs) - 1 :])] if len(inputs) > 1 else [arguments]
    by_name = dict(zip(inputs, [*values, *[""] * len(inputs)], strict=False))

    def value_of(match: re.Match[str]) -> str:
        if match[2] is not None:
            return str(by_name[match[2]])
        if match[1] == "ARGUMENTS":
            return arguments
        index = int(match[1]) - 1
        return words[index] if index < len(words) else ""

    length = len(body)

    def replace(match: re.Match[str]) -> str:
        # Checked here, because a file with many placeholders could produce a message too large for memory.
        nonlocal length
        value = value_of(match)
        length += len(value)
        _check_length(length)
        return value

    if arguments and not _PLACEHOLDER.search(body):
        _check_length(length + len(arguments))
        return f"{body}\n\n{arguments}"
    return _PLACEHOLDER.sub(replace, body).strip()


def _check_length(characters: int) -> None:
    if characters > _MAX_MESSAGE:
        raise InvalidParams("The message would be too long.", fields=["arguments"], hint="Use shorter arguments.")


def _split(arguments: str) -> list[str]:
    try:
        return shlex.split(arguments)
    except ValueError:  # an apostrophe is not a quotation mark
        return arguments.split()
