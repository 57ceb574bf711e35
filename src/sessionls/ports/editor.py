"""The port of the editor: its open documents, the changes it can make, and the person it can ask."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal, Protocol, runtime_checkable

from sessionls.domain.model import Range
from sessionls.domain.permission import Answer, Question

__all__ = ["Buffer", "Buffers", "DocumentChange", "EditOutcome", "Editor", "RemoteBuffers"]


@dataclass(frozen=True, slots=True)
class Buffer:
    """A document as the editor has it. `line_ends`: the text has the line ends that the editor would save, not only LF."""

    uri: str
    text: str
    version: int | None = None
    language: str | None = None
    line_ends: bool = False


@dataclass(frozen=True, slots=True)
class DocumentChange:
    """A change of one document: replace text (`edits`, which do not overlap), create the file with `text`, or delete it.

    `version` is the version of the buffer that the edits are for; None if the file is not open. `sha256` is the hash of the text
    that they are for (as `Document.sha256`), if it is known.
    """

    uri: str
    kind: Literal["edit", "create", "delete"] = "edit"
    version: int | None = None
    edits: Sequence[tuple[Range, str]] = ()
    text: str = ""
    sha256: str | None = None


@dataclass(frozen=True, slots=True)
class EditOutcome:
    """Whether the editor applied the change, and the reason that it gave if not."""

    applied: bool
    reason: str | None = None


class Buffers(Protocol):
    """The documents that are open in the editor. For these, the editor's text counts, not the disk."""

    @property
    def encoding(self) -> Literal["utf-8", "utf-16", "utf-32"]:
        """The unit of `character` in positions."""
        ...

    @property
    def folders(self) -> Sequence[str]:
        """URIs of the open workspace folders."""
        ...

    def buffer(self, uri: str) -> Buffer | None:
        """The open buffer of that document, including unsaved changes."""
        ...


@runtime_checkable
class RemoteBuffers(Protocol):
    """An editor that does not announce open documents, so it has to be asked for each."""

    async def refresh(self, uri: str) -> None:
        """Fetch the document's current text from the editor for `buffer`. Call it only for documents that may be read."""
        ...


class Editor(Buffers, Protocol):
    """The connected editor: its open documents, the changes it can make, and the person it can ask."""

    def diagnostics(self, uri: str) -> Sequence[Mapping[str, Any]]:
        """The known diagnostics of that document, as `Diagnostic` objects of LSP."""
        ...

    async def apply(self, label: str, changes: Sequence[DocumentChange], *, confirm: bool = False) -> EditOutcome:
        """Change documents through the editor, so that undo works and the editor's buffers stay up to date.

        `confirm`: the editor should show the change and ask first, if it can. An editor that cannot apply edits refuses.
        """
        ...

    def open_documents(self) -> Sequence[str]:
        """URIs of all documents that are open."""
        ...

    async def save(self, uris: Sequence[str]) -> frozenset[str]:
        """Ask the editor to save these documents, as its own save command does. Returns those that it saved.

        Returns an empty set if the editor cannot be asked. A document that changed after its last known version stays unsaved.
        """
        ...

    async def ask(self, question: Question) -> Answer | None:
        """Ask the person at this editor. Returns None if nobody can be asked, or if the question was dismissed."""
        ...
