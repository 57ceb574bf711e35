"""Contexts: what a participant attaches to a message, filled in with its text at that moment.

The text comes from the workspace (see `workspace.py`): the editor's buffer first, nothing outside, no secret files.
"""

from __future__ import annotations

import asyncio
import hashlib
import json
from collections.abc import Iterable, Iterator, Sequence
from typing import Any, Final

from pydantic import ValidationError

from sessionls.domain import uris
from sessionls.domain.errors import InvalidParams, NotPermitted
from sessionls.domain.model import (
    Context,
    DiagnosticsContext,
    DiffContext,
    FileContext,
    ImageContext,
    Message,
    Position,
    Range,
    SelectionContext,
    SessionContext,
    SourceLine,
    SymbolContext,
    TextContext,
)
from sessionls.domain.text import cut_characters, replace_lone_surrogates
from sessionls.ports.editor import Buffers
from sessionls.sessions.context.diff import changes_since
from sessionls.sessions.context.images import MessageImages
from sessionls.sessions.context.other_sessions import OtherSessions
from sessionls.sessions.prompt.blocks import render
from sessionls.sessions.workspace.files import LARGEST
from sessionls.sessions.workspace.positions import Encoding, Lines
from sessionls.sessions.workspace.symbols import find_definition
from sessionls.sessions.workspace.workspace import Document, Workspace

__all__ = ["BUDGET", "render", "resolve", "whole_documents"]

BUDGET: Final = 400_000
"""The limit for the text of all contexts of a message together, in characters."""

_DIAGNOSTICS = 200  # at most, in one context
_LINES = 5  # of the source code, at most, for one diagnostic


async def resolve(
    contexts: Sequence[Context],
    workspace: Workspace,
    editor: Buffers,
    *,
    budget: int = BUDGET,
    sessions: OtherSessions | None = None,
    images: MessageImages | None = None,
) -> list[Context]:
    """The contexts as they are stored: with text, version, dirty flag, hash and language, ranges within the text.

    Long texts are cut, with a notice. `images` gets the bytes of images. Raises `NotPermitted` for a document that is outside of
    the workspace or secret, and for a session of other folders, `InvalidParams` for one that is missing or not text, for a range
    that starts after its end, for a symbol or revision that does not exist, and for an invalid or too large image. Both errors
    name the context by its position: `context.0.uri`.
    """
    images = MessageImages(workspace) if images is None else images
    resolver = _Resolver(workspace, editor.encoding, budget, sessions, images)
    return [await resolver.resolve(context, f"context.{index}") for index, context in enumerate(contexts)]


def whole_documents(messages: Iterable[Message]) -> Iterator[tuple[str, str]]:
    """URI and hash of each document whose whole text came with one of the messages."""
    for message in messages:
        for context in message.context or ():
            if not isinstance(context, FileContext | SelectionContext | SymbolContext) or context.text is None:
                continue
            if hashlib.sha256(context.text.encode()).hexdigest() == context.sha256:
                yield context.uri, context.sha256


