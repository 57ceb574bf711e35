"""The port for files that are written on behalf of a person, not an agent."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

__all__ = ["FileWrite", "FileWriter", "WrittenFile"]


@dataclass(frozen=True, slots=True)
class FileWrite:
    """The new content of a file. `text` None deletes it. `expected` is its present text; None if it does not exist. `bom`: start
    a new file with a byte order mark, which is not part of `text`.
    """

    uri: str
    text: str | None
    expected: str | None
    bom: bool = False


@dataclass(frozen=True, slots=True)
class WrittenFile:
    """The result of a `FileWrite`. `text` is the text afterwards (a formatter may have changed it); None if the file does not
    exist. `problem`: why it was not written. `saved`: the text is also on disk.
    """

    uri: str
    text: str | None
    problem: str | None = None
    saved: bool = True


class FileWriter(Protocol):
    async def write(self, label: str, files: Sequence[FileWrite]) -> Sequence[WrittenFile]:
        """Write the files through the editor, if possible as one undo step, and to disk those that the editor cannot write.

        If one of the files may not be written, or no longer has the expected text, raises `NotPermitted` and writes nothing.
        """
        ...
