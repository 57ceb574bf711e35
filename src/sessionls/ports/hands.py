"""The port of what an external agent does through us: files through the editor, commands under our limits."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol

from sessionls.domain.permission import PermissionRequest
from sessionls.ports.tools import ToolCall

__all__ = ["ChangedFile", "Commands", "Files"]


@dataclass(frozen=True, slots=True)
class ChangedFile:
    """A file as an agent changed it by itself: its URI, how people are told of it, and the change as a unified diff."""

    uri: str
    path: str
    patch: str | None


class Files(Protocol):
    """The files of the workspace, as the editor has them. All raise `ToolFailed` with words that the agent can act on."""

    async def read(self, path: str, session_id: str) -> str:
        """The whole text, unsaved changes included."""
        ...

    async def request(self, path: str, text: str) -> PermissionRequest:
        """What it means to make this the text of the file, or to create it; asked before permission is."""
        ...

    async def check(self, path: str) -> str | None:
        """Whether an agent may write there at all: raises where not. Gives its path where it is a file that starts programs."""
        ...

    async def inside(self, paths: Sequence[str]) -> bool:
        """Whether all of them may be read: inside of the workspace, and not withheld."""
        ...

    async def uri_of(self, path: str) -> tuple[str, str] | None:
        """The URI of a file, and how people are told of it; None outside of the workspace."""
        ...

    async def write(self, path: str, text: str, call: ToolCall) -> None:
        """Make this the text of the file, through the editor, and record the edit."""
        ...

    async def changed(self, path: str, old: str | None, new: str) -> ChangedFile | None:
        """The file, if it has that text now (or holds it); `old` is what stood in the place of `new`. None where it has not."""
        ...

    async def snapshot(self) -> Mapping[str, tuple[int, int]] | None:
        """When each file of the workspace was changed last, and how large it is, by its path. None: there are too many."""
        ...


class Commands(Protocol):
    """Commands of the workspace, with our limits and environment. Both raise `ToolFailed`."""

    async def request(self, command: str, folder: str | None) -> PermissionRequest: ...

    async def run(
        self,
        command: str,
        folder: str | None,
        environment: Mapping[str, str],
        heard: Callable[[bytes], None],
    ) -> int | None:
        """The exit code, negative for a signal, None where its time was up. Cancelling ends it with all that it started."""
        ...
