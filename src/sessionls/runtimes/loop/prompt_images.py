"""Adds the bytes of images to a prompt that names them, just before it is sent."""

from __future__ import annotations

import asyncio
import base64
from collections import OrderedDict
from collections.abc import Sequence
from typing import Any

from sessionls.domain.images import IMAGES_LIMIT
from sessionls.ports.models import ImageSupport
from sessionls.ports.store import Store
from sessionls.sessions.prompt.images import IMAGE, Part, joined_content

__all__ = ["PromptImages"]

_MOST = 20  # images of one request; some models accept large ones only if there are no more than this
_KEPT = 32 << 20  # characters of images in base64, of all sessions together


class PromptImages:
    """Adds the bytes of images to prompts. Those that were sent last are kept, for the next step."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self._kept: OrderedDict[tuple[str, str], str] = OrderedDict()

    async def add(
        self, session_id: str, messages: Sequence[dict[str, Any]], model: str, support: ImageSupport
    ) -> tuple[Sequence[dict[str, Any]], str | None]:
        """The messages with the bytes of their images, and a notice of what was left out.

        Images that the model does not accept are left out, and the oldest ones if there are too many. A text for the model
        replaces each of them.
        """
        bytes_left, images_left = IMAGES_LIMIT, _MOST
        over_limit = refused = 0
        sent: list[dict[str, Any]] = []
        for message in reversed(messages):
            content = message.get("content")
            if not isinstance(content, list):
                sent.append(message)
                continue
            pieces: list[str | Part] = []
            for part in reversed(content):
                if part["type"] != IMAGE:
                    pieces.append(part)
                    continue
                problem = support.problem(part["size"], part["width"], part["height"])
                refused += problem is not None
                if problem is None and (images_left < 1 or part["size"] > bytes_left):
                    bytes_left = images_left = 0  # all older ones are left out, too: the same ones from step to step
                    problem, over_limit = "it is left out to save room", over_limit + 1
                url = None if problem is not None else await self._url(session_id, part)
                if url is None:
                    reason = problem or "it is not kept any more"
                    pieces.append(f"(The image {part['name']} is not shown to you: {reason}.)")
                    continue
                bytes_left -= part["size"]
                images_left -= 1
                pieces.append({"type": "image_url", "image_url": {"url": url}})
            sent.append({**message, "content": joined_content(reversed(pieces))})
        sent.reverse()
        return sent, _notice(model, over_limit, refused)

    async def _url(self, session_id: str, part: Part) -> str | None:
        key = session_id, str(part["sha256"])
        url = self._kept.get(key)
        if url is None:
            data = await self._store.image(*key)
            if data is None:
                return None
            encoded = await asyncio.to_thread(base64.b64encode, data)
            url = f"data:{part['mime_type']};base64,{encoded.decode('ascii')}"
            self._kept[key] = url
        self._kept.move_to_end(key)
        while len(self._kept) > 1 and sum(map(len, self._kept.values())) > _KEPT:
            self._kept.popitem(last=False)
        return url


def _notice(model: str, over_limit: int, refused: int) -> str | None:
    sentences = []
    if refused:
        sentences.append(
            f"{_images(refused)} of this session {_were(refused)} not sent to {model}, which does not take {_it(refused)}."
        )
    if over_limit:
        sentences.append(f"{_images(over_limit)} of earlier messages {_were(over_limit)} left out to save room.")
    return " ".join(sentences) or None


def _images(count: int) -> str:
    return "1 image" if count == 1 else f"{count} images"


def _were(count: int) -> str:
    return "was" if count == 1 else "were"


def _it(count: int) -> str:
    return "it" if count == 1 else "them"
