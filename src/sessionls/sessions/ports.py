"""What the heart needs from the rooms around it, as small protocols. The composition root hands it the real things."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal, Protocol, TypeVar

from sessionls.agents.agent import Definition
from sessionls.sessions.events import Event
from sessionls.sessions.model import Agent, Finding, Message, ModelInfo, Participant, Session, StopReason, Usage
from sessionls.sessions.scope import Scope
from sessionls.sessions.state import Drafted, Entry, State, apply
from sessionls.sessions.tooling import Buffer, Buffers, Editor, Tool, ToolCall, ToolFailed, Tools

__all__ = [
    "Agents",
    "Buffer",
    "Buffers",
    "Change",
    "Claim",
    "Delta",
    "Editor",
    "EventNotice",
    "Hit",
    "ModelOutput",
    "ModelRequest",
    "Models",
    "NativeReasoning",
    "Notice",
    "ReasoningDelta",
    "SessionNotice",
    "Snapshot",
    "StepEnd",
    "StopReason",
    "Store",
    "TextDelta",
    "Tool",
    "ToolCall",
    "ToolFailed",
    "ToolRequest",
    "Tools",
    "Transcript",
]

T = TypeVar("T")

# -- store -----------------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Claim:
    """Which process writes (or will write) the reply to a message, and whether that process still lives."""

    message_id: str
    process: str
    alive: bool


@dataclass
class Change:
    """One transaction on one session: what it is now, and what is to happen.

    `decide` functions read `state` and `claims` and call `add`; each event is folded at once, so that the next decision
    sees it. Raising any error leaves the session as it was.
    """

    session_id: str
    at: str
    process: str
    state: State | None
    claims: dict[str, Claim] = field(default_factory=dict)
    events: list[Event] = field(default_factory=list)
    touched: dict[str, Entry] = field(default_factory=dict)

    @property
    def now(self) -> State:
        """The state, of a session that exists."""
        assert self.state is not None
        return self.state

    def add(self, kind: Callable[..., Event], **fields: Any) -> Event:
        """Append an event of that kind: it gets its session, number and time here."""
        seq = fields.pop("seq", None) or self.now.next_seq
        event = kind(session_id=self.session_id, seq=seq, at=self.at, **fields)
        applied = apply(self.state, event)
        self.state = applied.state
        self.events.append(event)
        self.touched.update((entry.message.id, entry) for entry in applied.touched)
        return event

    def claim(self, message_id: str) -> None:
        """Say that this process writes the reply to that message."""
        self.claims[message_id] = Claim(message_id, self.process, alive=True)

    def release(self, message_id: str) -> None:
        self.claims.pop(message_id, None)


@dataclass(frozen=True, slots=True)
class Transcript:
    """What a model may be told: the entries in order of their place, after what `summary` stands for.

    `begin` is the place behind which they begin, up to which the summary goes.
    """

    entries: Sequence[Entry]
    summary: str | None = None
    begin: int = 0


@dataclass(frozen=True, slots=True)
class Snapshot:
    """A session as `follow` finds it: its newest messages, and the events after a given number where they were asked for.

    `more`: there are older messages. `events` is None also where there are too many for an answer.
    """

    session: Session
    messages: Sequence[Message]
    present: Sequence[Participant]
    seq: int
    more: bool
    events: Sequence[Event] | None = None


@dataclass(frozen=True, slots=True)
class Hit:
    session: Session
    message_id: str
    snippet: str


@dataclass(frozen=True, slots=True)
class EventNotice:
    event: Event


@dataclass(frozen=True, slots=True)
class Delta:
    """The reply being written grew. `offset` counts code points from the start of that part's text."""

    session_id: str
    message_id: str
    part: int
    kind: Literal["text", "reasoning"]
    offset: int
    text: str


@dataclass(frozen=True, slots=True)
class SessionNotice:
    """A session is new or changed; `session` is None where it was deleted. `scope` is where it belongs."""

    session_id: str
    session: Session | None
    scope: Scope = field(default_factory=Scope)


