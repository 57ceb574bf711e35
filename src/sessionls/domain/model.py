"""The objects of a session, as they are stored and as they cross the wire: pure data.

Every model is frozen, snake_case in Python and camelCase on the wire; an absent optional field is left out.
Times are RFC 3339 in UTC with milliseconds, ids are UUIDv7 (RFC 9562, section 5.7), positions are LSP positions in
the encoding that client and server agreed on.
"""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import (
    AfterValidator,
    BaseModel,
    ConfigDict,
    Field,
    SerializationInfo,
    SerializerFunctionWrapHandler,
    TypeAdapter,
    model_serializer,
    model_validator,
)
from pydantic.alias_generators import to_camel
from pydantic.json_schema import SkipJsonSchema

from sessionls.domain.visible import in_one_line, shown

__all__ = [
    "KEEP_NATIVE",
    "Agent",
    "AgentAuthor",
    "Anchor",
    "Context",
    "DiagnosticsContext",
    "DiffContext",
    "EditPart",
    "FileContext",
    "Finding",
    "FindingPart",
    "InstallableAgent",
    "KeptReasoning",
    "Message",
    "MessageError",
    "MessageStatus",
    "ModelInfo",
    "OpenQuestion",
    "ParentRef",
    "Part",
    "Participant",
    "PlanEntry",
    "PlanPart",
    "Position",
    "Range",
    "ReasoningPart",
    "SelectionContext",
    "Session",
    "SessionContext",
    "SourceLine",
    "Steered",
    "StopReason",
    "SymbolContext",
    "TextContext",
    "TextPart",
    "ToolPart",
    "Usage",
    "Wire",
    "context_adapter",
]


Line = Annotated[str, AfterValidator(in_one_line)]
"""A line that people see, whoever wrote it: nothing in it hides, or turns what follows (see `visible.py`)."""
Shown = Annotated[str, AfterValidator(shown)]
"""The same for more than one line."""


class Wire(BaseModel):
    """Base of everything that crosses the wire."""

    model_config = ConfigDict(alias_generator=to_camel, populate_by_name=True, frozen=True)

    def wire(self) -> dict[str, Any]:
        """The object as JSON-ready data: camelCase, absent fields left out."""
        return self.model_dump(mode="json", by_alias=True, exclude_none=True)


class Position(Wire):
    """A place between two characters: zero-based line, and character in units of the negotiated encoding."""

    line: int = Field(ge=0)
    character: int = Field(ge=0)

    @property
    def as_pair(self) -> tuple[int, int]:
        """Line and character: pairs compare as positions do."""
        return self.line, self.character


class Range(Wire):
    """From `start` up to and without `end`."""

    start: Position
    end: Position

    def touches(self, other: Range) -> bool:
        """Whether the ranges share a position, if only an edge: an empty range (a cursor) is at a position, too."""
        return self.start.as_pair <= other.end.as_pair and other.start.as_pair <= self.end.as_pair


class Participant(Wire):
    """A person (or program) that takes part in a session."""

    id: str
    name: Line
    email: Line | None = None


class AgentAuthor(Wire):
    """Who wrote a reply: the agent, the model it used, and the sha256 of the definition it ran with."""

    agent: str
    model: str
    definition: str


class Usage(Wire):
    """What was spent. `cost` is in US dollars, and left out where it is not known."""

    input_tokens: int = 0
    output_tokens: int = 0
    cached_tokens: int | None = None
    cost: float | None = None

    def __add__(self, other: Usage) -> Usage:
        return Usage(
            input_tokens=self.input_tokens + other.input_tokens,
            output_tokens=self.output_tokens + other.output_tokens,
            cached_tokens=_add(self.cached_tokens, other.cached_tokens),
            cost=_add(self.cost, other.cost),
        )

    def __sub__(self, other: Usage) -> Usage:
        return Usage(
            input_tokens=self.input_tokens - other.input_tokens,
            output_tokens=self.output_tokens - other.output_tokens,
            cached_tokens=_sub(self.cached_tokens, other.cached_tokens),
            cost=_sub(self.cost, other.cost),
        )


