"""Where session files are: `sessions/ID/NAME.session.md` in the data folder. The folder's name is the session's id."""

from __future__ import annotations

import os
import re
import shutil
import unicodedata
from pathlib import Path

from sessionls.domain import uris
from sessionls.domain.model import Session
from sessionls.domain.titles import UNTITLED

__all__ = ["SUFFIX", "SessionFiles", "is_session_file"]

SUFFIX = ".session.md"
_ID = re.compile(r"[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}")
_LONGEST = 40  # characters of a file's name before the suffix
_RESERVED = re.compile(r"(?:con|prn|aux|nul|com\d|lpt\d)", re.IGNORECASE)  # Windows


def is_session_file(uri: str) -> bool:
    """Whether a document may be a session file, by its name."""
    return uris.path_of(uri).endswith(SUFFIX)


class SessionFiles:
    """The session files in one data folder. Methods that touch the disk say so; creating this object does, too."""

    def __init__(self, data_dir: Path) -> None:
        self.folder = data_dir / "sessions"
        self._roots = {uris.uri_key(uris.from_path(path)) for path in (self.folder.absolute(), self.folder.resolve())}

    def session_of(self, uri: str) -> str | None:
        """The id of the session whose file that is."""
        if not is_session_file(uri):
            return None
        folder, _, _ = uris.uri_key(uri).rpartition("/")
        root, _, session_id = folder.rpartition("/")
        return session_id if root in self._roots and _ID.fullmatch(session_id) else None

    def path(self, session: Session) -> Path:
        """The session's file: the existing one, whatever its name, or else the path of a new one. Touches the disk."""
        folder = self.folder / session.id
        try:
            found = sorted(path for path in folder.iterdir() if path.name.endswith(SUFFIX))
        except OSError:
            found = []
        return found[0] if found else folder / f"{_name(session.title)}{SUFFIX}"

    def create(self, path: Path, text: str) -> None:
        """Write a new file. Raises `FileExistsError`. Touches the disk."""
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        with os.fdopen(descriptor, "w", encoding="utf-8", newline="") as file:
            file.write(text)

    def replace(self, path: Path, before: str, text: str) -> bool:
        """Write the file if its text is still `before`. Touches the disk."""
        if self.read(path) != before:
            return False
        temporary = path.with_name(f".{path.name}.new")
        descriptor = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
        with os.fdopen(descriptor, "w", encoding="utf-8", newline="") as file:
            file.write(text)
        temporary.replace(path)
        return True

    def read(self, path: Path) -> str | None:
        """The text of the file; None if it does not exist or cannot be read. Touches the disk."""
        try:
            return path.read_bytes().decode("utf-8")
        except (OSError, UnicodeDecodeError):
            return None

    def remove(self, session_id: str) -> None:
        """Remove the file of a session that was deleted. Touches the disk."""
        if _ID.fullmatch(session_id):
            shutil.rmtree(self.folder / session_id, ignore_errors=True)


def _name(title: str) -> str:
    """A file name for a session that every system allows."""
    words = re.findall(r"[^\W_]+", unicodedata.normalize("NFC", title).lower()) if title != UNTITLED else []
    name = ""
    for word in words:
        if len(name) + len(word) > _LONGEST:
            break
        name += f"-{word}" if name else word
    return "session" if not name or _RESERVED.fullmatch(name) else name
