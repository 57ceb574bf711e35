"""The ports through which external agents work: files through the editor, and commands with our limits."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol

from sessionls.domain.permission import PermissionRequest
from sessionls.ports.tools import ToolCall

__all__ = ["ChangedFile", "Commands", "Files"]


@dataclass(frozen=True, slots=True)
class ChangedFile:
    """A file that an agent changed by itself: its URI, its name for people, the change as a unified diff, and its sha256 now.

    `kept` is the data to revert the change exactly (`pack` of `sessions/changes/kept.py`).
    """

    uri: str
    path: str
    patch: str | None
    sha256: str
    kept: str | None = None


class Files(Protocol):
    """The files of the workspace, with the editor's text. All methods raise `ToolFailed` with a message for the agent."""

    async def read(self, path: str, session_id: str) -> str:
        """The whole text, including unsaved changes."""
        ...

    async def request(self, path: str, text: str) -> PermissionRequest:
        """The permission that is needed to give the file this text, or to create it."""
        ...

    async def check(self, path: str) -> str | None:
        """Raises if agents may not write there at all. Returns the path if the file can start programs, else None."""
        ...

    async def may_read(self, paths: Sequence[str]) -> bool:
        """Whether all of them may be read: they are inside the workspace and are not secret files."""
        ...

    async def uri_of(self, path: str) -> tuple[str, str] | None:
        """The file's URI and its name for people; None outside the workspace."""
        ...

    async def write(self, path: str, text: str, call: ToolCall) -> None:
        """Give the file this text, through the editor, and record the edit."""
        ...

    async def changed_file(self, path: str, old: str | None, new: str) -> ChangedFile | None:
        """The changed file, if its current text is or contains `new`, else None. `old` is the text that `new` replaced."""
        ...

    async def created_file(self, path: str) -> ChangedFile | None:
        """The file as a newly created one; None if it is not text, or is too large."""
        ...

    async def snapshot(self) -> Mapping[str, tuple[int, int]] | None:
        """Modification time and size of each file of the workspace, by path; None if there are too many files."""
        ...


class Commands(Protocol):
    """Runs commands in the workspace, with our limits and environment. Both methods raise `ToolFailed`."""

    async def request(self, command: str, folder: str | None) -> PermissionRequest: ...

    async def run(
        self,
        command: str,
        folder: str | None,
        environment: Mapping[str, str],
        on_output: Callable[[bytes], None],
    ) -> int | None:
        """Returns the exit code: negative for a signal, None for a timeout. Cancelling kills it and all processes it started."""
        ...
