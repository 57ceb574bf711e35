"""Which texts of documents the agents of each session have read: an agent may edit only a text that it has read."""

from __future__ import annotations

from collections import OrderedDict
from threading import Lock

from sessionls.domain import uris
from sessionls.sessions.workspace.workspace import Document

__all__ = ["ReadTracker"]

_KEPT = 10_000  # documents of all sessions; an agent that returns to an older one has to read it again


class ReadTracker:
    """The hash of each document's text when an agent of the session last read or wrote it.

    Kept in memory: after a restart an agent has to read again before it edits.
    """

    def __init__(self) -> None:
        self._hashes: OrderedDict[tuple[str, str], str] = OrderedDict()
        self._lock = Lock()

    def saw(self, session_id: str, document: Document) -> None:
        self.knows(session_id, document.uri, document.sha256)

    def knows(self, session_id: str, uri: str, sha256: str) -> None:
        """The session's agents have read or written the text with that hash."""
        key = (session_id, _canonical(uri))
        with self._lock:
            self._hashes[key] = sha256
            self._hashes.move_to_end(key)
            while len(self._hashes) > _KEPT:
                self._hashes.popitem(last=False)

    def last(self, session_id: str, uri: str) -> str | None:
        """The hash of the text that they read last; None if they have not read the document."""
        with self._lock:
            return self._hashes.get((session_id, _canonical(uri)))

    def anywhere(self, uri: str, sha256: str) -> str | None:
        """The hash if an agent of any session has read that text, else that of the newest text: for a call without a session."""
        wanted = _canonical(uri)
        with self._lock:
            known = [known for (_, name), known in self._hashes.items() if name == wanted]
        return sha256 if sha256 in known else next(iter(known), None)


def _canonical(uri: str) -> str:
    path = uris.to_path(uri)
    return uri if path is None else uris.from_path(path)
