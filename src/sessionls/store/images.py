"""Stores the bytes of images. Messages refer to them by sha256; each session has the images of its own messages."""

from __future__ import annotations

from sqlalchemy import Connection, bindparam, insert

from sessionls.domain.change import Change
from sessionls.domain.events import Created, MessageSent
from sessionls.domain.model import ImageContext
from sessionls.store.lineage import find_image
from sessionls.store.schema import images as table

__all__ = ["write_images"]

_INSERT = insert(table).values(
    session_id=bindparam("session"), sha256=bindparam("hash"), seq=bindparam("number"), data=bindparam("bytes")
)


def write_images(connection: Connection, change: Change) -> None:
    """Store the images of sent messages, unless the session already has them.

    If a fork copied a message that was not final, its images come from the parent.
    """
    created = change.events[0]
    parent = created.session.parent if isinstance(created, Created) else None
    for event in change.events:
        for context in event.message.context or () if isinstance(event, MessageSent) else ():
            if not isinstance(context, ImageContext) or context.sha256 is None:
                continue
            if find_image(connection, change.session_id, context.sha256) is not None:
                continue
            data = change.images.get(context.sha256)
            if data is None and parent is not None:
                data = find_image(connection, parent.session_id, context.sha256)
            if data is not None:
                values = {"session": change.session_id, "hash": context.sha256, "number": event.seq, "bytes": data}
                connection.execute(_INSERT, values)
