"""Images in prompts. A cached prompt only names them, so that it stays small; their bytes are added when it is sent."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from typing import Any, Final

from sessionls.domain.images import estimate_image_tokens
from sessionls.domain.model import ImageContext

__all__ = ["IMAGE", "Part", "image_part", "joined_content", "size_of"]

Part = dict[str, Any]
Content = str | list[Part]

IMAGE: Final = "image"
"""The type of a part that only names its image."""


def image_part(context: ImageContext, name: str) -> Part:
    """The image as a part of a message's content, without its bytes."""
    facts = {"sha256": context.sha256, "mime_type": context.mime_type, "size": context.size}
    return {"type": IMAGE, "name": name, **facts, "width": context.width, "height": context.height}


def joined_content(pieces: Iterable[str | Part | list[Part]]) -> Content:
    """Text and images as the content of one message, or a single text if there are no images. Texts are joined by blank lines."""
    parts: list[Part] = []
    for piece in pieces:
        for part in piece if isinstance(piece, list) else [piece]:
            text = part if isinstance(part, str) else part.get("text") if part["type"] == "text" else None
            if text is None:
                assert not isinstance(part, str)
                parts.append(part)
            elif parts and parts[-1]["type"] == "text":
                parts[-1] = {"type": "text", "text": f"{parts[-1]['text']}\n\n{text}"}
            else:
                parts.append({"type": "text", "text": text})
    if len(parts) == 1 and parts[0]["type"] == "text":
        return str(parts[0]["text"])
    return parts


def size_of(message: Mapping[str, Any]) -> int:
    """How many characters a message has as JSON. An image counts as three characters for each of its tokens."""
    content = message.get("content")
    images = [part for part in content if part["type"] == IMAGE] if isinstance(content, list) else ()
    return len(json.dumps(message, ensure_ascii=False)) + sum(
        3 * estimate_image_tokens(image["width"], image["height"]) for image in images
    )
