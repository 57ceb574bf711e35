"""What an agent may do, and the editor it acts through: the ports of tools."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal, Protocol

from sessionls.agents.agent import Definition
from sessionls.sessions.model import Finding, Range

__all__ = [
    "Answer",
    "Buffer",
    "Buffers",
    "DocumentChange",
    "EditOutcome",
    "Editor",
    "Question",
    "Risk",
    "Tool",
    "ToolCall",
    "ToolFailed",
    "Tools",
    "Wish",
]

Risk = Literal["read", "write", "execute", "network"]
Answer = Literal["once", "session", "deny"]


@dataclass(frozen=True, slots=True)
class Buffer:
    """A document as the editor has it."""

    uri: str
    text: str
    version: int | None = None
    language: str | None = None


@dataclass(frozen=True, slots=True)
class DocumentChange:
    """What is to happen to one document: text replaced (`edits`, none overlapping), the file created with `text`, or deleted.

    `version` is that of the buffer the edits were made for; None for a file that is not open. `sha256` is that of the text they
    were made for (as `Document.sha256`), where it is known.
    """

    uri: str
    kind: Literal["edit", "create", "delete"] = "edit"
    version: int | None = None
    edits: Sequence[tuple[Range, str]] = ()
    text: str = ""
    sha256: str | None = None


@dataclass(frozen=True, slots=True)
class EditOutcome:
    """Whether the editor did it, and what it said where it did not."""

    applied: bool
    reason: str | None = None


@dataclass(frozen=True, slots=True)
class Question:
    """May a tool do this?

    `message_id` is the reply that waits for the answer. `summary` is one line, `detail` shows all of it (a command, a patch),
    `scope` is what a yes for the whole session covers, in replies to messages of whoever gives it; nothing where it is empty.
    """

    session_id: str
    message_id: str
    request_id: str
    agent: str
    tool: str
    summary: str
    risk: Risk
    scope: str
    detail: str | None = None


class Buffers(Protocol):
    """What the editor has open: the truth about those files."""

    @property
    def encoding(self) -> Literal["utf-8", "utf-16", "utf-32"]:
        """The unit of positions' `character`."""
        ...

    @property
    def folders(self) -> Sequence[str]:
        """URIs of the open workspace folders."""
        ...

    def buffer(self, uri: str) -> Buffer | None:
        """The open buffer of that document, unsaved changes included."""
        ...


class Editor(Buffers, Protocol):
    """The editor at the other end: what it has open, what it can do, and whom it can ask."""

    def diagnostics(self, uri: str) -> Sequence[Mapping[str, Any]]:
        """What is known to be wrong in that document, as LSP's `Diagnostic` objects."""
        ...

    async def apply(self, label: str, changes: Sequence[DocumentChange], *, confirm: bool = False) -> EditOutcome:
        """Change documents through the editor, so that undo works and nothing happens behind its back.

        `confirm`: the editor is to show the change and ask, where it can. An editor that cannot apply edits refuses.
        """
        ...

    def open_documents(self) -> Sequence[str]:
        """URIs of all documents that are open."""
        ...

    async def save(self, uris: Sequence[str]) -> frozenset[str]:
        """Have the editor save these documents, as its own command for it does. Gives those that it saved.

        An editor that cannot be asked to save gives none.
        """
        ...

    async def ask(self, question: Question) -> Answer | None:
        """Ask the person at this editor; None where nobody can be asked or the question was dismissed without an answer."""
        ...


class ToolCall(Protocol):
    """In which session, reply and call a tool runs, and what it may leave in the log beside its result."""

    @property
    def session_id(self) -> str: ...
    @property
    def message_id(self) -> str: ...
    @property
    def call_id(self) -> str: ...
    @property
    def agent(self) -> str: ...

    async def report(self, finding: Finding) -> Finding:
        """Record a finding of the reply. Where the same one is known already (same rule, same code) that one is the answer."""
        ...

    async def edited(self, uri: str, summary: str, *, applied: bool, patch: str | None = None) -> None:
        """Record an edit, applied or only proposed, and its unified diff where that can be kept."""
        ...

    async def confirm(self, summary: str, detail: str) -> bool:
        """Ask the people in the session something that only they can decide, in the middle of the call. No yes is kept."""
        ...


@dataclass(frozen=True, slots=True)
class Wish:
    """What a call wants to do, in words for a person. `scope`: what a yes for the session covers (unless said: the tool)."""

    summary: str
    detail: str | None = None
    scope: str | None = None


class Tool(Protocol):
    @property
    def name(self) -> str: ...
    @property
    def description(self) -> str: ...
    @property
    def schema(self) -> Mapping[str, Any]:
        """JSON Schema of the arguments."""
        ...

    @property
    def risk(self) -> Risk: ...

    @property
    def runs_programs(self) -> bool:
        """Whether it starts programs in whose work the workspace has a say, be it only to read."""
        ...

    async def wish(self, arguments: Mapping[str, Any]) -> Wish:
        """What a call with these arguments wants; asked before permission is. Raises `ToolFailed` for bad arguments."""
        ...

    async def run(self, arguments: Mapping[str, Any], call: ToolCall) -> str:
        """What the agent is told. Raises `ToolFailed` with words the agent can act on."""
        ...


class ToolFailed(Exception):
    """A tool could not do what it was asked; the message goes to the agent."""


class Tools(Protocol):
    @property
    def names(self) -> Sequence[str]:
        """Every tool there is; those of a server only while it is up."""
        ...

    async def prepare(self, definition: Definition) -> Sequence[str]:
        """Get ready, in bounded time, what an agent that is about to reply may use. What is not ready then is not there.

        Gives what is missing, in words for a person.
        """
        ...

    def knows(self, session_id: str, uri: str, sha256: str) -> None:
        """The agents of that session were given the whole text of a document, so that they may edit it. `sha256`: its hash."""
        ...

    def offer(self, names: Sequence[str]) -> Sequence[Tool]:
        """The tools with those names, unknown names left out; `server/*` stands for all of a server's."""
        ...
