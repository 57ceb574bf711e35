"""Messages with the current states of their findings. A stored message has the states at the time of its reply."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from sessionls.domain.model import Finding, FindingPart, Message, Part
from sessionls.ports.store import Store

__all__ = ["with_current_findings"]


async def with_current_findings(store: Store, session_id: str, messages: Sequence[Message]) -> list[Message]:
    """The findings of a fork's parent keep the states that they had when the parent reported them."""
    ids = {part.finding.id for message in messages for part in message.parts if isinstance(part, FindingPart)}
    if not ids:
        return list(messages)
    current = {finding.id: finding for finding in await store.findings(session_id=session_id, ids=ids)}
    return [message.model_copy(update={"parts": [_current(part, current) for part in message.parts]}) for message in messages]


def _current(part: Part, current: Mapping[str, Finding]) -> Part:
    finding = current.get(part.finding.id) if isinstance(part, FindingPart) else None
    if not isinstance(part, FindingPart) or finding is None:
        return part
    changed = {"state": finding.state, "reason": finding.reason}
    return part.model_copy(update={"finding": part.finding.model_copy(update=changed)})
