"""Imports sessions of other programs into the log, as messages that name their origin.

The ids of the session and its messages are derived from the origin, so that repeated imports add nothing twice.
"""

from __future__ import annotations

import uuid
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

from sessionls.domain import transitions
from sessionls.domain.change import Change
from sessionls.domain.errors import SessionNotFound
from sessionls.domain.ids import now
from sessionls.domain.model import AgentAuthor, Message, Part, Participant, Session, TextPart
from sessionls.domain.text import replace_lone_surrogates
from sessionls.domain.titles import UNTITLED, title_of, validate_title
from sessionls.ports.store import ChangeSession, Store
from sessionls.sessions.first_people import first_people

__all__ = ["ForeignMessage", "ForeignSession", "ImportResult", "Imports"]

_NAMESPACE = uuid.UUID("5d8f1c1e-6a0b-4a57-9a65-0d6c1f0f7b52")
_TITLE = 200  # characters


@dataclass(frozen=True, slots=True)
class ForeignMessage:
    """A message of a person or of the other program's agent. A person's message has only text."""

    role: Literal["participant", "agent"]
    parts: Sequence[Part]


@dataclass(frozen=True, slots=True)
class ForeignSession:
    """`program` is the name of the program's agent here; `id` is the session's id in the program. `cut`: its end is
    missing, because it is too long.
    """

    program: str
    id: str
    title: str | None
    messages: Sequence[ForeignMessage]
    cut: bool = False


@dataclass(frozen=True, slots=True)
class ImportResult:
    """The imported session, and how many messages were added. `continued`: it has newer messages of ours and was not changed."""

    session: Session
    added: int
    continued: bool = False


class Imports:
    """Imports for one participant. `change` is like `Replies.change`; `folders` are the folders of the imported sessions."""

    def __init__(self, store: Store, change: ChangeSession, participant: Participant, folders: Sequence[str]) -> None:
        self._store = store
        self._change = change
        self._participant = participant
        self._folders = list(folders)

    async def bring(self, foreign: ForeignSession, identities: Sequence[str]) -> ImportResult:
        """Add the messages that are missing. A session that somebody has continued here is not changed."""
        session_id = _id(foreign.program, foreign.id)
        messages = self._messages(session_id, foreign)
        known = await self._known_ids(session_id)
        if known is not None and not known <= {message.id for message in messages}:
            return ImportResult(await self._store.session(session_id), 0, continued=True)
        new = [message for message in messages if known is None or message.id not in known]
        if known is not None and not new:
            return ImportResult(await self._store.session(session_id), 0)
        begin = self._session(session_id, foreign)

        def add(change: Change) -> tuple[Session, int]:
            return transitions.import_messages(
                change, begin, identities, new, self._participant, known=None if known is None else len(known)
            )

        session, added = await self._change(session_id, add)
        return ImportResult(session, added)

    async def _known_ids(self, session_id: str) -> set[str] | None:
        """The ids of the session's messages; None if it does not exist."""
        known: set[str] = set()
        before = None
        try:
            while True:
                messages, more = await self._store.history(session_id, before=before, limit=500)
                known.update(message.id for message in messages)
                if not more or not messages:
                    return known
                before = messages[0].id
        except SessionNotFound:
            return None

    def _session(self, session_id: str, foreign: ForeignSession) -> Session:
        first = next((message for message in foreign.messages if message.role == "participant"), None)
        text = "\n".join(part.text for part in first.parts if isinstance(part, TextPart)) if first is not None else ""
        title = " ".join((foreign.title or "").split())[:_TITLE]
        when = now()
        return Session(
            id=session_id,
            title=validate_title(title) if title else title_of(text) if text else UNTITLED,
            agent=foreign.program,
            workspace_folders=self._folders,
            participants=[self._participant],
            people=first_people(self._store, self._participant),
            created_at=when,
            updated_at=when,
        )

    def _messages(self, session_id: str, foreign: ForeignSession) -> list[Message]:
        """The messages to add. A reply without a message before it gets an empty message to answer."""
        added: list[Message] = []
        notice = f"Imported from {foreign.program}, session {foreign.id}."
        question_id: str | None = None
        for index, message in enumerate(foreign.messages):
            own_id = _id(foreign.program, foreign.id, str(index))
            author = AgentAuthor(agent=foreign.program, model="", definition="")
            by_person = message.role == "participant"
            if not by_person and question_id is None:
                question_id = _id(foreign.program, foreign.id, f"before {index}")
                added.append(self._message(session_id, question_id, [TextPart(text="")]))
            if by_person:
                parts = [
                    TextPart(text=replace_lone_surrogates(part.text)) for part in message.parts if isinstance(part, TextPart)
                ]
                added.append(self._message(session_id, own_id, parts))
                question_id = own_id
            else:
                reply = self._message(session_id, own_id, message.parts)
                added.append(
                    reply.model_copy(
                        update={
                            "role": "agent",
                            "author": author,
                            "reply_to": question_id,
                            "stop_reason": "stop",
                            "notices": [notice],
                        }
                    )
                )
                question_id = None
        return added

    def _message(self, session_id: str, message_id: str, parts: Sequence[Part]) -> Message:
        return Message(
            id=message_id,
            session_id=session_id,
            seq=0,
            role="participant",
            author=self._participant,
            parts=list(parts),
            status="complete",
            created_at="",
        )


def _id(*names: str) -> str:
    return str(uuid.uuid5(_NAMESPACE, "\0".join(names)))