def _add(a: Any, b: Any) -> Any:
    return b if a is None else a if b is None else a + b


def _sub(a: Any, b: Any) -> Any:
    return a if a is None or b is None else a - b


# -- parts: what a message is made of ------------------------------------------------------------------------------


class TextPart(Wire):
    kind: Literal["text"] = "text"
    text: str


class KeptReasoning(Wire):
    """What a provider wants to be handed back with a model's own message, in a form that only it reads."""

    provider: str
    data: Any


class ReasoningPart(Wire):
    # `native` is for the store alone, whose dumps have KEEP_NATIVE as their context: clients are not sent it.
    kind: Literal["reasoning"] = "reasoning"
    text: str
    native: SkipJsonSchema[KeptReasoning | None] = Field(default=None, repr=False)

    @model_serializer(mode="wrap")
    def _without_native(self, serialize: SerializerFunctionWrapHandler, info: SerializationInfo) -> dict[str, Any]:
        data: dict[str, Any] = serialize(self)
        if info.context != KEEP_NATIVE:
            data.pop("native", None)
        return data


KEEP_NATIVE: dict[str, Any] = {"native": True}
"""The context of a dump for the store."""


class ToolPart(Wire):
    """One call of a tool. `result` is what the agent was told, cut to a bounded size. `title` is what the call does, in the
    words of an external agent, whose tools are its own.

    `parts` is the work of an agent that was asked by this call. Calls of one `step` were asked for together. `unreadable` is how
    the model's arguments began, where no JSON object could be read from them: such a call fails, and its `arguments` are empty.
    """

    kind: Literal["tool"] = "tool"
    call_id: str
    name: str
    title: Line | None = None
    arguments: dict[str, Any]
    status: Literal["waiting", "running", "done", "failed", "denied"]
    result: str | None = None
    step: int | None = None
    parts: list[Part] | None = None
    unreadable: str | None = None

    @model_validator(mode="before")
    @classmethod
    def _from_older_versions(cls, data: Any) -> Any:
        """Older versions kept arguments that cannot be read among the others, under a name that no argument has."""
        arguments = data.get("arguments") if isinstance(data, dict) else None
        if isinstance(arguments, dict) and "\0invalid" in arguments:
            return {**data, "arguments": {}, "unreadable": str(arguments["\0invalid"])[:4_000]}
        return data


class Anchor(Wire):
    """The code that a finding is about, as it was: the lines of its range (`quote`), and some before and after.

    It finds the place again after edits (see `anchors.py`). `start` and `end` are where the range begins in the first of the
    lines and ends in the last, in code points; without `end` it ends with the line.
    """

    quote: str
    before: str = ""
    after: str = ""
    start: int = Field(default=0, ge=0)
    end: int | None = Field(default=None, ge=0)


class Finding(Wire):
    """One result of a review, tied to a place in a file. `severity` is LSP's: 1 error … 4 hint.

    `help` is the address of a page about the rule. `reason` says why it is `fixed` or `dismissed`.
    """

    id: str
    uri: str
    range: Range
    severity: Literal[1, 2, 3, 4]
    title: Line
    body: str
    rule: str | None = None
    suggestion: str | None = None
    state: Literal["open", "fixed", "dismissed"] = "open"
    reason: str | None = None
    help: str | None = None
    anchor: Anchor | None = None
    session_id: str = ""
    agent: str
    message_id: str


class FindingPart(Wire):
    kind: Literal["finding"] = "finding"
    finding: Finding


class EditPart(Wire):
    """An edit of one document, applied or only proposed.

    `patch` is what it changed, as a unified diff with LF for every line end; left out where that is no text, or very long.
    """

    kind: Literal["edit"] = "edit"
    uri: str
    summary: Line
    applied: bool
    patch: str | None = None


class PlanEntry(Wire):
    """One thing that an agent means to do, and how far it is."""

    content: Line
    status: Literal["pending", "inProgress", "completed"] = "pending"
    priority: Literal["high", "medium", "low"] | None = None


class PlanPart(Wire):
    """What an external agent means to do in this reply: the newest of its plans."""

    kind: Literal["plan"] = "plan"
    entries: list[PlanEntry]


