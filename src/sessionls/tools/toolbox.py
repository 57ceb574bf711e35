"""The tools there are, and which of them an agent is offered."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from fnmatch import fnmatchcase

from sessionls.sessions.ports import Tool
from sessionls.sessions.workspace import Workspace
from sessionls.tools.git import GitDiff, GitLog, GitShow
from sessionls.tools.read import ListFiles, ReadFile, Search

__all__ = ["Toolbox", "read_tools"]


class Toolbox:
    """The heart's port `Tools`, over tools with different names."""

    def __init__(self, tools: Iterable[Tool]) -> None:
        self._tools: dict[str, Tool] = {}
        for tool in tools:
            if tool.name in self._tools:
                raise ValueError(f"two tools are called {tool.name}")
            self._tools[tool.name] = tool

    @property
    def names(self) -> Sequence[str]:
        """Every tool there is."""
        return tuple(self._tools)

    def offer(self, names: Sequence[str]) -> Sequence[Tool]:
        """The tools with those names, in the toolbox's order, unknown names left out; `server/*` stands for all of a server."""
        groups = [name for name in names if name.endswith("/*")]
        return [tool for name, tool in self._tools.items() if name in names or any(fnmatchcase(name, group) for group in groups)]


def read_tools(workspace: Workspace) -> list[Tool]:
    """The tools that only read."""
    return [
        ReadFile(workspace),
        ListFiles(workspace),
        Search(workspace),
        GitDiff(workspace),
        GitLog(workspace),
        GitShow(workspace),
    ]
