"""The port of the editor: what it has open, what it can change, and whom it can ask."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal, Protocol, runtime_checkable

from sessionls.domain.model import Range
from sessionls.domain.permission import Answer, Question

__all__ = ["Buffer", "Buffers", "DocumentChange", "EditOutcome", "Editor", "RemoteBuffers"]


@dataclass(frozen=True, slots=True)
class Buffer:
    """A document as the editor has it. `line_ends`: the text has those that the editor would save, and not only line feeds."""

    uri: str
    text: str
    version: int | None = None
    language: str | None = None
    line_ends: bool = False


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


@runtime_checkable
class RemoteBuffers(Protocol):
    """An editor that tells nothing of what is open by itself, and has to be asked for each document."""

    async def refresh(self, uri: str) -> None:
        """Ask what the editor has of that document now, so that `buffer` says it. The document may be read: nothing else is
        asked for.
        """
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

        An editor that cannot be asked to save gives none. A document that has changed since it was last heard of stays unsaved.
        """
        ...

    async def ask(self, question: Question) -> Answer | None:
        """Ask the person at this editor; None where nobody can be asked or the question was dismissed without an answer."""
        ...