Part = Annotated[TextPart | ReasoningPart | ToolPart | FindingPart | EditPart | PlanPart, Field(discriminator="kind")]
ToolPart.model_rebuild()


# -- context: what the editor hands over with a message --------------------------------------------------------------


class _Document(Wire):
    """What every context that names a document records: the text it had when the message was sent.

    `version` is the editor's number for an open buffer, `dirty` says that the buffer had unsaved changes, `sha256` is that
    of the whole document's UTF-8 text. `notice` is a word on what was cut or refused.
    """

    uri: str
    version: int | None = None
    dirty: bool | None = None
    sha256: str | None = None
    language: str | None = None
    notice: str | None = None


class SelectionContext(_Document):
    kind: Literal["selection"] = "selection"
    range: Range
    text: str | None = None


class FileContext(_Document):
    kind: Literal["file"] = "file"
    text: str | None = None


class SourceLine(Wire):
    """A line of a document: its zero-based number and its text without the line end."""

    number: int
    text: str


class DiagnosticsContext(_Document):
    """`diagnostics` are LSP's `Diagnostic` objects, kept as they came; `lines` are the lines that they are on."""

    kind: Literal["diagnostics"] = "diagnostics"
    range: Range | None = None
    diagnostics: list[dict[str, Any]] | None = None
    lines: list[SourceLine] | None = None


class SymbolContext(_Document):
    kind: Literal["symbol"] = "symbol"
    name: str
    range: Range | None = None
    text: str | None = None


class DiffContext(Wire):
    """The changes of the working tree since `base` (a git revision; `HEAD` unless said). `staged`: only what is staged."""

    kind: Literal["diff"] = "diff"
    base: str | None = None
    staged: bool | None = None
    text: str | None = None
    notice: str | None = None


class TextContext(Wire):
    kind: Literal["text"] = "text"
    title: Line
    text: str
    notice: str | None = None


class SessionContext(Wire):
    """Another session of the same folders: what was said in it when the message was sent, or only in that message of it.

    `title` is its title then. What would be too much is left out, the oldest first, and `notice` says so.
    """

    kind: Literal["session"] = "session"
    session_id: Annotated[str, Field(min_length=1, max_length=200)]
    message_id: Annotated[str, Field(min_length=1, max_length=200)] | None = None
    title: Line | None = None
    text: str | None = None
    notice: str | None = None


Context = Annotated[
    SelectionContext | FileContext | DiagnosticsContext | SymbolContext | DiffContext | TextContext | SessionContext,
    Field(discriminator="kind"),
]
context_adapter: TypeAdapter[Context] = TypeAdapter(Context)


# -- messages and sessions -------------------------------------------------------------------------------------------

MessageStatus = Literal["queued", "replying", "complete", "paused", "interrupted", "cancelled", "failed"]

# Why a step of a model ended. `length`: at its limit of tokens; `content_filter`: its provider held the rest back; `refusal`: the
# model declined; `error`: its provider broke off; `unknown`: its provider gave no reason, or one that we do not know.
StopReason = Literal["stop", "length", "tool_calls", "content_filter", "refusal", "error", "unknown"]


class MessageError(Wire):
    """Why a reply failed: an error kind of the protocol, words that say what is wrong, and what to do about it. `reason` is that
    of `modelUnavailable`.
    """

    kind: str
    message: str
    hint: str | None = None
    reason: str | None = None


class Steered(Wire):
    """A message that was handed to a reply being written: which one, and before which of its parts it came."""

    message_id: str
    part: int


