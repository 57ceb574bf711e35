"""Tools that read the workspace: a file, the list of files, a search through them."""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import re
import subprocess
import sys
from collections import Counter
from collections.abc import AsyncGenerator
from pathlib import Path
from typing import Any

from pydantic import Field

from sessionls.domain import uris
from sessionls.environment import child_environment
from sessionls.ports.tools import ToolCall, ToolFailed
from sessionls.program_runner import stream_program
from sessionls.sessions.prompt.blocks import numbered
from sessionls.sessions.workspace.workspace import Document, ResolvedFile, Workspace
from sessionls.tools.base import Arguments, BaseTool
from sessionls.tools.files import Listing, glob_filter, list_workspace
from sessionls.tools.read_tracker import ReadTracker
from sessionls.tools.searcher import Job

__all__ = ["ListFiles", "ReadFile", "Search"]

_PATH = "Path of a file, relative to the workspace folder."
_FILE_LIMIT = 8 << 20  # bytes of a file whose lines are counted
_READ_LIMIT = 50_000  # characters of one file in one result
_LINE_LIMIT = 2_000
_LISTED = 1_000
_HITS = 200  # lines with hits in one result
_SEARCH_SECONDS = 15.0
_LINE_END = re.compile(r"\r\n|\n|\r")


# -- read_file -------------------------------------------------------------------------------------------------------


class ReadFileArguments(Arguments):
    path: str = Field(description=_PATH, min_length=1)
    start_line: int = Field(default=1, ge=1, description="First line, counted from 1.")
    end_line: int | None = Field(default=None, ge=1, description="Last line (inclusive). Default: the end.")


class ReadFile(BaseTool[ReadFileArguments]):
    name = "read_file"
    description = (
        "Read a text file of the workspace, including unsaved changes in the editor. Each line has its number, which is "
        "not part of the text. A long file is returned in pieces: the result says how to get the next one."
    )
    risk = "read"
    arguments = ReadFileArguments

    def __init__(self, workspace: Workspace, seen: ReadTracker | None = None) -> None:
        self._workspace = workspace
        self._seen = seen

    async def perform(self, arguments: ReadFileArguments, call: ToolCall) -> str:
        if arguments.end_line is not None and arguments.end_line < arguments.start_line:
            raise ToolFailed("end_line is before start_line.")
        document = await self._workspace.read(arguments.path, limit=_FILE_LIMIT)
        text = await asyncio.to_thread(_show, document, arguments.start_line, arguments.end_line)
        if self._seen is not None:
            self._seen.saw(call.session_id, document)
        return text


def _show(document: Document, start: int, end: int | None) -> str:
    lines = _LINE_END.split(document.text)
    if lines[-1] == "" and len(lines) > 1:
        lines.pop()
    about = f"{document.path}{' (unsaved changes included)' if document.dirty and document.buffer else ''}"
    if lines == [""]:
        return f"{about} is empty."
    if start > len(lines):
        raise ToolFailed(f"{document.path} has only {len(lines)} lines.")
    last = len(lines) if end is None else min(end, len(lines))
    shown: list[tuple[int, str]] = []
    left = _READ_LIMIT
    for number in range(start - 1, last):
        line = lines[number]
        if len(line) > _LINE_LIMIT:
            line = f"{line[:_LINE_LIMIT]} [… {len(line) - _LINE_LIMIT:,} characters]"
        left -= len(line) + 9
        if left < 0 and shown:
            break
        shown.append((number, line))
    final = shown[-1][0] + 1
    more = f"\n[Continue with start_line={final + 1}.]" if final < last else ""
    if document.notice is not None and final == len(lines):
        more = f"\n[{document.notice}]"
    return f"{about}, lines {start} to {final} of {len(lines)}\n{numbered(shown)}{more}"


# -- list_files ------------------------------------------------------------------------------------------------------


class ListFilesArguments(Arguments):
    glob: str | None = Field(
        default=None, description="Only files that match: *.py anywhere, src/*.ts, docs/**, *.{c,h}. Default: all."
    )
    path: str | None = Field(default=None, description="A folder to list, relative to the workspace folder.")


class ListFiles(BaseTool[ListFilesArguments]):
    name = "list_files"
    description = (
        "List the files of the workspace, except those that git ignores. If there are too many, lists the folders with the "
        "number of files in each: then list one of them."
    )
    risk = "read"
    arguments = ListFilesArguments

    def __init__(self, workspace: Workspace) -> None:
        self._workspace = workspace

    async def perform(self, arguments: ListFilesArguments, call: ToolCall) -> str:  # noqa: ARG002
        listing = await list_workspace(self._workspace, arguments.path)
        return await asyncio.to_thread(self._tell, listing, arguments)

    def _tell(self, listing: Listing, arguments: ListFilesArguments) -> str:
        files = _matching(listing, arguments.glob)
        more = "\n[There are too many files to list. Pass a path.]" if listing.cut else ""
        if len(files) > _LISTED:
            return f"{len(files):,} files, by folder:\n{self._by_folder(listing, files, arguments.path)}{more}"
        known = [
            listing.display(root, name)
            for root, name in files
            if not self._workspace.withheld(name) and os.path.lexists(root / name)
        ]
        if not known:
            return f"No files{' match' if arguments.glob else ''}.{more}"
        return "\n".join(known) + more

    def _by_folder(self, listing: Listing, files: list[tuple[Path, str]], path: str | None) -> str:
        depth = 2 + len([part for part in (path or "").split("/") if part not in ("", ".")])
        counts: Counter[tuple[Path, str]] = Counter()
        for root, name in files:
            folder = name.rpartition("/")[0].split("/")[:depth]
            counts[root, "/".join(folder)] += 1
        shown = sorted(
            f"{listing.display(root, folder) if folder else listing.labels[root]}/ ({count:,})"
            for (root, folder), count in counts.most_common(_LISTED)
            if not self._workspace.withheld(folder)
        )
        return "\n".join(shown)


