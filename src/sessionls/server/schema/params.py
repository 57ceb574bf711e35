"""The params of every custom method, and the results that are not objects of the domain.

Unknown fields are ignored, so that a newer client can speak to an older server. Limits that keep hostile or mistaken input
small stand here; what depends on a session's state is judged by the verbs.
"""

from __future__ import annotations

from typing import Annotated, Literal, Self

from pydantic import Field, model_validator

from sessionls.domain.events import Event
from sessionls.domain.model import Context, Range, Role, Session, Wire
from sessionls.sessions.completion import ModelMessage, ModelTool

__all__ = [
    "AgentListParams",
    "AnswerHereParams",
    "AnswerParams",
    "AskAboutParams",
    "ChangeListParams",
    "ChangeRevertParams",
    "ComposeParams",
    "CreateParams",
    "DeltaParams",
    "DocumentParams",
    "Empty",
    "EventParams",
    "ExportParams",
    "FindingListParams",
    "FindingParams",
    "FindingUpdateParams",
    "FixParams",
    "ForkHereParams",
    "ForkParams",
    "HandOverParams",
    "HistoryParams",
    "ListParams",
    "MessageParams",
    "ModelReplyParams",
    "OpenParams",
    "PeopleParams",
    "PermissionDecision",
    "PermissionKeepParams",
    "PermissionParams",
    "PermissionRemoveParams",
    "PromptExpandParams",
    "QuestionListParams",
    "RenameParams",
    "ReorderParams",
    "ReviewParams",
    "SearchParams",
    "SessionChangedParams",
    "SessionParams",
    "SetBudgetParams",
    "Shown",
    "SwitchAgentParams",
    "WaitingMessageParams",
]

MAX_TEXT = 1 << 20  # code points; a model's window is smaller by far

Id = Annotated[str, Field(min_length=1, max_length=200)]
Name = Annotated[str, Field(min_length=1, max_length=200)]
Title = Annotated[str, Field(min_length=1, max_length=200)]
Uri = Annotated[str, Field(min_length=1, max_length=8192)]
Limit = Annotated[int, Field(ge=1, le=500, strict=True)]
Dollars = Annotated[float, Field(ge=0, le=1_000_000_000, allow_inf_nan=False, strict=True)]
Token = int | str


class Empty(Wire):
    """No fields."""


class SessionParams(Wire):
    session_id: Id


class CreateParams(Wire):
    title: Title | None = None
    agent: Name | None = None
    model: Name | None = None
    workspace_folder: Uri | None = None
    budget: Dollars | None = None


class ListParams(Wire):
    workspace_folder: Uri | None = None
    state: Literal["active", "paused", "archived"] | None = None
    query: Annotated[str, Field(max_length=1000)] | None = None
    limit: Limit = 50
    cursor: Annotated[str, Field(min_length=1, max_length=2000)] | None = None


class OpenParams(SessionParams):
    limit: Limit = 50
    after: Annotated[int, Field(ge=0, strict=True)] | None = None


class HistoryParams(SessionParams):
    before: Id | None = None
    limit: Limit = 50


class MessageParams(SessionParams):
    text: Annotated[str, Field(min_length=1, max_length=MAX_TEXT)]
    agent: Name | None = None
    model: Name | None = None
    context: Annotated[list[Context], Field(max_length=200)] | None = None
    delivery: Literal["queue", "steer"] = "queue"
    replaces: Id | None = None
    work_done_token: Token | None = None
    partial_result_token: Token | None = None


class CommentParams(SessionParams):
    text: Annotated[str, Field(min_length=1, max_length=MAX_TEXT)]
    context: Annotated[list[Context], Field(max_length=200)] | None = None


class WaitingMessageParams(SessionParams):
    message_id: Id


class ReorderParams(SessionParams):
    message_ids: Annotated[list[Id], Field(min_length=1, max_length=500)]


class SwitchAgentParams(SessionParams):
    agent: Name
    model: Name | None = None


class ForkParams(SessionParams):
    at: Id | None = None
    title: Title | None = None
    agent: Name | None = None


class SetBudgetParams(SessionParams):
    budget: Dollars | None


class HandOverParams(SessionParams):
    """`to` is the id, the name or the e-mail address of a participant of the session."""

    to: Annotated[str, Field(min_length=1, max_length=300)]
    note: Annotated[str, Field(min_length=1, max_length=10_000)] | None = None


class RenameParams(SessionParams):
    title: Title


class UnshareParams(SessionParams):
    """`with` is a participant's id (their login) or name, or `team`."""

    with_: Annotated[str, Field(alias="with", min_length=1, max_length=300)]


class ShareParams(UnshareParams):
    """`with` is a participant's id (their login), the name of one who was here, or `team` for everybody who may log in to the
    database.
    """

    role: Role


class PeopleParams(SessionParams):
    """`secrets`: also count the keys and tokens in the session. That reads all of it."""

    secrets: bool = False


class SearchParams(Wire):
    query: Annotated[str, Field(min_length=1, max_length=1000)]
    workspace_folder: Uri | None = None
    limit: Limit = 20


class ExportParams(SessionParams):
    """`uri` is the file to write; without it the export is the answer. `unmasked`: keys and tokens stay as they are."""

    format: Literal["markdown", "json", "html"]
    unmasked: bool = False
    uri: Uri | None = None


class QuestionListParams(Wire):
    session_id: Id | None = None
    workspace_folder: Uri | None = None


class AnswerParams(SessionParams):
    """`requestId` may be left out where one question is open."""

    request_id: Id | None = None
    decision: Literal["once", "session", "deny"]


