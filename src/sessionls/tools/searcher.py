"""Searches files for a regular expression, in a separate process: an expression that never ends can be killed.

Reads one JSON object from stdin (`Job`), writes one a line: `{"file": index, "lines": [[number, text, hit], …]}` for a file
with hits, `{"large": n}` at the end; `{"error": text}` alone for an invalid pattern. Files are opened as the workspace
opens them: no link is followed.
"""

from __future__ import annotations

import json
import re
import sys
from bisect import bisect_right
from collections.abc import Iterator
from pathlib import Path
from typing import Any, TypedDict

from sessionls.domain.errors import SessionlsError
from sessionls.sessions.workspace.files import read_file

__all__ = ["Job", "search_text"]

FILE_LIMIT = 2 << 20
"""Bytes: a larger file is data or generated, and is counted instead of searched."""
LINE_LIMIT = 400
_HIT_LINES = 20  # of one hit that runs over several lines
_FILE_HITS = 200


class Job(TypedDict):
    """`files` are root and name (see `read_file`); `texts` the text of those that are open in the editor, by index."""

    pattern: str
    ignore_case: bool
    context: int
    files: list[tuple[str, str]]
    texts: dict[str, str]


def search_text(pattern: re.Pattern[str], text: str, context: int) -> list[tuple[int, str, bool]]:
    """The hits with `context` lines around each: number from 1, text, whether it is a hit. `^` and `$` match at line ends."""
    if "\r" in text:
        text = text.replace("\r\n", "\n").replace("\r", "\n")
    first = pattern.search(text)
    if first is None:
        return []
    lines = text.split("\n")
    starts = [0]
    for line in lines[:-1]:
        starts.append(starts[-1] + len(line) + 1)
    if len(lines) > 1 and not lines[-1]:
        lines.pop()  # what follows the last line end is not a line
    hits: set[int] = set()
    for match in pattern.finditer(text, first.start()):
        begin = bisect_right(starts, match.start()) - 1
        end = bisect_right(starts, max(match.end() - 1, match.start())) - 1
        hits.update(range(begin, min(end + 1, begin + _HIT_LINES, len(lines))))
        if len(hits) >= _FILE_HITS:
            break
    shown = sorted({near for hit in hits for near in range(max(hit - context, 0), min(hit + context + 1, len(lines)))})
    return [(index + 1, _short(lines[index]), index in hits) for index in shown]


def _short(line: str) -> str:
    return line if len(line) <= LINE_LIMIT else f"{line[:LINE_LIMIT]} [… {len(line) - LINE_LIMIT:,} characters]"


def _search(job: Job) -> Iterator[dict[str, Any]]:
    try:
        pattern = re.compile(job["pattern"], re.MULTILINE | (re.IGNORECASE if job["ignore_case"] else 0))
    except (re.error, RecursionError, OverflowError) as error:
        yield {"error": f"{job['pattern'][:200]!r} is not a valid regular expression ({error})."}
        return
    large = 0
    for index, (root, name) in enumerate(job["files"]):
        text = job["texts"].get(str(index))
        if text is None:
            try:
                if Path(root, name).lstat().st_size > FILE_LIMIT:
                    large += 1
                    continue
                text = read_file(Path(root), name, what=name, limit=FILE_LIMIT).text
            except (SessionlsError, OSError, ValueError):  # deleted, not text, a link or a pipe: nothing to find
                continue
        if lines := search_text(pattern, text, job["context"]):
            yield {"file": index, "lines": lines}
    yield {"large": large}


def main() -> None:
    job: Job = json.load(sys.stdin.buffer)
    for found in _search(job):
        sys.stdout.write(json.dumps(found) + "\n")
        sys.stdout.flush()


if __name__ == "__main__":
    main()
