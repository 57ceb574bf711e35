"""A review: the scanners first, then each agent, all in one session.

The scan needs no model: it is a message whose reply the scanners write, through the same loop as every other reply. Its
findings are in the session's log before an agent begins, and the agents see them, also one that cannot call tools.
"""

from __future__ import annotations

import json
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from sessionls.domain import transitions
from sessionls.domain.agent import Definition
from sessionls.domain.errors import SessionlsError
from sessionls.domain.ids import new_id
from sessionls.domain.model import AgentAuthor, Context, Finding, Message, ModelInfo, Session
from sessionls.domain.stop_reasons import review_problem
from sessionls.ports.models import ModelOutput, ModelRequest, StepEnd, ToolRequest

if TYPE_CHECKING:
    import builtins

    from sessionls.sessions.service import Sessions

__all__ = ["SCAN", "Review", "ScanModel", "review", "scan_start"]

SCAN = Definition(name="scan", prompt="", tools=("scan",), max_steps=2)
"""Who writes the reply to a scan."""

_MODEL = "scanners"


@dataclass(frozen=True, slots=True)
class Review:
    """What came of it: the findings that are open (those that an earlier session knew already among them), for each agent
    that could not answer, why, and for each whose answer is not whole, in what way.
    """

    session: Session
    findings: Sequence[Finding]
    replies: Sequence[Message]
    problems: Mapping[str, SessionlsError]
    unfinished: Mapping[str, str]


async def review(
    sessions: Sessions,
    session_id: str,
    agents: Sequence[str],
    text: str,
    *,
    context: Sequence[Context] = (),
    scan: Mapping[str, Any] | None = None,
    begins: Callable[[str, str], None] = lambda _agent, _message_id: None,
) -> Review:
    """Scan (with those arguments of the tool `scan`; None: not at all), then let each of the agents review.

    `begins` is told of each step: the agent, and the id of its message. What keeps one agent from answering keeps no other.
    Cancelling cancels the reply being written.
    """
    replies: list[Message] = []
    unfinished: dict[str, str] = {}
    problems: dict[str, SessionlsError] = {}
    with sessions.meeting(session_id) as met:
        for agent in (*([SCAN.name] if scan is not None else []), *agents):
            message_id = new_id()
            begins(agent, message_id)
            try:
                if agent == SCAN.name and scan is not None:
                    exchange = await sessions.message(session_id, "Scan the code.", message_id=message_id, scan=scan)
                else:
                    exchange = await sessions.message(session_id, text, agent=agent, context=context, message_id=message_id)
            except SessionlsError as problem:
                if "replyId" not in problem.data:
                    raise  # it was not accepted: the next would not be either
                problems[agent] = problem
            else:
                replies.append(exchange.reply)
                if (why := review_problem(exchange.reply)) is not None:
                    unfinished[agent] = why
        known = {finding.id: finding for finding in met if finding.state == "open"}
    found = await sessions.findings(session_id=session_id, state="open")
    findings = {**known, **{finding.id: finding for finding in found.findings}}
    return Review(await sessions.get(session_id), [*findings.values()], replies, problems, unfinished)


def scan_start(session: Session) -> transitions.Start:
    """The start of a scanners' reply."""
    author = AgentAuthor(agent=SCAN.name, model=_MODEL, definition="")
    return transitions.Start(new_id(), author, (session.agent, session.model))


@dataclass
class ScanModel:
    """Stands where a model stands (`ports.Models`), and does one thing: it calls `scan` once."""

    arguments: Mapping[str, Any]
    _called: bool = field(default=False, init=False)

    async def stream(self, request: ModelRequest) -> AsyncIterator[ModelOutput]:  # noqa: ARG002
        if not self._called:
            self._called = True
            yield ToolRequest("scan", "scan", json.dumps(dict(self.arguments)))
        yield StepEnd(None, "stop")

    def warm(self) -> None: ...

    async def choose(self, preferences: Sequence[str]) -> str:  # noqa: ARG002
        return _MODEL

    def window(self, model: str) -> int | None:  # noqa: ARG002
        return None

    async def list(self) -> builtins.list[ModelInfo]:
        return []
