"""Masks keys, tokens and passwords in a session that is copied into a team's database.

The log and its projections are masked in the same way, so that the copied projections still agree with the copied log.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from sessionls.masking import Secret, mask, mask_tree

__all__ = ["CopiedSecrets"]

# Fields without text from agents or tools: ids, and people.
_KEPT = frozenset(
    {
        *("id", "sessionId", "messageId", "replyTo", "callId", "requestId", "replyId", "findingId", "participantId", "personId"),
        *("definition", "sha256", "kind", "status", "role", "state", "identities", "open", "workspaceFolders", "parent"),
        *("by", "author", "participant", "to", "person", "people", "participants", "present", "needs", "mentions"),
    }
)


@dataclass
class CopiedSecrets:
    """`count` is the number of secrets that were masked in the events of the log."""

    count: int = 0
    _found: list[tuple[str, Secret]] = field(default_factory=list)

    def event(self, row: Mapping[str, Any]) -> dict[str, Any]:
        """The columns of an event."""
        self._found.clear()
        masked = {**row, "data": self._json(row["data"]), "message": self._json(row["message"])}
        self.count += len(self._found)
        return masked

    def session(self, values: Mapping[str, Any]) -> dict[str, Any]:
        """The columns of a session."""
        if values["session"] is None:
            return dict(values)
        session = self._json(values["session"])
        key = json.loads(session or "{}")["title"].casefold()
        return {**values, "session": session, "rest": self._json(values["rest"]), "title_key": key}

    def row(self, values: Mapping[str, Any]) -> dict[str, Any]:
        """The columns of a message, of a part of a reply, or of a finding."""
        return {**values, "data": self._json(values["data"])}

    def text(self, text: str) -> str:
        return mask(text)[0]

    def _json(self, text: str | None) -> str | None:
        if not text:
            return text
        before = len(self._found)
        masked = _without_reasoning(mask_tree(json.loads(text), self._found, skip=_KEPT), json.loads(text))
        if len(self._found) == before:
            return text
        return json.dumps(masked, ensure_ascii=False, separators=(",", ":"))


def _without_reasoning(masked: Any, before: Any) -> Any:
    """Remove reasoning in a provider's own format if something in it was masked: the provider accepts it only unchanged."""
    if isinstance(masked, dict):
        left_out = {"native"} if "native" in masked and masked["native"] != before["native"] else set()
        return {key: _without_reasoning(value, before[key]) for key, value in masked.items() if key not in left_out}
    if isinstance(masked, list):
        return [_without_reasoning(value, original) for value, original in zip(masked, before, strict=True)]
    return masked