def _matching(listing: Listing, glob: str | None) -> list[tuple[Path, str]]:
    if not glob:
        return list(listing.files)
    try:
        wanted = glob_filter(glob)
    except ValueError:
        raise ToolFailed(f"{glob[:100]!r} is too long. Examples of globs: *.py, src/**/*.ts, docs/**.") from None
    several = len(listing.labels) > 1
    return [
        (root, name)
        for root, name in listing.files
        if wanted.match(name) or (several and wanted.match(listing.display(root, name)))
    ]


# -- search ----------------------------------------------------------------------------------------------------------


class SearchArguments(Arguments):
    pattern: str = Field(
        min_length=1, max_length=2_000, description="A regular expression (Python syntax). ^ and $ match the ends of a line."
    )
    glob: str | None = Field(default=None, description="Only files that match: *.py anywhere, src/*.ts, docs/**, *.{c,h}.")
    path: str | None = Field(default=None, description="A file or folder to search, relative to the workspace folder.")
    ignore_case: bool = Field(default=False, description="Whether to ignore case.")
    context_lines: int = Field(default=0, ge=0, le=10, description="Lines to show before and after each hit.")


class Search(BaseTool[SearchArguments]):
    name = "search"
    description = (
        "Search the text of the workspace's files for a regular expression, including unsaved changes in the editor. Returns "
        "each file with the matching lines and their numbers; a context line has a minus after its number."
    )
    risk = "read"
    arguments = SearchArguments

    def __init__(self, workspace: Workspace, *, seconds: float = _SEARCH_SECONDS) -> None:
        self._workspace = workspace
        self._seconds = seconds

    async def perform(self, arguments: SearchArguments, call: ToolCall) -> str:  # noqa: ARG002
        listing = await list_workspace(self._workspace, arguments.path)
        files, job = await asyncio.to_thread(self._job, listing, arguments)
        results: list[str] = []
        hits = large = 0
        notices = ["[Not every file could be searched. Pass a path.]"] if listing.cut else []
        try:
            async with asyncio.timeout(self._seconds):
                async with contextlib.aclosing(_run(job)) as found:
                    async for message in found:
                        if "error" in message:
                            raise ToolFailed(f"{message['error']} Escape literal characters with a backslash.")
                        if "file" not in message:
                            large = message["large"]
                            continue
                        root, name = files[message["file"]]
                        if self._workspace.withheld(name):
                            continue
                        results.append(f"{listing.display(root, name)}\n{_render(message['lines'])}")
                        hits += sum(hit for *_, hit in message["lines"])
                        if hits >= _HITS:
                            notices.append("[There may be more. Narrow the pattern, the glob or the path.]")
                            break
        except TimeoutError:
            notices.append(f"[Stopped after {self._seconds:g} seconds: use a simpler pattern, a glob or a path.]")
        if large:
            notices.append(f"[{large} file(s) larger than 2 MiB were not searched.]")
        return "\n".join(["\n\n".join(results) or "No line matches.", *notices])

    def _job(self, listing: Listing, arguments: SearchArguments) -> tuple[list[tuple[Path, str]], Job]:
        files = _matching(listing, arguments.glob)
        texts: dict[str, str] = {}
        for index, (root, name) in enumerate(files):
            path = root / name
            # Reads from memory: the editor's buffers may be read in any thread.
            buffer = self._workspace.buffer(ResolvedFile(uris.from_path(path), path, root, name, name))
            if buffer is not None:
                texts[str(index)] = buffer.text
        return files, Job(
            pattern=arguments.pattern,
            ignore_case=arguments.ignore_case,
            context=arguments.context_lines,
            files=[(str(root), name) for root, name in files],
            texts=texts,
        )


def _render(lines: list[tuple[int, str, bool]]) -> str:
    """`12: a hit` and `13- context`, with `--` for omitted lines."""
    shown: list[str] = []
    before = lines[0][0] - 1
    for number, text, hit in lines:
        if number != before + 1:
            shown.append("--")
        shown.append(f"{number}{':' if hit else '-'} {text}")
        before = number
    return "\n".join(shown)


async def _run(job: Job) -> AsyncGenerator[dict[str, Any], None]:
    """The search process's results as they arrive. Closing the generator stops the search."""
    data = await asyncio.to_thread(lambda: json.dumps(job).encode())
    # -P: import nothing from the directory that it starts in.
    command = (sys.executable, "-P", "-m", "sessionls.tools.searcher")
    environment = child_environment() | {"PYTHONIOENCODING": "utf-8"}
    rest = b""
    try:
        async with contextlib.aclosing(stream_program(command, stdin=data, environment=environment)) as output:
            async for chunk in output:
                *lines, rest = (rest + chunk).split(b"\n")
                for line in lines:
                    yield json.loads(line)
    except subprocess.CalledProcessError:
        raise ToolFailed("The search failed; try a simpler pattern or fewer files.") from None
