"""How sessions, messages and places in files are named on the command line."""

from __future__ import annotations

import os
import re
from collections.abc import Iterable, Sequence
from pathlib import Path

from sessionls.cli.terminal import UsageError
from sessionls.domain import uris
from sessionls.domain.errors import MessageNotFound, SessionNotFound
from sessionls.domain.model import Context, FileContext, Message, Position, Range, SelectionContext, Session, SessionContext
from sessionls.sessions.service import Sessions

__all__ = ["context_of", "find_message", "find_session", "newest_session", "short", "with_full_ids"]

_LINES = re.compile(r"(?P<file>.+):(?P<first>\d+)(-(?P<last>\d+))?")
_SESSION = re.compile(r"session:(?P<id>[0-9a-fA-F-]{4,36})(/(?P<message>[0-9a-fA-F-]{4,36}))?")
_FULL = re.compile(r"[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}")
# LSP's largest character (a line's end, wherever it is).
_LINE_END = 2**31 - 1


def short(identity: str) -> str:
    """The last 8 characters of an id. (A UUIDv7 begins with the time: what was made together begins alike.)"""
    return identity[-8:]


async def find_session(sessions: Sessions, name: str) -> Session:
    """The session of that id, or of the one id that ends or begins so. Raises `SessionNotFound`, or `UsageError` for several."""
    name = name.lower()
    if _FULL.fullmatch(name):
        return await sessions.get(name)
    found: dict[str, Session] = {}
    for state in (None, "archived"):
        cursor = None
        while True:
            page = await sessions.list(workspace_folder="*", state=state, limit=500, cursor=cursor)
            found.update((session.id, session) for session in page.sessions if _names(name, session.id))
            cursor = page.next_cursor
            if cursor is None:
                break
    if not found:
        raise SessionNotFound(name)
    return found[_only(name, found)]


async def newest_session(sessions: Sessions, folder: str) -> Session:
    """The session of this folder that was changed last."""
    found: list[Session] = []
    cursor = None
    while not found or (found[-1].asking and cursor is not None):  # those that wait for permission are listed first
        page = await sessions.list(workspace_folder=folder, limit=50, cursor=cursor)
        if not page.sessions:
            break
        found += page.sessions
        cursor = page.next_cursor
    if not found:
        raise UsageError("This folder has no session to go on with.", "Leave out --continue to begin one.")
    return max(found, key=lambda session: (session.updated_at, session.id))


async def find_message(sessions: Sessions, session_id: str, name: str) -> Message:
    """The message of that session whose id ends or begins so. Raises `MessageNotFound`, or `UsageError` for several."""
    name = name.lower()
    found: dict[str, Message] = {}
    before = None
    while True:
        page = await sessions.history(session_id, before=before, limit=500)
        found.update((message.id, message) for message in page.messages if _names(name, message.id))
        if not page.more or not page.messages:
            break
        before = page.messages[0].id
    if not found:
        raise MessageNotFound(name)
    return found[_only(name, found)]


def _names(name: str, identity: str) -> bool:
    return len(name) >= 4 and (identity.endswith(name) or identity.startswith(name))


def _only(name: str, identities: Iterable[str]) -> str:
    matching = sorted(identities)
    if len(matching) > 1:
        raise UsageError(f"{name!r} names {len(matching)} of them.", f"Say more of the id: {', '.join(matching[:5])}")
    return matching[0]


def context_of(places: Sequence[str], folder: Path) -> list[Context]:
    """`FILE` is that file, `FILE:LINE` and `FILE:LINE-LINE` a selection in it (lines from 1, the last one included).

    `session:ID` is another session, `session:ID/MESSAGE` a message of it: see `with_full_ids`.
    """
    return [_place(place, folder) for place in places]


async def with_full_ids(context: Sequence[Context], sessions: Sessions) -> list[Context]:
    """The contexts, those of sessions with the whole ids that they are named by the end or the beginning of."""
    found: list[Context] = []
    for one in context:
        if isinstance(one, SessionContext):
            session_id = (await find_session(sessions, one.session_id)).id
            message_id = one.message_id and (await find_message(sessions, session_id, one.message_id)).id
            found.append(one.model_copy(update={"session_id": session_id, "message_id": message_id}))
        else:
            found.append(one)
    return found


def _place(place: str, folder: Path) -> Context:
    path = _absolute(place, folder)
    if path.is_file():
        return FileContext(uri=uris.from_path(path))
    if (named := _SESSION.fullmatch(place)) is not None:
        return SessionContext(session_id=named["id"], message_id=named["message"])
    match = _LINES.fullmatch(place)
    path = _absolute(match["file"], folder) if match else path
    if match is None or not path.is_file():
        kind = "is a folder" if path.is_dir() else "does not exist"
        raise UsageError(
            f"The file {match['file'] if match else place} {kind}.", "Name a file: FILE, FILE:LINE or FILE:LINE-LINE."
        )
    first, last = int(match["first"]), int(match["last"] or match["first"])
    if not 1 <= first <= last:
        raise UsageError(f"{place} has an invalid line range.", "Lines count from 1, and the first stands before the last.")
    start, end = Position(line=first - 1, character=0), Position(line=last - 1, character=_LINE_END)
    return SelectionContext(uri=uris.from_path(path), range=Range(start=start, end=end))


def _absolute(place: str, folder: Path) -> Path:
    # Not resolved: a symbolic link keeps the name that people know it by.
    return Path(os.path.normpath(folder / Path(place).expanduser()))
