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

# Prevents programs from waiting for input, paging and using colours.
_QUIET = {"TERM": "dumb", "NO_COLOR": "1", "PAGER": "cat", "GIT_PAGER": "cat", "GIT_TERMINAL_PROMPT": "0", "GIT_EDITOR": "true"}
if os.name == "nt":
    _QUIET["NoDefaultCurrentDirectoryInExePath"] = "1"  # otherwise cmd prefers a program in the workspace


def environment_for_commands(environ: Mapping[str, str], also: Sequence[str] = ()) -> dict[str, str]:
    """The environment of a command (see `child_environment`)."""
    return child_environment(environ, also=also) | _QUIET


# -- what a permission covers --- --------------------------------------------------------------------------------------------

_PLAIN_WORD = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_./,:+-]*")
# Commands with operands that only say what to check. Every other command is covered only by its exact text.
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
    command: str = Field(min_length=1, max_length=20_000, description="The command for the system's shell (sh; cmd on Windows).")
    folder: str | None = Field(
        default=None, description="The folder to run it in, relative to the workspace folder. Default: the workspace folder."
    )
    seconds: int = Field(default=120, ge=1, le=_LONGEST, description="The timeout in seconds.")


class RunCommand(BaseTool[RunCommandArguments]):
    """`variables` are additional environment variables for commands (see `child_environment`)."""

    name = "run_command"
    description = (
        "Run a command in the workspace folder, through the system's shell, and get its output and exit code. It has no input, "
        "no terminal and no API keys. All processes that it starts end with it, so servers do not keep running. The middle of a "
        "long output is omitted."
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
            stopped = f"Stopped after {arguments.seconds} seconds, with all processes that it had started."
            raise ToolFailed(f"{stopped} Its output until then:\n{output}")
        result = f"Exit code {ended.code}{_signal(ended.code)}.\n{output}"
        if ended.code != 0:
            raise ToolFailed(result)
        return result

    async def folder(self, what: str | None) -> Path:
        """The folder for a command. Raises `ToolFailed`, and an error of sessionls for a folder outside the workspace."""
        if what in (None, "", "."):
            folders = self._workspace.folders
            if not folders:
                raise ToolFailed("No folder is open in the editor.")
            what = folders[0]
        file = await self._workspace.resolve(str(what))
        if not await asyncio.to_thread(file.path.is_dir):
            raise ToolFailed(f"The folder {str(what)[:200]} does not exist.")
        return file.path


_CONTROLS = re.compile(r"[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f]")


def _readable(output: bytes) -> str:
    """The output as text: without escape sequences, and overwritten lines in their final form."""
    text = _CONTROLS.sub("", without_escapes(output.decode("utf-8", "replace"))).replace("\r\n", "\n")
    return "\n".join(line.rstrip("\r").rpartition("\r")[2] for line in text.split("\n")).strip("\n")


def _signal(code: int) -> str:
    return " (ended by a signal)" if code < 0 else ""