class PermissionKeepParams(SessionParams):
    """`everywhere`: in sessions of all folders, not of the session's own alone."""

    request_id: Id
    everywhere: bool = False


class PromptExpandParams(Wire):
    """`arguments` as a person writes them behind the name."""

    name: Annotated[str, Field(min_length=1, max_length=200)]
    arguments: Annotated[str, Field(max_length=100_000)] = ""


class PermissionRemoveParams(Wire):
    permission_id: Id


class _ChangeScopeParams(SessionParams):
    message_id: Id | None = None
    since: Id | None = None
    revert_id: Id | None = None

    @model_validator(mode="after")
    def _one_of_them(self) -> Self:
        if sum(one is not None for one in (self.message_id, self.since, self.revert_id)) > 1:
            raise ValueError("name one of messageId, since and revertId")
        return self


class ChangeListParams(_ChangeScopeParams):
    """One of `messageId`, `since` and `revertId`, or none of them for the whole session."""

    texts: bool = False


class ChangeRevertParams(_ChangeScopeParams):
    """As for `change/list`. `hunk` is the `id` of one of the file's hunks, and needs `uri`."""

    uri: Uri | None = None
    hunk: Id | None = None


class ImageParams(Wire):
    """`sha256` is that of the context of a message in the session."""

    session_id: Id
    sha256: Annotated[str, Field(pattern="^[0-9a-f]{64}$")]


class FindingListParams(Wire):
    session_id: Id | None = None
    uri: Uri | None = None
    state: Literal["open", "fixed", "dismissed"] | None = None
    cursor: Id | None = None


class FindingUpdateParams(Wire):
    finding_id: Id
    state: Literal["open", "fixed", "dismissed"]
    reason: Annotated[str, Field(min_length=1, max_length=1000)] | None = None


class AgentListParams(Wire):
    workspace_folder: Uri | None = None


class ModelReplyParams(Wire):
    """`tools` are those that the asker can call; with `mustCall` the model is to ask for one of them."""

    model: Name | None = None
    instructions: Annotated[str, Field(min_length=1, max_length=MAX_TEXT)] | None = None
    messages: Annotated[list[ModelMessage], Field(min_length=1, max_length=2000)]
    tools: Annotated[list[ModelTool], Field(max_length=500)] | None = None
    must_call: bool = False
    partial_result_token: Token | None = None


class AskAboutParams(Wire):
    """Of the command `sessionls.askAbout`. Without `text` the agent gets a question of its own; without `sessionId` the session
    is a new one.
    """

    agent: Name
    uri: Uri
    range: Range
    session_id: Id | None = None
    text: Annotated[str, Field(min_length=1, max_length=MAX_TEXT)] | None = None


class ComposeParams(Wire):
    """Of the command `sessionls.compose`. Without `sessionId` the session is a new one; without `range` it is about the file."""

    uri: Uri
    range: Range | None = None
    agent: Name | None = None
    session_id: Id | None = None


class DocumentParams(Wire):
    """Of the commands for a session file: its URI."""

    uri: Uri


class ForkHereParams(SessionParams):
    """Of the command `sessionls.forkHere`: up to and including the message `at`."""

    at: Id


class AnswerHereParams(Wire):
    """Of the command `sessionls.answerHere`: the answer to a question that a session file shows."""

    uri: Uri
    request_id: Id
    decision: Literal["once", "session", "deny"]


class FindingParams(Wire):
    """Of the command `sessionls.openFinding`."""

    finding_id: Id


class FixParams(Wire):
    """Of the command `sessionls.fix`. Without `agent`, the session's own if it can edit, else one that can."""

    finding_id: Id
    agent: Name | None = None
    text: Annotated[str, Field(min_length=1, max_length=MAX_TEXT)] | None = None


class ReviewParams(Wire):
    """Of the command `sessionls.review`: these files, the changes since the revision `diff`, or what is staged.

    With none of them, the uncommitted changes.
    """

    uri: Uri | None = None
    uris: Annotated[list[Uri], Field(max_length=100)] | None = None
    diff: Annotated[str, Field(min_length=1, max_length=200)] | None = None
    staged: bool = False
    agent: Name | None = None
    text: Annotated[str, Field(min_length=1, max_length=MAX_TEXT)] | None = None


class Shown(Wire):
    """Of the command `sessionls.show`: the URI of the session's document."""

    uri: str


# -- server → client ---------------------------------------------------------------------------------------------------

EventParams = Event


class DeltaParams(Wire):
    """`offset` counts code points from the start of that part's text."""

    session_id: str
    message_id: str
    part: int
    kind: Literal["text", "reasoning"]
    offset: int
    text: str


class SessionChangedParams(Wire):
    """The session as it is now, or the id of one that was deleted. `accessLost`: it is not deleted, but this login has no
    access to it any more.
    """

    session: Session | None = None
    deleted: str | None = None
    access_lost: bool | None = None


class SaveParams(Wire):
    """`uris` are those of the documents to save; `versions` the numbers that they had when the agent's edit was in them.

    A document that has another number by now is not saved: a person may be typing there.
    """

    uris: list[str]
    versions: dict[str, int] | None = None


class Saved(Wire):
    """`saved` are the URIs of the documents that have no unsaved changes any more, spelled as they were asked for."""

    saved: list[str]


class PermissionParams(Wire):
    """`messageId` is the reply that waits. `scope` is what "allow for this session" covers, in replies to messages of whoever
    says so.
    """

    session_id: str
    message_id: str
    request_id: str
    agent: str
    tool: str
    summary: str
    detail: str | None = None
    risk: Literal["read", "write", "execute", "network"]
    scope: str


class PermissionDecision(Wire):
    decision: Literal["once", "session", "deny"]
