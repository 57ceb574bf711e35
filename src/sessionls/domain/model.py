"""The objects of a session, as they are stored and sent: pure data.

Every model is frozen, snake_case in Python and camelCase on the wire. Absent optional fields are left out.
Times are RFC 3339 in UTC with milliseconds, ids are UUIDv7 (RFC 9562, section 5.7), positions are LSP positions in
the negotiated encoding.
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
    "ImageContext",
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
    "Person",
    "PlanEntry",
    "PlanPart",
    "Position",
    "Range",
    "ReasoningPart",
    "Role",
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
"""A line for people, without invisible characters and changes of text direction (see `visible.py`)."""
Shown = Annotated[str, AfterValidator(shown)]
"""The same for several lines."""


class Wire(BaseModel):
    """The base of everything that is sent."""

    model_config = ConfigDict(alias_generator=to_camel, populate_by_name=True, frozen=True)

    def wire(self) -> dict[str, Any]:
        """The object as JSON data: camelCase, without absent fields."""
        return self.model_dump(mode="json", by_alias=True, exclude_none=True)


class Position(Wire):
    """A position between two characters: zero-based line, and character in units of the negotiated encoding."""

    line: int = Field(ge=0)
    character: int = Field(ge=0)

    @property
    def as_pair(self) -> tuple[int, int]:
        """Line and character. Pairs sort like positions."""
        return self.line, self.character


class Range(Wire):
    """From `start` up to but not including `end`."""

    start: Position
    end: Position

    def touches(self, other: Range) -> bool:
        """Whether the ranges share a position, even if only at an edge. An empty range (a cursor) has a position, too."""
        return self.start.as_pair <= other.end.as_pair and other.start.as_pair <= self.end.as_pair


class Participant(Wire):
    """A person (or program) that takes part in a session."""

    id: str
    name: Line
    email: Line | None = None


Role = Literal["reader", "commenter", "writer", "owner"]
"""A person's role in a session: reads it; also comments, which no agent answers; also works in it; also shares, archives and
deletes it."""


class Person(Wire):
    """A participant's role in a session. The id `team` means everybody who can log in to the database."""

    id: Annotated[str, Field(min_length=1, max_length=300)]
    role: Role
    name: Line | None = None


class AgentAuthor(Wire):
    """Who wrote a reply: the agent, the model it used, and the sha256 of the definition it ran with."""

    agent: str
    model: str
    definition: str


class Usage(Wire):
    """Tokens and cost. `cost` is in US dollars, and absent if it is not known."""

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
    """Data that a provider expects back together with a model's message, in the provider's own format."""

    provider: str
    data: Any


class ReasoningPart(Wire):
    # `native` is only for the store, which dumps with the context KEEP_NATIVE. It is not sent to clients.
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
"""The context with which the store dumps objects."""


class ToolPart(Wire):
    """A tool call. `result` is the tool's result for the agent, cut to a maximum size. `title` is an external agent's own
    description of the call.

    `parts` is the work of an agent that this call asked. The model requested calls with the same `step` together. `unreadable` is
    the beginning of the model's arguments if they are not a JSON object: such a call fails, and its `arguments` are empty.
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
        """Convert the form of older versions, which stored unreadable arguments as a special argument."""
        arguments = data.get("arguments") if isinstance(data, dict) else None
        if isinstance(arguments, dict) and "\0invalid" in arguments:
            return {**data, "arguments": {}, "unreadable": str(arguments["\0invalid"])[:4_000]}
        return data


class Anchor(Wire):
    """The original code that a finding is about: the lines of its range (`quote`), and some lines before and after.

    It is used to find the range again after edits (see `anchors.py`). `start` and `end` are the offsets of the range in the first
    and the last line, in code points; without `end` the range ends at the end of the line.
    """

    quote: str
    before: str = ""
    after: str = ""
    start: int = Field(default=0, ge=0)
    end: int | None = Field(default=None, ge=0)


class Finding(Wire):
    """A result of a review at a range of a file. `severity` is as in LSP: 1 error … 4 hint.

    `help` is the URL of a page about the rule. `reason` says why it is `fixed` or `dismissed`.
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

    `patch` is a unified diff of the change, with LF line ends; absent if the file is not text or the diff is very long.
    """

    kind: Literal["edit"] = "edit"
    uri: str
    summary: Line
    applied: bool
    patch: str | None = None


class PlanEntry(Wire):
    """One entry of an agent's plan, with its status."""

    content: Line
    status: Literal["pending", "inProgress", "completed"] = "pending"
    priority: Literal["high", "medium", "low"] | None = None


