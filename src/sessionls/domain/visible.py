r"""Makes text safe to show to people: without characters that move the cursor, change the text direction or are invisible.

Only this module knows which characters those are. Each is replaced with its escape (`\u202e`), so that people see exactly what
they decide about.
"""

from __future__ import annotations

import json
import re
from typing import Any

__all__ = ["as_json", "in_one_line", "meant", "shown", "without_escapes"]

# Escape sequences (ECMA-48): colors, cursor, titles and links.
_SEQUENCE = re.compile(r"\x1b(?:\[[0-?]*+[ -/]*+[@-~]|[\]PX^_][^\x07\x1b]*+(?:\x07|\x1b\\)?|[@-Z\\-_])")
_CONTROLS = r"\x00-\x08\x0b-\x1f\x7f-\x9f\u2028\u2029"
_DIRECTION_CHANGES = r"\u202a-\u202e\u2066-\u2069"
# Direction marks, joiners, zero-width spaces, fillers, tags.
_INVISIBLE = (
    r"\u00ad\u034f\u061c\u115f\u1160\u17b4\u17b5\u180b-\u180f\u200b-\u200f\u2060-\u2065\u206a-\u206f\u3164\ufeff\uffa0"
    r"\ufff9-\ufffb\U0001bca0-\U0001bca3\U0001d173-\U0001d17a\U000e0000-\U000e0fff"
)
_TAGS = r"\U000e0000-\U000e0fff"
_UNSAFE = re.compile(f"[{_CONTROLS}{_DIRECTION_CHANGES}{_INVISIBLE}]")
# These are allowed in prose: joiners, which emoji and many scripts need, and marks for text in two directions.
_UNSAFE_IN_PROSE = re.compile(f"[{_CONTROLS}{_DIRECTION_CHANGES}{_TAGS}]")
_SURROGATE = re.compile(r"[\ud800-\udfff]")
_ESCAPED = re.compile(r"\\(?:x([0-9a-f]{2})|u([0-9a-f]{4})|U([0-9a-f]{8}))")


def shown(text: str, *, prose: bool = False) -> str:
    """The text as it is shown, with line ends (as LF) and tabs.

    `prose` is for text that nobody has to decide about (a reply): joiners and direction marks are kept.
    """
    text = _SURROGATE.sub("\N{REPLACEMENT CHARACTER}", text.replace("\r\n", "\n"))
    return (_UNSAFE_IN_PROSE if prose else _UNSAFE).sub(lambda match: _escape(match[0]), text)


def in_one_line(text: str) -> str:
    """The text in one line, for names, paths, titles and questions."""
    return re.sub(r"[\t\n]", lambda match: _escape(match[0]), shown(text))


def meant(text: str) -> str:
    """The reverse of `shown`: the text that was shown in this form, for paths."""
    return _ESCAPED.sub(_unescape_match, text)


def without_escapes(text: str) -> str:
    """The text without escape sequences for terminals. Other control characters are kept."""
    return _SEQUENCE.sub("", text)


def as_json(data: Any, *, indent: int | None = 2) -> str:
    """JSON with escapes for all characters that are not safe to show. The values stay the same.

    Lone surrogates, which cannot be encoded, become U+FFFD.
    """
    text = _SURROGATE.sub("\N{REPLACEMENT CHARACTER}", json.dumps(data, ensure_ascii=False, indent=indent))
    return _UNSAFE.sub(lambda match: json.dumps(match[0])[1:-1], text)


def _escape(letter: str) -> str:
    code = ord(letter)
    return f"\\x{code:02x}" if code < 0x100 else f"\\u{code:04x}" if code < 0x10000 else f"\\U{code:08x}"


def _unescape_match(match: re.Match[str]) -> str:
    code = int(match[1] or match[2] or match[3], 16)
    return chr(code) if code < 0x110000 else match[0]
