"""A review by the scanners and then by each agent, in one session, for the terminal and for editors.

The scan needs no model: it is a message with a reply by the scanners. Its
findings are in the session's log before an agent begins, so all agents see them, also one that cannot call tools.
"""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from sessionls.domain.errors import SessionlsError
from sessionls.domain.ids import new_id
from sessionls.domain.model import AgentAuthor, Context, DiffContext, FileContext, Finding, Message, Session, ToolPart
from sessionls.domain.stop_reasons import review_problem
from sessionls.sessions.composing import Outgoing
from sessionls.sessions.replies.scan import SCAN

if TYPE_CHECKING:
    from sessionls.sessions.service import Sessions

__all__ = ["Review", "ReviewProblem", "ReviewStep", "ReviewTarget", "review"]


@dataclass(frozen=True, slots=True)
class ReviewTarget:
    """The code to review: paths, the changes since the commit `base`, or the staged changes; else the uncommitted changes.

    `paths` are files and folders in the form of the tool `scan`; `files` are the URIs of those whose text is sent with the
    message.
    """

    paths: Sequence[str] = ()
    files: Sequence[str] = ()
    base: str | None = None
    staged: bool = False

    def question(self, paths: str) -> str:
        """The question for the agents. `paths` describes the paths."""
        if self.staged:
            return "Review the staged changes."
        if self.base is not None:
            return f"Review the changes since {self.base}."
        return f"Review {paths}." if self.paths else "Review the uncommitted changes."

    def context(self) -> list[Context]:
        context: list[Context] = [FileContext(uri=uri) for uri in dict.fromkeys(self.files)]
        if self.base is not None or self.staged or not self.paths:
            context.append(DiffContext(base=self.base, staged=self.staged or None))
        return context

    def scan_arguments(self) -> dict[str, Any]:
        """The arguments of the tool `scan` for the same code."""
        if self.staged:
            return {"staged": True}
        if self.base is not None:
            return {"base": self.base}
        return {"paths": list(self.paths)} if self.paths else {"base": "HEAD"}


@dataclass(frozen=True, slots=True)
class ReviewStep:
    """One message of a review and its reply, by the scanners (`scans`) or by an agent."""

    agent: str
    message_id: str
    scans: bool = False


@dataclass(frozen=True, slots=True)
class ReviewProblem:
    """Why an agent's review is missing, or incomplete if it has `answered`."""

    agent: str
    message: str
    hint: str = ""
    answered: bool = True

    def __str__(self) -> str:
        if self.answered:
            return f"The review by {self.agent} is not complete. {self.message}"
        return f"{self.agent} could not answer: {self.message}"


@dataclass(frozen=True, slots=True)
class Review:
    """The result: all open findings (including those that an earlier session reported), the replies, and the problems."""

    session: Session
    findings: Sequence[Finding]
    replies: Sequence[Message]
    problems: Sequence[ReviewProblem]

    @property
    def complete(self) -> bool:
        """Whether each agent, and the scanners, gave a complete review."""
        return not self.problems and all(reply.status == "complete" for reply in self.replies)

    @property
    def scan(self) -> Message | None:
        """The reply of the scanners."""
        return next((reply for reply in self.replies if _author(reply) == SCAN.name), None)

    @property
    def answers(self) -> Sequence[Message]:
        """The replies of the agents."""
        return [reply for reply in self.replies if _author(reply) != SCAN.name]


def _no_progress(_step: ReviewStep) -> contextlib.AbstractAsyncContextManager[None]:
    return contextlib.nullcontext()


async def review(
    sessions: Sessions,
    session_id: str,
    agents: Sequence[str],
    target: ReviewTarget,
    text: str,
    *,
    scan: bool = True,
    progress: Callable[[ReviewStep], contextlib.AbstractAsyncContextManager[None]] = _no_progress,
) -> Review:
    """Run the scanners (with `scan`), then ask each of the agents `text`.

    `progress` is entered around each step. The review continues after a failed step; a message that is not accepted ends the
    review with its error. Cancelling cancels the reply being written.
    """
    replies: list[Message] = []
    problems: list[ReviewProblem] = []
    steps = [ReviewStep(agent, new_id()) for agent in agents]
    if scan:
        steps.insert(0, ReviewStep(SCAN.name, new_id(), scans=True))
    with sessions.collect_known_findings(session_id) as known_findings:
        for step in steps:
            try:
                async with progress(step):
                    if step.scans:
                        exchange = await sessions.message(
                            session_id, Outgoing("Scan the code.", message_id=step.message_id), scan=target.scan_arguments()
                        )
                    else:
                        exchange = await sessions.message(
                            session_id, Outgoing(text, agent=step.agent, context=target.context(), message_id=step.message_id)
                        )
            except SessionlsError as error:
                if "replyId" not in error.data:
                    raise  # the message was not accepted, and the next one would not be accepted either
                problems.append(ReviewProblem(step.agent, error.message, error.hint, answered=False))
            else:
                replies.append(exchange.reply)
                if (problem := review_problem(exchange.reply) or _scan_problem(exchange.reply)) is not None:
                    problems.append(ReviewProblem(step.agent, problem))
        known = {finding.id: finding for finding in known_findings if finding.state == "open"}
    reported = await sessions.findings(session_id=session_id, state="open")
    findings = {**known, **{finding.id: finding for finding in reported.findings}}
    return Review(await sessions.get(session_id), [*findings.values()], replies, problems)


def _author(reply: Message) -> str | None:
    return reply.author.agent if isinstance(reply.author, AgentAuthor) else None


def _scan_problem(reply: Message) -> str | None:
    """The message of a scanner's failure in their reply."""
    for part in reply.parts:
        if isinstance(part, ToolPart) and part.name == "scan" and part.status == "failed":
            return (part.result or "The scan failed.").partition("\n")[0]
    return None