class PlanPart(Wire):
    """The newest plan of an external agent in this reply."""

    kind: Literal["plan"] = "plan"
    entries: list[PlanEntry]


Part = Annotated[TextPart | ReasoningPart | ToolPart | FindingPart | EditPart | PlanPart, Field(discriminator="kind")]
ToolPart.model_rebuild()


# -- context: what the editor hands over with a message --------------------------------------------------------------


class _Document(Wire):
    """What every context of a document records: its text at the time the message was sent.

    `version` is the editor's version of an open buffer, `dirty` says whether it had unsaved changes, and `sha256` is the hash of
    the whole document's UTF-8 text. `notice` says what was cut or refused.
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
    """`diagnostics` are unchanged `Diagnostic` objects of LSP; `lines` are the lines at which they are."""

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
    """The changes of the working tree since `base` (a git revision; the default is `HEAD`). `staged`: only staged changes."""

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
    """The messages of another session of the same folders when this message was sent, or only one of its messages.

    `title` is its title at that time. If it is too long, the oldest messages are left out, and `notice` says so.
    """

    kind: Literal["session"] = "session"
    session_id: Annotated[str, Field(min_length=1, max_length=200)]
    message_id: Annotated[str, Field(min_length=1, max_length=200)] | None = None
    title: Line | None = None
    text: str | None = None
    notice: str | None = None


class ImageContext(Wire):
    """An image: a PNG, JPEG, WebP or GIF of at most 5 MiB. Send the `uri` of a file, or its bytes in base64 as `data`, with a
    `title`, or the `sha256` of an image that the session already has.

    Stored images have no `data`: `context/image` returns the bytes. `mimeType`, `size` (bytes), `width` and `height`
    (pixels) are read from the bytes.
    """

    kind: Literal["image"] = "image"
    uri: str | None = None
    data: Annotated[str | None, Field(min_length=1, repr=False)] = None
    mime_type: Annotated[str, Field(max_length=100)] | None = None
    title: Annotated[Line, Field(max_length=300)] | None = None
    sha256: Annotated[str, Field(pattern="^[0-9a-f]{64}$")] | None = None
    size: int | None = None
    width: int | None = None
    height: int | None = None
    notice: str | None = None


Context = Annotated[
    SelectionContext
    | FileContext
    | DiagnosticsContext
    | SymbolContext
    | DiffContext
    | TextContext
    | SessionContext
    | ImageContext,
    Field(discriminator="kind"),
]
context_adapter: TypeAdapter[Context] = TypeAdapter(Context)


# -- messages and sessions -------------------------------------------------------------------------------------------

MessageStatus = Literal["queued", "replying", "complete", "paused", "interrupted", "cancelled", "failed"]

# Why a step of a model ended. `length`: it reached its token limit; `content_filter`: the provider withheld the rest; `refusal`:
# the model declined; `error`: the provider failed; `unknown`: the provider gave no reason, or an unknown one.
StopReason = Literal["stop", "length", "tool_calls", "content_filter", "refusal", "error", "unknown"]


class MessageError(Wire):
    """Why a reply failed: an error kind of the protocol, a message that says what is wrong, and a hint what to do. `reason` is
    the reason of `modelUnavailable`.
    """

    kind: str
    message: str
    hint: str | None = None
    reason: str | None = None


class Steered(Wire):
    """A message that steered a reply: its id, and the index of the part before which the reply received it."""

    message_id: str
    part: int


class Message(Wire):
    """One entry in a session, by a participant or by an agent.

    `seq` is the number of the event that added it to the session. `replyTo` is the id of the message that a reply answers. A
    participant's message is `complete` as soon as its reply has ended in any way. `stopReason` says why the model ended a
    `complete` reply: `stop`, it was done; `length`, it reached its limit of output tokens; `content_filter`, the provider
    withheld the rest; `refusal`, it declined; `error`, the provider failed; `unknown`, the provider did not say; `empty`, it
    gave no answer. `steps` counts the steps of a reply, including those of agents that its agent asked. `notices` tell people
    about problems: servers that did not start, tools that cannot be used. `mentions` are the ids of the
    participants whom it notifies; without an `agent` such a message is only for people, and gets no reply.
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
    mentions: list[str] | None = None
    notices: list[Shown] | None = None
    created_at: str
    finished_at: str | None = None

    @property
    def text(self) -> str:
        """The text parts, joined by blank lines."""
        return "\n\n".join(part.text for part in self.parts if isinstance(part, TextPart))


