r"""What text a person may be shown: nothing in it moves a cursor, turns the direction of what follows, or hides.

The one place that knows which characters those are. A character that is not shown as it is becomes its escape (`\u202e`), so
that nobody decides about something other than what they see.
"""

from __future__ import annotations

import json
import re
from typing import Any

__all__ = ["as_json", "in_one_line", "meant", "shown", "without_escapes"]

# Escape sequences (ECMA-48): colours, the cursor, titles and links.
_SEQUENCE = re.compile(r"\x1b(?:\[[0-?]*+[ -/]*+[@-~]|[\]PX^_][^\x07\x1b]*+(?:\x07|\x1b\\)?|[@-Z\\-_])")
_CONTROLS = r"\x00-\x08\x0b-\x1f\x7f-\x9f\u2028\u2029"
_TURNING = r"\u202a-\u202e\u2066-\u2069"
# Marks of direction, joiners, blanks of no width, fillers, tags.
_HIDDEN = (
    r"\u00ad\u034f\u061c\u115f\u1160\u17b4\u17b5\u180b-\u180f\u200b-\u200f\u2060-\u2065\u206a-\u206f\u3164\ufeff\uffa0"
    r"\ufff9-\ufffb\U0001bca0-\U0001bca3\U0001d173-\U0001d17a\U000e0000-\U000e0fff"
)
_TAGS = r"\U000e0000-\U000e0fff"
_ALL = re.compile(f"[{_CONTROLS}{_TURNING}{_HIDDEN}]")
# In prose the joiners of emoji and of many scripts, and marks that a text of two directions needs, do what they are for.
_OF_PROSE = re.compile(f"[{_CONTROLS}{_TURNING}{_TAGS}]")
_SURROGATE = re.compile(r"[\ud800-\udfff]")
_ESCAPED = re.compile(r"\\(?:x([0-9a-f]{2})|u([0-9a-f]{4})|U([0-9a-f]{8}))")


def shown(text: str, *, prose: bool = False) -> str:
    """The text for a person to look at, with its line ends (as LF) and tabs.

    `prose` is for what is read and not decided about (a reply, a body): there joiners and marks of direction stay.
    """
    text = _SURROGATE.sub("\N{REPLACEMENT CHARACTER}", text.replace("\r\n", "\n"))
    return (_OF_PROSE if prose else _ALL).sub(lambda found: _escape(found[0]), text)


def in_one_line(text: str) -> str:
    """The text in one line: of names, paths, titles and questions."""
    return re.sub(r"[\t\n]", lambda found: _escape(found[0]), shown(text))


def meant(text: str) -> str:
    """The text whose `shown` form that may be: what a path that was shown is to name."""
    return _ESCAPED.sub(_letter, text)


def without_escapes(text: str) -> str:
    """Without a terminal's escape sequences, which say nothing to a reader. Other controls stay."""
    return _SEQUENCE.sub("", text)


def as_json(data: Any, *, indent: int | None = 2) -> str:
    """JSON in which every character that is not shown as it is stands as its escape: the value stays what it is.

    Half a surrogate pair, which no encoding can write, becomes U+FFFD.
    """
    text = _SURROGATE.sub("\N{REPLACEMENT CHARACTER}", json.dumps(data, ensure_ascii=False, indent=indent))
    return _ALL.sub(lambda found: json.dumps(found[0])[1:-1], text)


def _escape(letter: str) -> str:
    code = ord(letter)
    return f"\\x{code:02x}" if code < 0x100 else f"\\u{code:04x}" if code < 0x10000 else f"\\U{code:08x}"


def _letter(found: re.Match[str]) -> str:
    code = int(found[1] or found[2] or found[3], 16)
    return chr(code) if code < 0x110000 else found[0]
