"""Runs a command through the system's shell, with bounded output, and leaves no process behind."""

from __future__ import annotations

import asyncio
import os
import re
from collections.abc import Mapping, Sequence
from pathlib import Path

from pydantic import Field

from sessionls.domain import uris
from sessionls.domain.permission import PermissionRequest
from sessionls.domain.visible import without_escapes
from sessionls.environment import child_environment
from sessionls.ports.tools import ToolCall, ToolFailed
from sessionls.sessions.workspace.workspace import Workspace
from sessionls.tools.base import Arguments, BaseTool
from sessionls.tools.process import run_shell

__all__ = ["RunCommand", "environment_for_commands", "scope_of"]

_OUTPUT = 30_000  # bytes of output that are kept
_LONGEST = 1800  # seconds

# -- its environment --------------------------------------------------------------------------------------------------

# So that programs do not wait for input, page or use colours.
_QUIET = {"TERM": "dumb", "NO_COLOR": "1", "PAGER": "cat", "GIT_PAGER": "cat", "GIT_TERMINAL_PROMPT": "0", "GIT_EDITOR": "true"}
if os.name == "nt":
    _QUIET["NoDefaultCurrentDirectoryInExePath"] = "1"  # else cmd prefers a program in the workspace


def environment_for_commands(environ: Mapping[str, str], also: Sequence[str] = ()) -> dict[str, str]:
    """The environment of a command (see `child_environment`)."""
    return child_environment(environ, also=also) | _QUIET


# -- what a permission covers --- --------------------------------------------------------------------------------------------

_PLAIN_WORD = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_./,:+-]*")
# Commands whose operands say what is checked, not what is done. Every other one is covered by its exact text alone.
_OPERANDS_VARY = (
    ("git", "status"),
    ("pytest",),
    ("python", "-m", "pytest"),
    ("mypy",),
    ("pyright",),
    ("ruff", "check"),
    ("ruff", "format"),
    ("cargo", "test"),
    ("cargo", "check"),
    ("cargo", "build"),
    ("cargo", "clippy"),
    ("go", "test"),
    ("go", "vet"),
    ("go", "build"),
)


def scope_of(command: str, folder: str | None = None) -> str:
    """What "allow for this session" covers: this exact command in this folder, and nothing else.

    For a few well-known programs (tests, checkers) it also covers calls with the same options on other files: then no word may
    contain anything special to a shell, and every operand must be a path inside the folder.
    """
    where = "" if folder in (None, "", ".") else f" in {folder!r}"
    exactly = f"run_command{where}: {command}"
    words = command.strip().split(" ")
    head = next((head for head in _OPERANDS_VARY if tuple(words[: len(head)]) == head), None)
    if head is None or "\n" in command:
        return exactly
    options = [word for word in words[len(head) :] if word.startswith("-")]
    operands = [word for word in words[len(head) :] if word and not word.startswith("-")]
    plain = all(_PLAIN_WORD.fullmatch(word.lstrip("-")) for word in (*options, *operands))
    if not plain or any(".." in word.split("/") for word in operands):
        return exactly
    if options and operands:  # an operand may be an option's value
        return exactly
    return f"run_command of {' '.join([*head, *options])} on any files{where}"


# -- the tool --------------------------------------------------------------------------------------------------------


class RunCommandArguments(Arguments):
    command: str = Field(
        min_length=1, max_length=20_000, description="The command, as for the system's shell (sh; cmd on Windows)."
    )
    folder: str | None = Field(
        default=None, description="Where to run it, relative to the workspace folder. Default: that folder."
    )
    seconds: int = Field(default=120, ge=1, le=_LONGEST, description="How many seconds it may take.")


class RunCommand(BaseTool[RunCommandArguments]):
    """`variables` are those of the environment that commands get beside the usual ones (see `child_environment`)."""

    name = "run_command"
    description = (
        "Run a command in the workspace folder, through the system's shell, and get its output and exit code. It has no "
        "input, no terminal and no keys, and everything that it started ends with it: servers cannot be left running. Of a long "
        "output the middle is left out."
    )
    risk = "execute"
    runs_programs = True
    arguments = RunCommandArguments

    def __init__(self, workspace: Workspace, *, variables: Sequence[str] = ()) -> None:
        self._workspace = workspace
        self._variables = tuple(variables)

    def describe(self, arguments: RunCommandArguments) -> PermissionRequest:
        first = uris.printable(" ".join(arguments.command.split()))
        where = "" if arguments.folder in (None, "", ".") else f" in {uris.printable(str(arguments.folder))}"
        summary = f"Run {first[:150]}{'…' if len(first) > 150 else ''}{where}"
        return PermissionRequest(summary, detail=arguments.command, scope=scope_of(arguments.command, arguments.folder))

    async def perform(self, arguments: RunCommandArguments, call: ToolCall) -> str:  # noqa: ARG002
        folder = await self.folder(arguments.folder)
        if "\0" in arguments.command:
            raise ToolFailed("A command must not contain NUL.")
        environment = environment_for_commands(os.environ, self._variables)
        ended = await run_shell(arguments.command, folder, environment, seconds=arguments.seconds, limit=_OUTPUT)
        output = _readable(ended.output) or "(no output)"
        if ended.code is None:
            stopped = f"Stopped after {arguments.seconds} seconds, with all that it had started."
            raise ToolFailed(f"{stopped} Its output until then:\n{output}")
        result = f"Exit code {ended.code}{_signal(ended.code)}.\n{output}"
        if ended.code != 0:
            raise ToolFailed(result)
        return result

    async def folder(self, what: str | None) -> Path:
        """Where a command runs. Raises `ToolFailed`, and an error of sessionls for what is outside of the workspace."""
        if what in (None, "", "."):
            folders = self._workspace.folders
            if not folders:
                raise ToolFailed("No folder is open in the editor.")
            what = folders[0]
        place = await self._workspace.resolve(str(what))
        if not await asyncio.to_thread(place.path.is_dir):
            raise ToolFailed(f"There is no folder {str(what)[:200]}.")
        return place.path


_CONTROLS = re.compile(r"[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f]")


def _readable(output: bytes) -> str:
    """The output as text: without escape sequences, and an overwritten line as it was in the end."""
    text = _CONTROLS.sub("", without_escapes(output.decode("utf-8", "replace"))).replace("\r\n", "\n")
    return "\n".join(line.rstrip("\r").rpartition("\r")[2] for line in text.split("\n")).strip("\n")


def _signal(code: int) -> str:
    return " (ended by a signal)" if code < 0 else ""
