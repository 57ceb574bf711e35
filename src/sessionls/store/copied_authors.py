"""The authors of a session that a person copies into a database with logins.

The copy belongs only to that person, and their own messages keep their author. Nothing proves the other authors, so these get
different ids, and names that say who copied them. They cannot be confused with the people of that database.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from sessionls.domain.model import Participant

__all__ = ["CopiedAuthors"]

Json = dict[str, Any]


@dataclass(frozen=True, slots=True)
class CopiedAuthors:
    """`owner` is the login that makes the copy, `own` are its ids in other databases."""

    owner: Participant
    own: frozenset[str]

    def event(self, row: Mapping[str, Any]) -> dict[str, Any]:
        """The columns of an event."""
        data: Json = json.loads(row["data"])
        for name in ("by", "participant", "to"):
            if name in data:
                data[name] = self._author(data[name])
        if "participantId" in data:
            data["participantId"] = self._id(data["participantId"])
        if "personId" in data:
            data["personId"] = self._id(data["personId"])
        if "person" in data:
            data["person"] = self._person(data["person"])
        if row["kind"] == "created":
            data["session"] = self._session(data["session"])
        message = row["message"] and self._changed(row["message"], self._message)
        return {**row, "data": _json(data), "message": message}

    def message(self, row: Mapping[str, Any]) -> dict[str, Any]:
        """The columns of a message."""
        return {**row, "data": row["data"] and self._changed(row["data"], self._message)}

    def session(self, values: Mapping[str, Any]) -> dict[str, Any]:
        """The columns of a session."""
        rest: Json = json.loads(values["rest"])
        rest["granted"] = []
        return {**values, "session": self._changed(values["session"], self._session), "rest": _json(rest)}

    def _changed(self, data: str, change: Callable[[Json], Json]) -> str:
        return _json(change(json.loads(data)))

    def _message(self, message: Json) -> Json:
        return message | {"author": self._author(message["author"])} if "author" in message else message

    def _session(self, session: Json) -> Json:
        authors = {author["id"]: author for author in map(self._author, session.get("participants", []))}
        session = {**session, "participants": list(authors.values()), "people": [self._self_as_owner()]}
        for name in ("present", "needs"):  # presence and needs are not copied
            session.pop(name, None)
        return session

    def _self_as_owner(self) -> Json:
        return {"id": self.owner.id, "role": "owner", "name": self.owner.name}

    def _author(self, author: Json) -> Json:
        """The new author for a participant. Agents do not change."""
        if "name" not in author:
            return author
        if author["id"] in self.own or author["id"] == self.owner.id:
            return self.owner.wire()
        if author["id"] == self._id(author["id"]):
            return author
        suffix = f" (copied by {self.owner.id})"
        return {"id": self._id(author["id"]), "name": f"{author['name']}{suffix}"}

    def _person(self, person: Json) -> Json:
        if person["id"] in self.own:
            return {**person, "id": self.owner.id}
        return {**person, "id": self._id(person["id"])}

    def _id(self, known: str) -> str:
        if known in self.own:
            return self.owner.id
        prefix = f"via:{self.owner.id}:"
        return known if known == self.owner.id or known.startswith(prefix) else prefix + known


def _json(value: Json) -> str:
    return json.dumps(value, ensure_ascii=False, separators=(",", ":"))
