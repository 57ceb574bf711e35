"""Replies that the scanners write."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from sessionls.domain import transitions
from sessionls.domain.agent import Definition
from sessionls.domain.ids import new_id
from sessionls.domain.model import AgentAuthor, Session
from sessionls.sessions.replies.prepared import PreparedReply

__all__ = ["SCAN", "prepare_scan"]

SCAN = Definition(name="scan", prompt="", tools=("scan",), max_steps=1, runtime="scanner")
"""The author of such a reply."""


def prepare_scan(session: Session, arguments: Mapping[str, Any]) -> PreparedReply:
    """A reply that the scanners write, with those arguments of the tool `scan`."""
    author = AgentAuthor(agent=SCAN.name, model="scanners", definition="")
    start = transitions.Start(new_id(), author, (session.agent, session.model))
    return PreparedReply(start, SCAN, options=arguments)
