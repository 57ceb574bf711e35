"""The context that the editor sends with a message."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import Field, TypeAdapter

from sessionls.domain.model.base import Line, Range, Wire

__all__ = [
    "Context",
    "DiagnosticsContext",
    "DiffContext",
    "FileContext",
    "ImageContext",
    "SelectionContext",
    "SessionContext",
    "SourceLine",
    "SymbolContext",
    "TextContext",
    "context_adapter",
]


class _Document(Wire):
    """What every context of a document records: its text at the time the message was sent.

    `version` is the editor's version of an open buffer, `dirty` says whether it had unsaved changes, and `sha256` is the hash of
    the whole document's UTF-8 text. `notice` says what was cut or refused.
    """

    uri: str
    version: int | None = None
    dirty: bool | None = None
    sha256: str | None = None
    language: str | None = None
    notice: str | None = None


class SelectionContext(_Document):
    kind: Literal["selection"] = "selection"
    range: Range
    text: str | None = None


class FileContext(_Document):
    kind: Literal["file"] = "file"
    text: str | None = None


class SourceLine(Wire):
    """A line of a document: its zero-based number and its text without the line end."""

    number: int
    text: str


class DiagnosticsContext(_Document):
    """`diagnostics` are unchanged `Diagnostic` objects of LSP; `lines` are the lines at which they are."""

    kind: Literal["diagnostics"] = "diagnostics"
    range: Range | None = None
    diagnostics: list[dict[str, Any]] | None = None
    lines: list[SourceLine] | None = None


class SymbolContext(_Document):
    kind: Literal["symbol"] = "symbol"
    name: str
    range: Range | None = None
    text: str | None = None


class DiffContext(Wire):
    """The changes of the working tree since `base` (a git revision; the default is `HEAD`). `staged`: only staged changes."""

    kind: Literal["diff"] = "diff"
    base: str | None = None
    staged: bool | None = None
    text: str | None = None
    notice: str | None = None


class TextContext(Wire):
    kind: Literal["text"] = "text"
    title: Line
    text: str
    notice: str | None = None


class SessionContext(Wire):
    """The messages of another session of the same folders when this message was sent, or only one of its messages.

    `title` is its title at that time. If it is too long, the oldest messages are left out, and `notice` says so.
    """

    kind: Literal["session"] = "session"
    session_id: Annotated[str, Field(min_length=1, max_length=200)]
    message_id: Annotated[str, Field(min_length=1, max_length=200)] | None = None
    title: Line | None = None
    text: str | None = None
    notice: str | None = None


class ImageContext(Wire):
    """An image: a PNG, JPEG, WebP or GIF of at most 5 MiB. Send the `uri` of a file, or its bytes in base64 as `data`, with a
    `title`, or the `sha256` of an image that the session already has.

    Stored images have no `data`: `context/image` returns the bytes. `mimeType`, `size` (bytes), `width` and `height`
    (pixels) are read from the bytes.
    """

    kind: Literal["image"] = "image"
    uri: str | None = None
    data: Annotated[str | None, Field(min_length=1, repr=False)] = None
    mime_type: Annotated[str, Field(max_length=100)] | None = None
    title: Annotated[Line, Field(max_length=300)] | None = None
    sha256: Annotated[str, Field(pattern="^[0-9a-f]{64}$")] | None = None
    size: int | None = None
    width: int | None = None
    height: int | None = None
    notice: str | None = None


Context = Annotated[
    SelectionContext
    | FileContext
    | DiagnosticsContext
    | SymbolContext
    | DiffContext
    | TextContext
    | SessionContext
    | ImageContext,
    Field(discriminator="kind"),
]
context_adapter: TypeAdapter[Context] = TypeAdapter(Context)
