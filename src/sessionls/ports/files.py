"""The port of the files: what a person, and not an agent, has written to the workspace."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

__all__ = ["FileWrite", "FileWriter", "WrittenFile"]


@dataclass(frozen=True, slots=True)
class FileWrite:
    """What a file is to become. `text` of None: it is deleted. `expected` is its text now, None where there is no file. `bom`:
    a new file begins with a byte order mark, which is not in `text`.
    """

    uri: str
    text: str | None
    expected: str | None
    bom: bool = False


@dataclass(frozen=True, slots=True)
class WrittenFile:
    """What became of it. `text` is what came out (a formatter may have run), None where the file is gone. `problem`: it was not
    written, and why. `saved`: it is on disk, too.
    """

    uri: str
    text: str | None
    problem: str | None = None
    saved: bool = True


class FileWriter(Protocol):
    async def write(self, label: str, files: Sequence[FileWrite]) -> Sequence[WrittenFile]:
        """Write the files through the editor, as one step to undo where it can; on disk what it cannot.

        Raises `NotPermitted`, and nothing is written, where one of them may not be written, or has another text by now.
        """
        ...