class Message(Wire):
    """One entry in a session, by a participant or by an agent.

    `seq` is the number of the event that brought it into the session. `replyTo` ties a reply to its message. A
    participant's message is `complete` as soon as its reply has ended in any way. `stopReason` says why the model ended a reply
    that is `complete`: `stop`, it was done; `length`, it reached its limit of output tokens; `content_filter`, its provider
    held the rest back; `refusal`, it declined; `error`, its provider broke off; `unknown`, its provider did not say; `empty`, it
    gave no answer. `steps` counts the steps of a reply, those of the agents included that its agent asked. `notices` say, in
    words for a person, what the reply had to do without: servers that did not start, tools that cannot be used.
    """

    id: str
    session_id: str
    seq: int
    role: Literal["participant", "agent"]
    author: Participant | AgentAuthor
    agent: str | None = None
    model: str | None = None
    reply_to: str | None = None
    parts: list[Part] = []
    context: list[Context] | None = None
    status: MessageStatus
    delivery: Literal["steer"] | None = None
    steered: Steered | None = None
    usage: Usage | None = None
    steps: int | None = None
    error: MessageError | None = None
    stop_reason: StopReason | Literal["empty"] | None = None
    notices: list[Shown] | None = None
    created_at: str
    finished_at: str | None = None

    @property
    def text(self) -> str:
        """The text parts, joined by blank lines."""
        return "\n\n".join(part.text for part in self.parts if isinstance(part, TextPart))


class ParentRef(Wire):
    """Where a fork left its parent: it holds the parent's events up to and with `seq`."""

    session_id: str
    seq: int
    message_id: str | None = None


Stopped = Literal["paused", "interrupted", "failed"]


class OpenQuestion(Wire):
    """A question for permission that nobody has answered yet: the reply `message_id` waits for it.

    `summary` is one line, `detail` shows all of it (a command, a patch), `scope` is what "allow for this session" covers.
    `agent` asks: the one that writes the reply, or one that it asked. `at` is when.
    """

    request_id: str
    message_id: str
    agent: str
    tool: str
    summary: Line
    detail: Shown | None = None
    risk: Literal["read", "write", "execute", "network"]
    scope: str | None = None
    at: str


class Session(Wire):
    """The container for work. `agent` is its default agent, `model` the model that agent uses here in place of its own.

    `participants` are all who ever took part; `present` are those who have it open now, absent where nobody has.
    `stopped` says how the newest reply stopped, while it has and `session/resume` would go on with it: not while it is archived.
    `asking` are the questions for permission that wait for an answer, oldest first; absent where there is none.
    `budget` is how many US dollars the models may cost here together: once `usage.cost` is as much, the session is paused before
    the next request to a model, with `pauseReason` "budget". Without `pauseReason` somebody paused it.
    """

    id: str
    title: Line
    state: Literal["active", "paused", "archived"] = "active"
    pause_reason: Literal["budget"] | None = None
    replying: bool = False
    queued: int = 0
    stopped: Stopped | None = None
    asking: list[OpenQuestion] | None = None
    agent: str
    model: str | None = None
    workspace_folders: list[str] = []
    parent: ParentRef | None = None
    participants: list[Participant] = []
    present: list[Participant] | None = None
    usage: Usage = Usage()
    budget: float | None = None
    seq: int = 0
    message_count: int = 0
    created_at: str
    updated_at: str


# -- what can be listed ----------------------------------------------------------------------------------------------


class Agent(Wire):
    """An agent as lists show it. `source` is "builtin" or the URI of the file that defines it. `problem` is why it cannot be
    invoked, `notice` what of its file was not read as it stands.
    """

    name: str
    description: Shown
    model: str
    tools: list[str]
    source: str
    runtime: Literal["litellm", "acp"] = "litellm"
    trusted: bool
    available: bool
    problem: Shown | None = None
    notice: Shown | None = None
    color: str | None = None
    code_action: bool | None = None


class InstallableAgent(Wire):
    """An external agent that sessionls knows and that is not on this machine. `install` is the command that brings it."""

    name: str
    title: str
    install: str


class Skill(Wire):
    """A skill as lists show it: a folder with instructions for one kind of task. `source` is the URI of its `SKILL.md`.

    `problem` is why no agent can read it, `notice` what of it was not read as it stands, or which other skill of its name it
    takes the place of.
    """

    name: Shown
    description: Shown
    source: str
    trusted: bool
    available: bool
    problem: Shown | None = None
    notice: Shown | None = None


class ModelInfo(Wire):
    """A model that could answer now, or why it cannot. `contextWindow` is in tokens."""

    name: str
    provider: str
    available: bool
    problem: str | None = None
    context_window: int | None = None
    default: bool | None = None
