"""The port of the runtimes: who writes a reply.

Sessions choose the agent, start the reply in the log, stop it and end it. A runtime does what lies between: it answers the
message, and says through the `ReplySink` what becomes part of the reply.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Coroutine, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal, Protocol, TypeVar

from sessionls.domain.agent import Definition
from sessionls.domain.limits import Spending
from sessionls.domain.model import AgentAuthor, Finding, Message, Part, Session, ToolPart
from sessionls.domain.permission import Answer, Risk
from sessionls.domain.stop_reasons import ReplyStopReason
from sessionls.ports.tools import Tool

__all__ = ["AgentRuntime", "OtherAgent", "ReplyInterrupted", "ReplySink", "ReplyStopped", "ReplyToWrite", "RuntimeAbilities"]

T = TypeVar("T")


class ReplyStopped(Exception):
    """Somebody asked the reply to stop. `ReplySink.stoppable` raises it, and the runtime lets it pass."""


class ReplyInterrupted(Exception):
    """What writes the reply broke off, as a program that was killed: the reply is interrupted, and can be resumed. The words say
    so to people.
    """


@dataclass(frozen=True, slots=True)
class RuntimeAbilities:
    """What a runtime can do. Every runtime can be stopped; these differ:

    `steer`: it takes messages in the middle of a reply. Without it they wait until `write` has ended, and `write` is called again
    with them. `resume`: a reply can go on after it stopped or ended. Without it messages that are to steer it wait for a reply of
    their own. `own_model`: it brings its model along, so none is chosen for it; `ReplyToWrite.model` is then only what somebody
    asked for.
    """

    steer: bool = True
    resume: bool = True
    own_model: bool = False


@dataclass(frozen=True, slots=True)
class OtherAgent:
    """An agent that the agent of the reply may ask: who it is, and its tools."""

    definition: Definition
    author: AgentAuthor
    tools: Sequence[Tool]


@dataclass(frozen=True, slots=True)
class ReplyToWrite:
    """The reply that is to be written.

    `session` is as the reply began, `reply` as it is when `write` is called. `message` is what it answers, with its context, and
    `position` where that stands among the session's messages (`Store.transcript(through=position)` gives what came before, and
    that message). `model` is None only for a runtime with its own. `tools` are ready, and are those that the definition allows.
    `find_agent` gives another agent by its name, or raises what keeps it from answering. `options` are what the runtime was
    given besides the message, such as what to scan.
    """

    session: Session
    reply: Message
    message: Message
    position: int
    definition: Definition
    model: str | None
    tools: Sequence[Tool]
    find_agent: Callable[[str], Awaitable[OtherAgent]]
    options: Mapping[str, Any] = field(default_factory=dict)


class ReplySink(Protocol):
    """What a runtime may do to the reply that it writes.

    Whatever is kept is an event in the session's log before the method returns. Keeping is carried to its end also where the
    runtime is cancelled meanwhile, and a busy store is asked again. Each method that keeps something raises `ClaimLost` where
    another process took the reply over, and `StoreUnavailable`; the runtime lets both pass.
    """

    parts: list[Part]
    """The reply so far. The runtime appends what it wrote and then keeps it; when `write` ends or is stopped, all of it is kept.

    After an event that adds parts of its own (a finding, an edit) this is a new list. Keep what was appended before such an
    event: what is not kept by then goes behind it.
    """

    steered: list[Message]
    """The messages that were sent to steer this reply, oldest first; it grows when a step is kept."""

    spending: Spending
    """Steps and usage of the reply. `spend` counts usage; it is kept with the next step, and at the end."""

    def draft(self, kind: Literal["text", "reasoning"], text: str, base: int = 0) -> None:
        """The part after the last one grew by `text`, and is shown at once. `base`: how many code points of that part are kept
        already, where the reply goes on in the middle of its words.
        """
        ...

    async def keep_step(self, first: int) -> None:
        """Keep the parts from number `first` on, and take the messages that came to steer the reply."""
        ...

    async def keep_call(self, index: int, part: ToolPart) -> None:
        """Keep a call of a tool that is part number `index` already: it starts, changes, or has ended (its status says which)."""
        ...

    async def keep_work(self, path: Sequence[int], index: int, parts: Sequence[Part]) -> None:
        """The agent that the call at `path` asked went on: keep its parts, these from number `index` on."""
        ...

    async def report(self, finding: Finding, *, agent: str) -> Finding:
        """Record a finding. Where the same one is known already that one is the answer, and nothing is recorded."""
        ...

    async def edited(
        self, uri: str, summary: str, *, agent: str, applied: bool, patch: str | None = None, kept: str | None = None
    ) -> None:
        """Record an edit, applied or only proposed, with its unified diff where that can be kept.

        `kept` is what takes it back exactly (`pack` of `sessions/changes/kept.py` makes it of the texts before and after).
        """
        ...

    async def ask_permission(
        self, *, agent: str, tool: str, risk: Risk, summary: str, detail: str | None = None, scope: str = ""
    ) -> Answer:
        """Ask the people in the session. `scope` is what a yes for the whole session covers: an earlier one is the answer, as
        "session". Without a scope people are asked each time. No answer in time is "deny".
        """
        ...

    async def add_notice(self, notice: str) -> None:
        """Say in the reply, in words for a person, what it has to do without."""
        ...

    async def check_budget(self) -> None:
        """Where the session's budget is used up: pause the session, which stops the reply. Call it inside `stoppable` work."""
        ...

    async def stoppable(self, work: Coroutine[Any, Any, T]) -> T:
        """Do what may be stopped at any moment: a stop cancels it, and `ReplyStopped` is raised. One at a time."""
        ...


class AgentRuntime(Protocol):
    """Writes replies, each in the process of the participant whose message it answers."""

    @property
    def name(self) -> str:
        """As definitions name it (`Definition.runtime`)."""
        ...

    @property
    def abilities(self) -> RuntimeAbilities: ...

    async def write(self, reply: ReplyToWrite, sink: ReplySink) -> ReplyStopReason | None:
        """Write the reply, or go on with what `sink.parts` has of it already, and say why it ended.

        It is called again for the same reply where that was resumed, or steered in the last moment. Any `SessionlsError` makes
        the reply fail with that error.
        """
        ...
