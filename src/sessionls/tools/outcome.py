"""Waits for the result of an edit, because most editors send the new text shortly after they confirm the edit."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence

from sessionls.domain.errors import SessionlsError
from sessionls.sessions.workspace.workspace import Workspace

__all__ = ["LARGEST_EDITED", "SETTLING_SECONDS", "is_ended", "resulting_text"]

LARGEST_EDITED = 8 << 20  # bytes of a file that can be edited
SETTLING_SECONDS = (0.0, 0.05, 0.1, 0.2, 0.4, 0.8)  # before each check


async def resulting_text(
    workspace: Workspace, uri: str, expected: str, settling_seconds: Sequence[float] = SETTLING_SECONDS
) -> str | None:
    """The document's text after an edit: the expected one as soon as it arrives, else the last one, if any.

    Some editors end the last line of every document, so the text may have one line end more than expected (`is_ended`).
    The text is read after each of `settling_seconds`; `(0.0,)` gives the current one.
    """
    last = None
    for delay in settling_seconds:
        await asyncio.sleep(delay)
        try:
            last = (await workspace.read(uri, limit=LARGEST_EDITED)).text
        except SessionlsError:  # it does not exist yet
            continue
        if last == expected or is_ended(last, expected):
            break
    return last


def is_ended(text: str, expected: str) -> bool:
    """Whether a text is the expected one with a line end after its last line, which had none."""
    return not expected.endswith("\n") and text in (f"{expected}\n", f"{expected}\r\n")
