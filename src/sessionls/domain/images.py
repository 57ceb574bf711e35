"""Images in messages: their formats, the facts in their bytes, and size limits."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Final, Literal, get_args

__all__ = [
    "IMAGES_LIMIT",
    "IMAGE_LIMIT",
    "ImageFacts",
    "MimeType",
    "estimate_image_tokens",
    "format_size",
    "looks_like_image",
    "read_facts",
]

MimeType = Literal["image/png", "image/jpeg", "image/webp", "image/gif"]

IMAGE_LIMIT: Final = 5 << 20
"""Bytes of one image."""
IMAGES_LIMIT: Final = 20 << 20
"""Bytes of all images of one message."""

_LEAST_TOKENS, _MOST_TOKENS = 100, 1_600
_PIXELS_FOR_A_TOKEN = 750  # Anthropic's rule; other providers need about as many tokens, or fewer
# Markers of a JPEG that begin a frame, with its height and width. (C4, C8 and CC are something else.)
_FRAME_MARKERS = frozenset({*range(0xC0, 0xD0)} - {0xC4, 0xC8, 0xCC})


@dataclass(frozen=True, slots=True)
class ImageFacts:
    """The facts in the bytes of an image. Width and height are in pixels."""

    mime_type: MimeType
    width: int
    height: int


def read_facts(data: bytes) -> ImageFacts | None:
    """The facts of a PNG, JPEG, WebP or GIF; None for anything else, and if its size in pixels cannot be read."""
    for mime_type in get_args(MimeType):
        if _SIGNATURES[mime_type](data):
            try:
                width, height = _SIZES[mime_type](data)
            except IndexError:
                return None
            return ImageFacts(mime_type, width, height) if width and height else None
    return None


def looks_like_image(head: bytes) -> bool:
    """Whether the bytes begin like one of these formats; 12 bytes are enough."""
    return any(has_signature(head) for has_signature in _SIGNATURES.values())


def estimate_image_tokens(width: int, height: int) -> int:
    """An estimate of the tokens for an image. Models scale larger ones down."""
    return min(max(width * height // _PIXELS_FOR_A_TOKEN, _LEAST_TOKENS), _MOST_TOKENS)


def format_size(size: int) -> str:
    """A size in bytes, formatted for people."""
    if size < 1_000:
        return f"{size} bytes"
    return f"{size / 1_000:.0f} KB" if size < 1_000_000 else f"{size / 1_000_000:.1f} MB"


def _read_int(data: bytes, start: int, count: int, order: Literal["big", "little"]) -> int:
    piece = data[start : start + count]
    if len(piece) < count:
        raise IndexError
    return int.from_bytes(piece, order)


def _png(data: bytes) -> tuple[int, int]:
    if data[12:16] != b"IHDR":
        raise IndexError
    return _read_int(data, 16, 4, "big"), _read_int(data, 20, 4, "big")


def _gif(data: bytes) -> tuple[int, int]:
    return _read_int(data, 6, 2, "little"), _read_int(data, 8, 2, "little")


def _jpeg(data: bytes) -> tuple[int, int]:
    at = 2
    while True:
        while data[at] != 0xFF:
            at += 1
        while data[at] == 0xFF:  # any number of fill bytes may precede a marker
            at += 1
        marker = data[at]
        if marker in _FRAME_MARKERS:
            return _read_int(data, at + 6, 2, "big"), _read_int(data, at + 4, 2, "big")
        if marker in (0xDA, 0xD9):  # the image itself, or its end: no frame came before it
            raise IndexError
        has_no_length = marker == 0x01 or 0xD0 <= marker <= 0xD8
        at += 1 if has_no_length else 1 + max(_read_int(data, at + 1, 2, "big"), 2)


def _webp(data: bytes) -> tuple[int, int]:
    kind = data[12:16]
    if kind == b"VP8X":
        return _read_int(data, 24, 3, "little") + 1, _read_int(data, 27, 3, "little") + 1
    if kind == b"VP8L" and data[20] == 0x2F:
        bits = _read_int(data, 21, 4, "little")
        return (bits & 0x3FFF) + 1, (bits >> 14 & 0x3FFF) + 1
    if kind == b"VP8 " and data[23:26] == b"\x9d\x01\x2a":
        return _read_int(data, 26, 2, "little") & 0x3FFF, _read_int(data, 28, 2, "little") & 0x3FFF
    raise IndexError


_SIGNATURES: Mapping[MimeType, Callable[[bytes], bool]] = {
    "image/png": lambda data: data.startswith(b"\x89PNG\r\n\x1a\n"),
    "image/jpeg": lambda data: data.startswith(b"\xff\xd8\xff"),
    "image/webp": lambda data: data.startswith(b"RIFF") and data[8:12] == b"WEBP",
    "image/gif": lambda data: data.startswith((b"GIF87a", b"GIF89a")),
}
_SIZES: Mapping[MimeType, Callable[[bytes], tuple[int, int]]] = {
    "image/png": _png,
    "image/jpeg": _jpeg,
    "image/webp": _webp,
    "image/gif": _gif,
}