Notice = EventNotice | Delta | SessionNotice


class Store(Protocol):
    """Where sessions live. Every method may raise `StoreUnavailable`; those that take a session's id `SessionNotFound`."""

    @property
    def process(self) -> str:
        """The id under which this process claims replies."""
        ...

    async def change(self, session_id: str, decide: Callable[[Change], T]) -> T:
        """Run `decide` in one write transaction and store what it added, projections and claims included, before returning.

        For a session that does not exist `decide` sees no state and must add `created` first (else `SessionNotFound`).
        Committed events reach the feed's subscribers before this returns.
        """
        ...

    async def session(self, session_id: str) -> Session: ...

    async def sessions(
        self,
        *,
        scope: Scope | None,
        state: str | None,
        query: str | None,
        limit: int,
        cursor: str | None,
    ) -> tuple[list[Session], str | None]:
        """Those that wait for permission first, newest first each, and the cursor of the next page.

        Only sessions that belong to the scope (see `Scope.meets`); None: all sessions.
        `state` None: all but archived ones. `query`: words of the title. Raises `InvalidParams` for a cursor that is not ours.
        """
        ...

    async def history(self, session_id: str, *, before: str | None, limit: int) -> tuple[list[Message], bool]:
        """The newest `limit` messages (before message `before`), oldest first, and whether there are older ones.

        Fewer (but one at least) where they would be more than a few megabytes.
        In order of their place, waiting ones last. A reply being written has its text so far. Raises `MessageNotFound`.
        """
        ...

    async def entry(self, session_id: str, message_id: str) -> Entry:
        """One message as the session sees it, its ancestors' included. Raises `MessageNotFound`."""
        ...

    async def events(self, session_id: str, *, after: int, limit: int = 10_000) -> list[Event]:
        """The events numbered above `after`, its ancestors' up to the fork points included."""
        ...

    async def drafted(self, session_id: str, message_id: str) -> list[Drafted]:
        """What was drafted of a reply since its last event, joined for each part, in order (see `with_drafts`)."""
        ...

    async def transcript(self, session_id: str, *, through: int, after: int = 0) -> Transcript:
        """The entries up to place `through`, from behind the newest summary that the session can see, and from behind place
        `after`.
        """
        ...

    async def seq_at(self, session_id: str, place: int) -> int:
        """The number of the last event by which all messages up to that place had ended."""
        ...

    async def delete(self, session_id: str, check: Callable[[Change], None] | None = None) -> None:
        """Erase the session and its messages; what living forks hold of it stays until the last of them is deleted.

        `check` looks at it in the same transaction, and raises where it may not be deleted.
        """
        ...

    async def search(self, query: str, *, scope: Scope | None, limit: int) -> list[Hit]: ...

    async def finding(self, finding_id: str) -> Finding:
        """One finding as it is now. Raises `InvalidParams` for one that does not exist."""
        ...

    async def findings(
        self,
        *,
        session_id: str | None = None,
        uri: str | None = None,
        state: str | None = None,
        scope: Scope | None = None,
    ) -> list[Finding]:
        """Oldest first: of that session, else of the sessions of the scope that are not archived; None: of all of them."""
        ...

    async def changed_findings(self, since: int | None, *, scope: Scope | None) -> tuple[int, list[Finding]]:
        """The findings changed after that number, in whatever state, and the number to ask with the next time.

        Without a number: all that are open. Of sessions that match as for `findings`.
        """
        ...

    async def known_finding(self, session_id: str, finding: Finding) -> Finding | None:
        """The same finding, if it is known: same document, rule and quoted code, open or dismissed, in any session that
        belongs to the same place. So what was dismissed stays dismissed when the same review runs again.
        """
        ...

    async def lapsed(self) -> list[str]:
        """The sessions whose reply is claimed by a process that no longer lives."""
        ...

    def draft(
        self, session_id: str, message_id: str, part: int, kind: Literal["text", "reasoning"], text: str, *, base: int = 0
    ) -> None:
        """The reply being written grew by `text`. Subscribers here learn of it at once, the database soon after: within
        20 ms, or later where it is slow.

        `base`: how many code points of that part are in the log already, where a reply goes on in the middle of its words.
        """
        ...

    def subscribe(self, callback: Callable[[Notice], None]) -> Callable[[], None]:
        """Call back on the event loop with what happens, in whichever process; gives the way to stop it.

        `SessionNotice`s come for all sessions, events and deltas for those that are followed.
        """
        ...

    async def follow(
        self, session_id: str, *, limit: int = 0, after: int | None = None, events_bytes: int | None = None
    ) -> Snapshot:
        """The session now, and its notices from exactly there on.

        The messages are those of `history`; with `after`, the events numbered above that, unless they are more than
        `events_bytes`.

        Every later event has a number above `Snapshot.seq`, and every later delta goes on where the text of that part in
        `Snapshot.messages` ends. Follows are counted: as many calls of `unfollow` end it.
        """
        ...

    def unfollow(self, session_id: str) -> None: ...


