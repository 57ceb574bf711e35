"""Exports a whole session page by page, so that it never has to fit into memory."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import IO

from sessionls.domain.errors import InvalidParams
from sessionls.domain.model import AgentAuthor, ImageContext, Message
from sessionls.ports.store import Store
from sessionls.sessions.export.markdown import Document, Format, Outline
from sessionls.sessions.export.masking import Masking

__all__ = ["EXPORT_BYTES", "export_pieces", "export_text", "export_to_file"]

EXPORT_BYTES = 32 << 20
"""The largest export, in bytes, that is returned instead of written to a file."""

_PAGE = 500  # messages read at a time, at most


async def export_pieces(
    store: Store,
    session_id: str,
    format: Format,  # noqa: A002
    masking: Masking | None,
) -> AsyncIterator[str]:
    """The export in pieces. `masking` masks keys and tokens and records them; with None they are not masked."""
    session = (await store.session(session_id)).model_copy(update={"present": None})  # presence is not part of an export
    # A session is read from its end and written from its beginning: find the beginnings of its pages first, and with
    # them the facts for the top of the export.
    starts: list[str | None] = [None]
    agents: dict[str, None] = {}  # in the order of their first replies
    count = 0
    page: list[Message] = []
    newest: list[Message] | None = None
    while True:
        page, more = await store.history(session_id, before=starts[-1], limit=_PAGE)
        newest = page if newest is None else newest
        count += len(page)
        agents = dict.fromkeys(message.author.agent for message in page if isinstance(message.author, AgentAuthor)) | agents
        if not more or not page:
            break
        starts.append(page[0].id)
    if masking is not None:
        session = await asyncio.to_thread(masking.session, session)
    document = Document(session, format, Outline(count, list(agents), unmasked=masking is None))
    yield await asyncio.to_thread(document.begin)
    for start in reversed(starts):
        # The newest page as it was before: new messages may have been sent since.
        page = newest if start is None else (await store.history(session_id, before=start, limit=_PAGE))[0]
        if masking is not None:
            page = await asyncio.to_thread(masking.messages, page)
        for messages in _groups(page):
            images = await _images(store, session_id, messages)
            yield await asyncio.to_thread(document.messages, messages, images)
    document.outline = replace(document.outline, masked=0 if masking is None else len(masking.secrets))
    yield document.end()


def _groups(page: Sequence[Message]) -> Iterator[Sequence[Message]]:
    """The page in pieces. A message with images is a separate piece, because images can be large."""
    start = 0
    for index, message in enumerate(page):
        if any(isinstance(context, ImageContext) for context in message.context or ()):
            if index > start:
                yield page[start:index]
            yield page[index : index + 1]
            start = index + 1
    if start < len(page) or not page:
        yield page[start:]


async def _images(store: Store, session_id: str, messages: Sequence[Message]) -> dict[str, bytes]:
    images: dict[str, bytes] = {}
    for message in messages:
        for context in message.context or ():
            if isinstance(context, ImageContext) and context.sha256 is not None and context.sha256 not in images:
                data = await store.image(session_id, context.sha256)
                if data is not None:
                    images[context.sha256] = data
    return images


async def export_text(
    store: Store,
    session_id: str,
    format: Format,  # noqa: A002
    masking: Masking | None,
    *,
    limit: int = EXPORT_BYTES,
) -> str:
    """The export as one text. Raises `InvalidParams` if it is longer than `limit` bytes."""
    pieces: list[str] = []
    size = 0
    async for piece in export_pieces(store, session_id, format, masking):
        pieces.append(piece)
        size += len(piece.encode())
        if size > limit:
            raise InvalidParams(
                f"The export is longer than {limit >> 20} MiB, too long for a response.",
                fields=["uri"],
                hint="Pass the `uri` of a file to write it to, or use `sessionls export --output FILE` in a terminal.",
            )
    return "".join(pieces)


async def export_to_file(
    store: Store,
    session_id: str,
    format: Format,  # noqa: A002
    path: Path,
    masking: Masking | None,
) -> None:
    """Write the export to that file. Raises `OSError` on failure."""
    file: IO[str] | None = None
    try:
        async for piece in export_pieces(store, session_id, format, masking):
            if file is None:  # only when there is something to write
                file = await asyncio.to_thread(path.open, "w", encoding="utf-8", newline="\n")
            await asyncio.to_thread(file.write, piece)
    finally:
        if file is not None:
            await asyncio.to_thread(file.close)