class ParentRef(Wire):
    """The point where a fork left its parent: it shares the parent's events up to and including `seq`."""

    session_id: str
    seq: int
    message_id: str | None = None


Stopped = Literal["paused", "interrupted", "failed"]


class OpenQuestion(Wire):
    """An open permission request, for which the reply `message_id` waits.

    `summary` is one line, `detail` shows everything (a command, a patch), `scope` is what "allow for this session" covers.
    `agent` is the agent that asks: the one that writes the reply, or one that it asked. `at` is the time.
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


class Need(Wire):
    """Something that waits for one participant, until they do something in the session.

    `handOver`: `by` handed the session over to them, with a `note`; `waiting` describes what was waiting at that time.
    `mention`: the message `messageId` mentions them, and `note` is its beginning. Opening the session settles a mention.
    """

    kind: Literal["handOver", "mention"]
    participant: Participant
    by: Participant
    message_id: str | None = None
    note: Shown | None = None
    waiting: list[Line] | None = None
    at: str


class Session(Wire):
    """A session. `agent` is its default agent, and `model` the model that this agent uses here instead of its own.

    `participants` are all who ever took part; `present` are those who have it open now, absent if there are none. `needs` is what
    waits for a participant, absent if nothing does. `stopped` says how the newest reply stopped, if `session/resume` would
    continue it; absent while the session is archived.
    `asking` are the open permission requests, oldest first; absent if there are none. `budget` is how many US dollars all models
    may cost in this session: once `usage.cost` reaches it, the session is paused before the next request to a model, with
    `pauseReason` "budget". Without `pauseReason` somebody paused it.
    `people` have access to it, if the database knows who they are. Without it, everybody who can open the database owns it.
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
    needs: list[Need] | None = None
    people: list[Person] | None = None
    usage: Usage = Usage()
    budget: float | None = None
    seq: int = 0
    message_count: int = 0
    created_at: str
    updated_at: str


# -- what can be listed ----------------------------------------------------------------------------------------------


class Agent(Wire):
    """An agent in a list. `source` is "builtin" or the URI of the file that defines it. `problem` is why it cannot be invoked,
    and `notice` says what in its file was ignored or read differently.
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
    """A known external agent that is not installed on this machine. `install` is the command to install it."""

    name: str
    title: str
    install: str


class Skill(Wire):
    """A skill in a list: a folder with instructions for one kind of task. `source` is the URI of its `SKILL.md`.

    `problem` is why no agent can read it. `notice` says what in it was ignored or read differently, or which other skill of the
    same name it replaces.
    """

    name: Shown
    description: Shown
    source: str
    trusted: bool
    available: bool
    problem: Shown | None = None
    notice: Shown | None = None


class ModelInfo(Wire):
    """A model, and the reason if it is not available. `contextWindow` is in tokens. `images`: if known, whether it
    accepts images.
    """

    name: str
    provider: str
    available: bool
    problem: str | None = None
    context_window: int | None = None
    images: bool | None = None
    default: bool | None = None
