"""The owner of a new session."""

from __future__ import annotations

from sessionls.domain.model import Participant, Person
from sessionls.ports.store import Store

__all__ = ["NO_LOGINS", "first_people"]

NO_LOGINS = "This database is a file. Everybody who can open it owns every session in it."


def first_people(store: Store, participant: Participant) -> list[Person] | None:
    """The creator of a session is its only owner, if the database has logins."""
    return [Person(id=participant.id, role="owner", name=participant.name)] if store.has_logins else None
