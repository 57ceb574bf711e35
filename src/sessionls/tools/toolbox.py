"""All tools, and the selection for an agent."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from fnmatch import fnmatchcase
from pathlib import Path

from sessionls.domain.agent import Definition
from sessionls.ports.editor import Editor
from sessionls.ports.tools import Tool
from sessionls.sessions.workspace.workspace import Workspace
from sessionls.tools.execute import RunCommand
from sessionls.tools.git import GitDiff, GitLog, GitShow
from sessionls.tools.mcp import McpServers
from sessionls.tools.nearby import TOUCH_FILES, Nearby, WithInstructions
from sessionls.tools.outcome import SETTLING_SECONDS
from sessionls.tools.read import ListFiles, ReadFile, Search
from sessionls.tools.read_tracker import ReadTracker
from sessionls.tools.saving import DiskReader, Saving
from sessionls.tools.skill import ReadSkill
from sessionls.tools.symbols import Symbols
from sessionls.tools.write import CreateFile, DeleteFile, EditFile

__all__ = ["Toolbox", "all_tools", "read_tools"]


# Tools that read files on disk, in addition to those of MCP servers. (The others read open documents as the editor has them.)
_READ_DISK = frozenset({"run_command", "git_diff"})


class Toolbox:
    """The port `Tools`: our own tools, and those of MCP servers.

    `seen` records which texts agents have read; with `saving`, documents are saved before tools run that read the disk.
    """

    def __init__(
        self,
        tools: Iterable[Tool],
        servers: McpServers | None = None,
        *,
        seen: ReadTracker | None = None,
        saving: Saving | None = None,
        nearby: Nearby | None = None,
    ) -> None:
        self._tools: dict[str, Tool] = {}
        self._servers = servers
        self._seen = seen
        self._saving = saving
        self._nearby = nearby
        for tool in tools:
            if tool.name in self._tools:
                raise ValueError(f"two tools are called {tool.name}")
            self._tools[tool.name] = tool

    @property
    def names(self) -> Sequence[str]:
        """All tools; those of a server only while it runs, and the one for skills only while there are any."""
        return tuple(tool.name for tool in self._all())

    async def prepare(self, definition: Definition) -> Sequence[str]:
        """Start the servers that this agent may use (see `McpServers.prepare`)."""
        return await self._servers.prepare(definition) if self._servers is not None else ()

    def knows(self, session_id: str, uri: str, sha256: str) -> None:
        if self._seen is not None:
            self._seen.knows(session_id, uri, sha256)

    def offer(self, names: Sequence[str]) -> Sequence[Tool]:
        """The tools with those names, in the toolbox's order, without unknown names; `server/*` means all tools of a server."""
        groups = [name for name in names if name.endswith("/*")]
        offered = [tool for tool in self._all() if tool.name in names or any(fnmatchcase(tool.name, group) for group in groups)]
        saving, nearby = self._saving, self._nearby
        if nearby is not None:
            offered = [WithInstructions(tool, nearby) if tool.name in TOUCH_FILES else tool for tool in offered]
        if saving is None:
            return offered
        return [DiskReader(tool, saving) if tool.name in _READ_DISK or "/" in tool.name else tool for tool in offered]

    def _all(self) -> list[Tool]:
        present = [tool for tool in self._tools.values() if not isinstance(tool, ReadSkill) or tool.present]
        return [*present, *(self._servers.tools if self._servers is not None else ())]


def all_tools(
    workspace: Workspace,
    editor: Editor,
    *,
    confirm: bool = False,
    protected: Sequence[Path] = (),
    read_only: Callable[[], bool] = lambda: False,
    variables: Sequence[str] = (),
    seen: ReadTracker | None = None,
    saving: Saving | None = None,
    settling_seconds: Sequence[float] = SETTLING_SECONDS,
) -> list[Tool]:
    """All our own tools. `confirm`: an editor that can shows each edit and asks before it makes it.

    `protected` are the participant's files and folders that configure agents and programs: agents do not write there, nor to
    those of the workspace. `read_only` is called each time. `variables` are environment variables that commands get in addition
    to the usual ones. The text after an edit is read after each of `settling_seconds`, until it is the expected one.
    """
    seen = seen or ReadTracker()
    saving = saving or Saving(workspace, editor)
    return [
        *read_tools(workspace, seen),
        *(
            write(
                workspace,
                editor,
                seen,
                saving,
                confirm=confirm,
                protected=protected,
                read_only=read_only,
                settling_seconds=settling_seconds,
            )
            for write in (EditFile, CreateFile, DeleteFile)
        ),
        RunCommand(workspace, variables=variables),
    ]


def read_tools(workspace: Workspace, seen: ReadTracker | None = None) -> list[Tool]:
    """The tools that only read."""
    return [
        ReadFile(workspace, seen),
        ListFiles(workspace),
        Search(workspace),
        GitDiff(workspace),
        GitLog(workspace),
        GitShow(workspace),
        Symbols(workspace),
    ]
