"""Programs that settings or the files of a workspace can define: MCP servers, scanners and agents, as pure data."""

from __future__ import annotations

from typing import Literal, Self

from pydantic import BaseModel, ConfigDict, Field, model_validator

__all__ = ["ExternalAgent", "McpServer", "ScannerSetting"]


class McpServer(BaseModel):
    """How one server is reached: a program that is started (`command`), or an address (`url`)."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    type: Literal["stdio", "http", "streamable-http", "sse"] | None = None
    command: str | None = Field(default=None, min_length=1)
    args: list[str] = []
    env: dict[str, str] = {}
    cwd: str | None = None
    url: str | None = Field(default=None, pattern=r"^https?://")
    headers: dict[str, str] = {}
    disabled: bool = False

    @model_validator(mode="after")
    def _check_transport(self) -> Self:
        if (self.command is None) == (self.url is None):
            raise ValueError("it needs either a command or a url")
        if self.type is not None and (self.type == "stdio") != (self.url is None):
            raise ValueError(f"a server of type {self.type} needs a {'command' if self.type == 'stdio' else 'url'}")
        return self

    @property
    def remote(self) -> bool:
        return self.url is not None


class ScannerSetting(BaseModel):
    """A scanner of the participant's own: the program with its arguments, and which files it looks at."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    command: list[str] = Field(min_length=1)
    globs: list[str] = ["*"]


class ExternalAgent(BaseModel):
    """An agent that is a program of its own and speaks the Agent Client Protocol over stdio.

    `env` are variables that it gets beside the usual ones; `${env:X}` in a value stands for a variable of this process. `cwd` is
    where it is started, the workspace folder unless said. `mode` and `options` are set in its session before each message.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    command: str = Field(min_length=1)
    args: list[str] = []
    env: dict[str, str] = {}
    cwd: str | None = None
    mode: str | None = None
    options: dict[str, str | bool] = {}
