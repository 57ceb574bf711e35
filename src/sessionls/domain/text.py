"""Cutting and repairing text."""

from __future__ import annotations

import codecs

__all__ = ["cut_bytes", "cut_characters", "replace_lone_surrogates"]


def cut_bytes(whole: bytes, limit: int) -> tuple[str, str | None]:
    """The UTF-8 text, cut at the last line end within `limit` bytes, and a notice if it was cut.

    Without a line end it is cut between two characters. Raises `UnicodeDecodeError`.
    """
    if len(whole) <= limit:
        return whole.decode(), None
    head = whole[:limit]
    end = max(head.rfind(b"\n"), head.rfind(b"\r")) + 1
    if end:
        if whole[end - 1 : end + 1] == b"\r\n":
            end += 1
        text = whole[:end].decode()
    else:
        text = codecs.getincrementaldecoder("utf-8")().decode(head)
    return text, f"Only the first {len(text.encode()):,} of {len(whole):,} bytes are shown."


def cut_characters(text: str, limit: int) -> tuple[str, str | None]:
    """The text, cut at the last line end within `limit` characters (else at `limit`), and a notice if it was cut."""
    if len(text) <= limit:
        return text, None
    kept = text[: max(text.rfind("\n", 0, limit) + 1, 0) or limit]
    return kept, f"Only the first {len(kept):,} of {len(text):,} characters are shown."


def replace_lone_surrogates(text: str) -> str:
    """Replace each lone surrogate, which JSON can contain but UTF-8 cannot, with one character."""
    try:
        text.encode()
    except UnicodeEncodeError:
        return text.encode("utf-16", "surrogatepass").decode("utf-16", "replace")
    return text
