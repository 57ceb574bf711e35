"""Packs the texts before and after an edit for the log, so that the edit can be reverted exactly.

The patch of an edit is not enough: it is for people, has one kind of line end, and is omitted if it is long.
"""

from __future__ import annotations

import base64
import json
import zlib
from dataclasses import dataclass

from sessionls.sessions.workspace.diffing import changes, split_lines

__all__ = ["EditTexts", "pack", "unpack"]

_MOST = 4 << 20  # characters of an edit that are logged
_UNPACKED = 64 << 20  # largest unpacked size in bytes, because the data is not trusted


@dataclass(frozen=True, slots=True)
class EditTexts:
    """The text of a document before and after an edit, None without a file. `bom`: it began with a byte order mark,
    which neither text includes.
    """

    before: str | None
    after: str | None
    bom: bool = False


def pack(texts: EditTexts) -> str | None:
    """The texts in packed form, None if they are too long. Slow for long texts: do not call it in the event loop."""
    after: object = texts.after
    if texts.before is not None and texts.after is not None:
        old, new = split_lines(texts.before), split_lines(texts.after)
        after = [[a, b, "".join(new[c:d])] for a, b, c, d in changes(old, new)]
    text = json.dumps({"before": texts.before, "after": after, "bom": texts.bom}, ensure_ascii=False, separators=(",", ":"))
    packed = base64.b64encode(zlib.compress(text.encode("utf-8", "surrogatepass"))).decode()
    return packed if len(packed) <= _MOST else None


def unpack(packed: str) -> EditTexts | None:
    """The texts from the result of `pack`, None if it is invalid."""
    try:
        unpacked = zlib.decompressobj().decompress(base64.b64decode(packed), _UNPACKED)
        data = json.loads(unpacked.decode("utf-8", "surrogatepass"))
        before, after = data["before"], data["after"]
        if isinstance(after, list):
            lines = split_lines(before)
            for a, b, text in reversed(after):
                lines[a:b] = [text]
            after = "".join(lines)
        return EditTexts(before, after, bool(data["bom"]))
    except (ValueError, TypeError, KeyError, zlib.error):
        return None