class _Resolver:
    """The contexts of one message: they share a budget, and each document is read once, so that all show the same moment."""

    def __init__(
        self, workspace: Workspace, encoding: Encoding, budget: int, sessions: OtherSessions | None, images: MessageImages
    ) -> None:
        self._workspace = workspace
        self._encoding = encoding
        self._sessions = sessions
        self._images = images
        self._budget = self._left = budget
        self._documents: dict[str, Document] = {}

    async def resolve(self, context: Context, field: str) -> Context:
        match context:
            case TextContext():
                text, notice = self._fit_budget(context.text)
                return context.model_copy(update={"text": text, "notice": notice})
            case DiffContext():
                return await self._diff(context, field)
            case SessionContext():
                return await self._session(context, field)
            case ImageContext():
                return await self._images.resolve(context, field)
            case SelectionContext() if context.text is not None and self._is_only_in_editor(context.uri):
                self._workspace.refuse_withheld(context.uri, uris.path_of(context.uri))
                Lines("", self._encoding).span(context.range, field=f"{field}.range")
                text, notice = self._fit_budget(context.text)
                notices = _join_notices("This is the text that the editor sent. The document is not open.", notice)
                return context.model_copy(update={"text": text, "notice": notices})
        document = await self._read(context.uri, field)
        # Megabytes of text may be cut and searched here.
        return await asyncio.to_thread(self._resolve_in_document, context, document, field)

    def _is_only_in_editor(self, uri: str) -> bool:
        """Whether only the editor can read this document (by its scheme), and it is not open."""
        return uris.to_path(uri) is None and not uri.lower().startswith("file:") and not self._workspace.is_open(uri)

    async def _read(self, uri: str, field: str) -> Document:
        if uri not in self._documents:
            try:
                self._documents[uri] = await self._workspace.read(uri, limit=LARGEST)
            except InvalidParams as error:
                raise InvalidParams(error.message, fields=[f"{field}.uri"], hint=error.hint) from None
            except NotPermitted as error:
                raise NotPermitted(error.message, hint=error.hint, **error.data | {"fields": [f"{field}.uri"]}) from None
        return self._documents[uri]

    def _resolve_in_document(self, context: Context, document: Document, field: str) -> Context:
        facts: dict[str, Any] = {
            "uri": document.uri,
            "version": document.version,
            "dirty": document.dirty,
            "sha256": document.sha256,
            "language": document.language,
        }
        match context:
            case FileContext():
                text, notice = self._fit_budget(document.text)
                content: dict[str, Any] = {"text": text, "notice": notice}
            case SelectionContext():
                cut, range_ = Lines(document.text, self._encoding).cut(context.range, field=f"{field}.range")
                text, notice = self._fit_budget(cut)
                content = {"text": text, "range": range_, "notice": notice}
            case SymbolContext():
                content = self._symbol(context, document, field)
            case DiagnosticsContext():
                content = self._diagnostics(context, document, field)
            case _:
                raise AssertionError(context.kind)
        return context.model_copy(update=facts | content | {"notice": _join_notices(document.notice, content["notice"])})

    def _symbol(self, context: SymbolContext, document: Document, field: str) -> dict[str, Any]:
        lines = Lines(document.text, self._encoding)
        guess_notice = None
        if context.range is not None:
            range_ = context.range
        else:
            definition = find_definition(document.text, context.name, document.language)
            if definition is None:
                hint = "Correct the name, or send a selection."
                raise InvalidParams(f"{document.path} has no {context.name!r}.", fields=[f"{field}.name"], hint=hint)
            guess_notice = definition.notice
            end = Position(line=definition.last, character=2**31 - 1)  # LSP's greatest number: the end of the line
            range_ = Range(start=Position(line=definition.first, character=0), end=end)
        cut, range_ = lines.cut(range_, field=f"{field}.range")
        text, notice = self._fit_budget(cut)
        return {"text": text, "range": range_, "notice": _join_notices(guess_notice, notice)}

    def _diagnostics(self, context: DiagnosticsContext, document: Document, field: str) -> dict[str, Any]:
        lines = Lines(document.text, self._encoding)
        within = None
        if context.range is not None:
            _, within = lines.cut(context.range, field=f"{field}.range")
        kept: list[dict[str, Any]] = []
        numbers: set[int] = set()
        left_out = 0
        for index, diagnostic in enumerate(context.diagnostics or ()):
            range_ = _range_of(diagnostic, f"{field}.diagnostics.{index}.range")
            if within is not None and not range_.touches(within):
                continue
            data = replace_lone_surrogates(json.dumps(diagnostic, ensure_ascii=False))
            last = min(range_.end.line, range_.start.line + _LINES - 1, len(lines) - 1)
            new = set(range(range_.start.line, last + 1)) - numbers
            size = len(data) + sum(len(lines.line(number)) for number in new)
            if len(kept) >= _DIAGNOSTICS or size > self._left:
                left_out += 1
                continue
            self._left -= size
            numbers |= new
            kept.append(json.loads(data))
        return {
            "range": within,
            "diagnostics": kept,
            "lines": [SourceLine(number=number, text=lines.line(number)) for number in sorted(numbers)],
            "notice": f"{left_out} more diagnostics are left out." if left_out else None,
        }

    async def _diff(self, context: DiffContext, field: str) -> DiffContext:
        limit = min(self._left * 4, LARGEST)  # bytes; no character needs more than four
        diff, notices = await changes_since(
            self._workspace, context.base, field=f"{field}.base", limit=limit, staged=context.staged is True
        )
        text, notice = self._fit_budget(diff)
        return context.model_copy(update={"text": text, "notice": _join_notices(*notices, notice)})

    async def _session(self, context: SessionContext, field: str) -> SessionContext:
        if self._sessions is None:
            raise InvalidParams(
                "Sessions are not available as context here.", fields=[field], hint="Send the session's text instead."
            )
        session = await self._sessions.find(context.session_id, field=f"{field}.sessionId")
        text, cut = await self._sessions.read(session, context.message_id, limit=self._left, field=f"{field}.messageId")
        text, notice = self._fit_budget(replace_lone_surrogates(text))
        return context.model_copy(update={"title": session.title, "text": text, "notice": _join_notices(cut, notice)})

    def _fit_budget(self, text: str) -> tuple[str, str | None]:
        """The text within the remaining budget, and a notice if it was cut."""
        if not self._left and text:
            return "", f"Omitted: the contexts of a message can have at most {self._budget:,} characters together."
        kept, notice = cut_characters(text, self._left)
        self._left -= len(kept)
        return kept, notice


def _range_of(diagnostic: dict[str, Any], field: str) -> Range:
    try:
        return Range.model_validate(diagnostic.get("range"))
    except ValidationError:
        raise InvalidParams("A diagnostic has no range.", fields=[field]) from None


def _join_notices(*notices: str | None) -> str | None:
    return " ".join(notice for notice in notices if notice) or None
