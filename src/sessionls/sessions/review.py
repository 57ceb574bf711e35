"""A review: the scanners first, then each agent, all in one session.

The scan needs no model: it is a message whose reply the scanners write, through the same loop as every other reply. Its
findings are in the session's log before an agent begins, and the agents see them, also one that cannot call tools.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from sessionls.domain.errors import SessionlsError
from sessionls.domain.ids import new_id
from sessionls.domain.model import Context, Finding, Message, Session, ToolPart
from sessionls.domain.stop_reasons import review_problem
from sessionls.sessions.replies.scanner import SCAN
from sessionls.sessions.service import Sessions

__all__ = ["Review", "review"]


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
    with sessions.collect_known_findings(session_id) as known_findings:
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
                if (why := review_problem(exchange.reply) or _scan_problem(exchange.reply)) is not None:
                    unfinished[agent] = why
        known = {finding.id: finding for finding in known_findings if finding.state == "open"}
    found = await sessions.findings(session_id=session_id, state="open")
    findings = {**known, **{finding.id: finding for finding in found.findings}}
    return Review(await sessions.get(session_id), [*findings.values()], replies, problems, unfinished)


def _scan_problem(reply: Message) -> str | None:
    """How the scanners' reply says that one of them failed."""
    for part in reply.parts:
        if isinstance(part, ToolPart) and part.name == "scan" and part.status == "failed":
            return (part.result or "The scan failed.").partition("\n")[0]
    return None