# -- models ----------------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class ModelRequest:
    """One step asked of a model. `messages` and `tools` are in the shape of OpenAI's API, as litellm takes them.

    A message of the assistant may have `"native_reasoning": {"provider": …, "data": …}`, which an earlier step ended with
    (see `NativeReasoning`): `Models` hands `data` back to that provider, and leaves the key out for every other one.

    `must_call`: the model is to ask for one of the tools, not to answer in words.
    """

    model: str
    messages: Sequence[Mapping[str, Any]]
    tools: Sequence[Mapping[str, Any]] = ()
    temperature: float | None = None
    max_tokens: int | None = None
    reasoning_effort: str | None = None
    must_call: bool = False


@dataclass(frozen=True, slots=True)
class TextDelta:
    text: str


@dataclass(frozen=True, slots=True)
class ReasoningDelta:
    text: str


@dataclass(frozen=True, slots=True)
class ToolRequest:
    """The model asks for a tool. `arguments` is the JSON text as the model wrote it, valid or not."""

    call_id: str
    name: str
    arguments: str


@dataclass(frozen=True, slots=True)
class NativeReasoning:
    """What a provider wants to be handed back with the step that it came with: thinking blocks with their signatures,
    `reasoning_content`, `reasoning_details`. `data` is JSON, and read by nobody but the lane of that provider.
    """

    provider: str
    data: Any


@dataclass(frozen=True, slots=True)
class StepEnd:
    """The last output of a step, and why it ended (see `StopReason`)."""

    usage: Usage | None
    reason: StopReason
    native: NativeReasoning | None = None


ModelOutput = TextDelta | ReasoningDelta | ToolRequest | StepEnd


class Models(Protocol):
    def warm(self) -> None:
        """Get ready in the background for a first message. Returns at once."""
        ...

    async def choose(self, preferences: Sequence[str]) -> str:
        """The first of `preferences` that could answer now; with none given, the default. Raises `ModelUnavailable`."""
        ...

    def window(self, model: str) -> int | None:
        """How many tokens the model can take in, where that is known."""
        ...

    def stream(self, request: ModelRequest) -> AsyncIterator[ModelOutput]:
        """One step, as it is written. Raises `ModelUnavailable`; cancelling the task closes the connection."""
        ...

    async def list(self) -> list[ModelInfo]: ...


# -- agents -------------------------------------------------------------------------------------------


class Agents(Protocol):
    def get(self, name: str) -> Definition:
        """The definition as it is on disk now. Raises `AgentNotFound`, `AgentUnavailable`."""
        ...

    def list(self) -> list[Agent]: ...

    def instructions(self) -> str:
        """What the workspace tells every agent (`AGENTS.md`); empty where there is none."""
        ...
