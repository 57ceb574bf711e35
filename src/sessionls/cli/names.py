"""Parses the names of sessions, messages and file ranges on the command line."""

from __future__ import annotations

import os
import re
from collections.abc import Iterable, Sequence
from pathlib import Path

from sessionls.cli.terminal import UsageError
from sessionls.domain import uris
from sessionls.domain.errors import MessageNotFound, SessionNotFound
from sessionls.domain.model import (
    Context,
    FileContext,
    ImageContext,
    Message,
    Position,
    Range,
    SelectionContext,
    Session,
    SessionContext,
)
from sessionls.sessions.service import Sessions
from sessionls.sessions.workspace.files import begins_as_image

__all__ = ["context_of", "find_message", "find_session", "matches_id", "newest_session", "only_id", "short", "with_full_ids"]

_FILE_LINES = re.compile(r"(?P<file>.+):(?P<first>\d+)(-(?P<last>\d+))?")
_SESSION = re.compile(r"session:(?P<id>[0-9a-fA-F-]{4,36})(/(?P<message>[0-9a-fA-F-]{4,36}))?")
_FULL_ID = re.compile(r"[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}")
# LSP's largest character, for the end of a line.
_LINE_END = 2**31 - 1


def short(identity: str) -> str:
    """The last 8 characters of an id. (A UUIDv7 starts with the time, so ids that were created at the same time start alike.)"""
    return identity[-8:]


async def find_session(sessions: Sessions, name: str) -> Session:
    """The session with that id, or the only one whose id starts or ends with it. Raises `SessionNotFound`, `UsageError`."""
    name = name.lower()
    if _FULL_ID.fullmatch(name):
        return await sessions.get(name)
    found: dict[str, Session] = {}
    for state in (None, "archived"):
        cursor = None
        while True:
            page = await sessions.list(workspace_folder="*", state=state, limit=500, cursor=cursor)
            found.update((session.id, session) for session in page.sessions if matches_id(name, session.id))
            cursor = page.next_cursor
            if cursor is None:
                break
    if not found:
        raise SessionNotFound(name)
    return found[_single_match(name, found)]


async def newest_session(sessions: Sessions, folder: str) -> Session:
    """The most recently changed session of this folder."""
    found: list[Session] = []
    cursor = None
    while not found or (_may_be_listed_first(found[-1]) and cursor is not None):
        page = await sessions.list(workspace_folder=folder, limit=50, cursor=cursor)
        if not page.sessions:
            break
        found += page.sessions
        cursor = page.next_cursor
    if not found:
        raise UsageError("This folder has no session to continue.", "Leave out --continue to start one.")
    return max(found, key=lambda session: (session.updated_at, session.id))


def _may_be_listed_first(session: Session) -> bool:
    """Whether the session may be listed before newer ones, because it waits for a person."""
    return bool(session.asking or session.needs) or session.stopped in ("interrupted", "failed")


async def find_message(sessions: Sessions, session_id: str, name: str) -> Message:
    """The only message of the session whose id starts or ends with `name`. Raises `MessageNotFound`, `UsageError`."""
    name = name.lower()
    found: dict[str, Message] = {}
    before = None
    while True:
        page = await sessions.history(session_id, before=before, limit=500)
        found.update((message.id, message) for message in page.messages if matches_id(name, message.id))
        if not page.more or not page.messages:
            break
        before = page.messages[0].id
    if not found:
        raise MessageNotFound(name)
    return found[_single_match(name, found)]


def only_id(name: str, identities: Iterable[str]) -> str | None:
    """The only id that starts or ends with `name`; None if there is none. Raises `UsageError` for several."""
    matching = [identity for identity in identities if matches_id(name.lower(), identity)]
    return _single_match(name, matching) if matching else None


def matches_id(name: str, identity: str) -> bool:
    """Whether the id starts or ends with `name` (in lower case), which needs at least 4 characters."""
    return len(name) >= 4 and (identity.endswith(name) or identity.startswith(name))


def _single_match(name: str, identities: Iterable[str]) -> str:
    matching = sorted(identities)
    if len(matching) > 1:
        raise UsageError(f"{name!r} matches {len(matching)} ids.", f"Use a longer part of the id: {', '.join(matching[:5])}")
    return matching[0]


def context_of(arguments: Sequence[str], folder: Path) -> list[Context]:
    """`FILE` is a file or image; `FILE:LINE` and `FILE:LINE-LINE` are selections in it (1-based, including the last line).

    `session:ID` is another session, and `session:ID/MESSAGE` a message of it (see `with_full_ids`).
    """
    return [_parse_context(argument, folder) for argument in arguments]


async def with_full_ids(context: Sequence[Context], sessions: Sessions) -> list[Context]:
    """Replace the shortened ids of session contexts with the full ids."""
    full: list[Context] = []
    for item in context:
        if isinstance(item, SessionContext):
            session_id = (await find_session(sessions, item.session_id)).id
            message_id = item.message_id and (await find_message(sessions, session_id, item.message_id)).id
            full.append(item.model_copy(update={"session_id": session_id, "message_id": message_id}))
        else:
            full.append(item)
    return full


def _parse_context(argument: str, folder: Path) -> Context:
    path = _absolute(argument, folder)
    if path.is_file():
        uri = uris.from_path(path)
        return ImageContext(uri=uri) if begins_as_image(path) else FileContext(uri=uri)
    if (session := _SESSION.fullmatch(argument)) is not None:
        return SessionContext(session_id=session["id"], message_id=session["message"])
    match = _FILE_LINES.fullmatch(argument)
    path = _absolute(match["file"], folder) if match else path
    if match is None or not path.is_file():
        kind = "is a folder" if path.is_dir() else "does not exist"
        raise UsageError(f"The file {match['file'] if match else argument} {kind}.", "Use FILE, FILE:LINE or FILE:LINE-LINE.")
    first_line, last_line = int(match["first"]), int(match["last"] or match["first"])
    if not 1 <= first_line <= last_line:
        raise UsageError(f"{argument} has an invalid line range.", "Lines start at 1, and the first must not be after the last.")
    start, end = Position(line=first_line - 1, character=0), Position(line=last_line - 1, character=_LINE_END)
    return SelectionContext(uri=uris.from_path(path), range=Range(start=start, end=end))


def _absolute(file: str, folder: Path) -> Path:
    # Not resolved, so that a symbolic link keeps its name.
    return Path(os.path.normpath(folder / Path(file).expanduser()))
