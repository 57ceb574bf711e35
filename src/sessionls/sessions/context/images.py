"""Reads the images of a message, checks their bytes, and identifies them by their hash."""

from __future__ import annotations

import asyncio
import base64
import binascii
import hashlib
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field

from sessionls.domain import uris
from sessionls.domain.errors import InvalidParams, NotPermitted
from sessionls.domain.images import IMAGE_LIMIT, IMAGES_LIMIT, read_facts
from sessionls.domain.model import ImageContext
from sessionls.sessions.workspace.workspace import Workspace

__all__ = ["MessageImages"]

_MOST = 20  # images in one message
_FORMATS = "PNG, JPEG, WebP and GIF"


@dataclass
class MessageImages:
    """The images of one message. `stored` returns the bytes of an image that the session already has, by its hash.

    `collected` collects the bytes by their hash.
    """

    workspace: Workspace
    stored: Callable[[str], Awaitable[bytes | None]] | None = None
    collected: dict[str, bytes] = field(default_factory=dict)
    _count: int = field(default=0, init=False)
    _size: int = field(default=0, init=False)

    async def resolve(self, context: ImageContext, at: str) -> ImageContext:
        """The image in its stored form. `at` is its name in errors.

        Raises `InvalidParams` if it is not an image or too large; `NotPermitted` if the file may not be read.
        """
        uri, data = await self._read(context, at)
        facts = await asyncio.to_thread(read_facts, data)
        if facts is None:
            name = context.title or (self.workspace.display(uri) if uri is not None else "That")
            raise InvalidParams(
                f"{uris.printable(name)} is not an image that can be read.", fields=[at], hint=f"Send one of {_FORMATS}."
            )
        digest = await asyncio.to_thread(lambda: hashlib.sha256(data).hexdigest())
        self._count += 1
        self._size += len(data)
        if self._count > _MOST or self._size > IMAGES_LIMIT:
            raise InvalidParams(
                f"A message can have at most {_MOST} images with {IMAGES_LIMIT >> 20} MiB together.",
                fields=[at],
                hint="Send several messages, or smaller images.",
            )
        self.collected[digest] = data
        return ImageContext(
            uri=uri,
            title=context.title,
            mime_type=facts.mime_type,
            sha256=digest,
            size=len(data),
            width=facts.width,
            height=facts.height,
        )

    async def _read(self, context: ImageContext, at: str) -> tuple[str | None, bytes]:
        if context.data is not None:
            if context.uri is not None:
                raise InvalidParams("An image has a uri or data, not both.", fields=[f"{at}.data"], hint="Remove one of them.")
            return None, await self._decode(context.data, f"{at}.data")
        if context.sha256 is not None:
            data = None if self.stored is None else await self.stored(context.sha256)
            if data is None:
                raise InvalidParams(
                    "The session has no image with that hash.",
                    fields=[f"{at}.sha256"],
                    hint="Send its data, or the uri of a file.",
                )
            return context.uri, data
        if context.uri is None:
            raise InvalidParams(
                "An image needs a uri or data in base64.",
                fields=[at],
                hint="Name a file of the workspace, or send its bytes.",
            )
        try:
            uri, data = await self.workspace.read_bytes(context.uri, limit=IMAGE_LIMIT)
        except InvalidParams as error:
            raise InvalidParams(error.message, fields=[f"{at}.uri"], hint=error.hint) from None
        except NotPermitted as error:
            raise NotPermitted(error.message, hint=error.hint, **error.data | {"fields": [f"{at}.uri"]}) from None
        return uri, _check_size(data, f"{at}.uri")

    @staticmethod
    async def _decode(text: str, at: str) -> bytes:
        if len(text) > IMAGE_LIMIT // 3 * 4 + 8:
            return _check_size(None, at)
        try:
            data = await asyncio.to_thread(base64.b64decode, text, validate=True)
        except (binascii.Error, ValueError):
            raise InvalidParams(
                "The data of the image is not base64.", fields=[at], hint="Send the bytes in base64 (RFC 4648, section 4)."
            ) from None
        return _check_size(data if len(data) <= IMAGE_LIMIT else None, at)


def _check_size(data: bytes | None, at: str) -> bytes:
    if data is None:
        raise InvalidParams(
            f"The image is larger than {IMAGE_LIMIT >> 20} MiB.", fields=[at], hint="Send a smaller image, or a part of it."
        )
    return data
