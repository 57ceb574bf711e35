"""Images for tests."""

from __future__ import annotations

import base64
import hashlib
import struct
import zlib

__all__ = ["GIF", "JPEG", "WEBP", "digest_of", "encoded", "png"]

GIF = base64.b64decode("R0lGODlhAwACAIAAAP8AAP///ywAAAAAAwACAAACAoRRADs=")
"""3 by 2 pixels."""
JPEG = base64.b64decode(
    "/9j/4AAQSkZJRgABAQEASABIAAD/2wBDAP//////////////////////////////////////////////////////////////////////////////////"
    "////wAALCAABAAEBAREA/8QAFAABAAAAAAAAAAAAAAAAAAAAA//EABQQAQAAAAAAAAAAAAAAAAAAAAD/2gAIAQEAAD8AfwD/2Q=="
)
"""1 by 1 pixel."""
WEBP = base64.b64decode("UklGRhoAAABXRUJQVlA4TA0AAAAvAAAAEAcQERGIiP4HAA==")
"""1 by 1 pixel."""


def png(width: int = 4, height: int = 3, *, shade: int = 128, extra: int = 0) -> bytes:
    """A complete PNG of one shade of grey. `extra` bytes make it larger without changing the picture."""

    def chunk(kind: bytes, data: bytes) -> bytes:
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))

    header = struct.pack(">IIBBBBB", width, height, 8, 0, 0, 0, 0)
    rows = zlib.compress((b"\0" + bytes([shade]) * width) * height)
    more = chunk(b"teXt", b"\0" * extra) if extra else b""
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + more + chunk(b"IDAT", rows) + chunk(b"IEND", b"")


def encoded(data: bytes) -> str:
    return base64.b64encode(data).decode()


def digest_of(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()
