"""All operations on sessions, for the language server and for the terminal."""

from __future__ import annotations

import asyncio
import base64
import contextlib
from collections.abc import AsyncIterator, Callable, Coroutine, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal, TypeVar

from sessionls.domain import transitions
from sessionls.domain.agent import Definition
from sessionls.domain.change import Change
from sessionls.domain.errors import InvalidParams, SessionlsError
from sessionls.domain.ids import new_id, now
from sessionls.domain.images import read_facts
from sessionls.domain.model import Context, Finding, Message, Participant, Session
from sessionls.domain.permission import Answer
from sessionls.domain.questions import open_questions
from sessionls.domain.results import (
    AgentList,
    AnsweredExchange,
    ChangeList,
    Exchange,
    Export,
    FindingList,
    History,
    Hit,
    Image,
    ModelList,
    Opened,
    QuestionList,
    Reverted,
    SearchResult,
    SessionList,
    SkillList,
    WindowUse,
)
from sessionls.domain.scope import Scope
from sessionls.domain.state import State
from sessionls.domain.titles import UNTITLED, validate_title
from sessionls.ports.agents import Agents
from sessionls.ports.editor import Editor
from sessionls.ports.files import FileWriter
from sessionls.ports.models import Models
from sessionls.ports.permissions import KeptPermissions
from sessionls.ports.prompts import Prompts
from sessionls.ports.runtime import AgentRuntime
from sessionls.ports.store import Notice, Store
from sessionls.ports.tools import Tools
from sessionls.sessions.changes.changes import Changes, ChangeScope
from sessionls.sessions.compacting import Compacting
from sessionls.sessions.composing import Composer, Outgoing
from sessionls.sessions.context.other_sessions import OtherSessions
from sessionls.sessions.current_findings import with_current_findings
from sessionls.sessions.export.markdown import Format, render_page
from sessionls.sessions.export.masking import MaskedSecret, Masking
from sessionls.sessions.export.writing import export_pieces, export_text, export_to_file
from sessionls.sessions.first_people import first_people
from sessionls.sessions.forking import Forking
from sessionls.sessions.imports import ForeignSession, ImportResult, Imports
from sessionls.sessions.membership import Membership
from sessionls.sessions.permission_book import PermissionBook
from sessionls.sessions.prompt.builder import PromptBuilder
from sessionls.sessions.replies.approvals import Approvals
from sessionls.sessions.replies.control import ReplyControl
from sessionls.sessions.replies.scheduler import Replies
from sessionls.sessions.replies.selection import Selection
from sessionls.sessions.replies.timing import DEFAULT_TIMING, Timing
from sessionls.sessions.sending import Sending
from sessionls.sessions.sharing import Sharing
from sessionls.sessions.workspace.workspace import Workspace

__all__ = ["Defaults", "Outgoing", "Sessions"]

T = TypeVar("T")

_PAGE_MESSAGES = 20  # messages on a page of a session's document, at most
_PAGE_SIZE = 8_000  # characters of a page that has more than one exchange


@dataclass(frozen=True, slots=True)
class Defaults:
    """The default agent and model of new sessions."""

    agent: str = "code"
    model: str | None = None


class Sessions:
    """All operations on sessions, by one participant, in one editor.

    `runtimes` write the replies; `patience` is how long (in seconds) a question for permission waits for its answer.
    `answers_for_others`: messages of other participants may be answered here (see `transitions.Runner`). `kept` is what the
    person has allowed permanently.

    Every method may raise `StoreUnavailable`; those that take a session's id raise `SessionNotFound`.
    """

    def __init__(
        self,
        *,
        store: Store,
        models: Models,
        agents: Agents,
        tools: Tools,
        editor: Editor,
        workspace: Workspace,
        files: FileWriter,
        participant: Participant,
        defaults: Defaults,
        prompts: PromptBuilder,
        prompt_files: Prompts,
        runtimes: Sequence[AgentRuntime],
        patience: float = 300.0,
        timing: Timing = DEFAULT_TIMING,
        answers_for_others: bool = False,
        kept: KeptPermissions | None = None,
    ) -> None:
        self._store = store
        self._models = models
        self._agents = agents
        self._editor = editor
        self._workspace = workspace
        self._participant = participant
        self.permissions = PermissionBook(kept, self._state)
        self._defaults = defaults
        self.prompt_files = prompt_files
        self._selection = Selection(agents, models, runtimes)
        self._replies = Replies(
            store=store,
            selection=self._selection,
            tools=tools,
            approvals=Approvals(editor, seconds=patience, kept=kept),
            participant=participant,
            timing=timing,
            for_others=answers_for_others,
        )
        composer = Composer(store, agents, workspace, editor, participant, OtherSessions(store, self._open_scope))
        self._sending = Sending(store, self._replies, self._selection, participant, composer, self._in_background)
        self._control = ReplyControl(store, self._replies, self._selection, participant)
        self._compacting = Compacting(store, self._replies, self._selection, models, prompts, self._in_background)
        self.sharing = Sharing(store, self._replies, participant)
        self._membership = Membership(
            store=store,
            replies=self._replies,
            editor=editor,
            workspace=workspace,
            participant=participant,
            in_background=self._in_background,
        )
        self._changes = Changes(store, workspace, files, self._replies.change, participant)
        self._background: set[asyncio.Task[Any]] = set()

    @property
    def participant(self) -> Participant:
        """The participant who makes these operations."""
        return self._participant

    # -- finding sessions --------------------------------------------------------------------------------------------

    async def list(
        self,
        *,
        workspace_folder: str | None = None,
        state: str | None = None,
        query: str | None = None,
        limit: int = 50,
        cursor: str | None = None,
    ) -> SessionList:
        """The sessions that need the participant, then the others, each newest first.

        `workspace_folder` defaults to the open folders; `*` means all sessions. Archived sessions are only included on request.
        """
        await self._replies.sweep()
        scope = await self.scope(workspace_folder)
        sessions, next_cursor = await self._store.sessions(
            scope=scope, state=state, query=query, limit=limit, cursor=cursor, participant_id=self._participant.id
        )
        return SessionList(sessions=sessions, next_cursor=next_cursor, you=self._participant)

    async def search(self, query: str, *, workspace_folder: str | None = None, limit: int = 20) -> SearchResult:
        hits = await self._store.search(query, scope=await self.scope(workspace_folder), limit=limit)
        return SearchResult(hits=[Hit(session=hit.session, message_id=hit.message_id, snippet=hit.snippet) for hit in hits])

    async def scope(self, folder: str | None = None) -> Scope | None:
        """The scope of a folder (default: of the open folders); None for `*`, which means everywhere."""
        if folder == "*":
            return None
        return await self._workspace.scope([folder] if folder is not None else self._editor.folders)

    async def _open_scope(self) -> Scope:
        return await self._workspace.scope(self._editor.folders)

    def known_scope(self) -> Scope:
        """The known scope of the open folders, without asking git again."""
        return self._workspace.known_scope(self._editor.folders)

    async def get(self, session_id: str) -> Session:
        await self._replies.sweep()
        return await self._store.session(session_id)

    # -- sessions ----------------------------------------------------------------------------------------------------

    async def create(
        self,
        *,
        title: str | None = None,
        agent: str | None = None,
        model: str | None = None,
        workspace_folder: str | None = None,
        budget: float | None = None,
    ) -> Session:
        """Create a session of the given folder (default: of all open folders). Raises `AgentNotFound`, `AgentUnavailable`."""
        name = self._agents.get(agent or self._defaults.agent).name
        folders = [workspace_folder] if workspace_folder is not None else list(self._editor.folders)
        identities = await self._workspace.identities(folders)
        created_at = now()
        session = Session(
            id=new_id(),
            title=validate_title(title) if title is not None else UNTITLED,
            agent=name,
            model=model or self._defaults.model,
            workspace_folders=folders,
            participants=[self._participant],
            people=first_people(self._store, self._participant),
            budget=budget,
            created_at=created_at,
            updated_at=created_at,
        )
        self._models.warm()
        return await self._change(session.id, lambda change: transitions.create(change, session, identities, self._participant))

    async def open(self, session_id: str, *, limit: int = 50, after: int | None = None) -> Opened:
        """Join the session: its notices arrive from exactly here on."""
        snapshot = await self._membership.open(session_id, limit=limit, after=after)
        return Opened(
            session=snapshot.session,
            messages=await with_current_findings(self._store, session_id, snapshot.messages),
            more=snapshot.more,
            participants=list(snapshot.present),
            seq=snapshot.seq,
            events=None if snapshot.events is None else list(snapshot.events),
        )

    async def close(self, session_id: str) -> None:
        await self._membership.close(session_id)

    async def history(self, session_id: str, *, before: str | None = None, limit: int = 50) -> History:
        messages, more = await self._store.history(session_id, before=before, limit=limit)
        return History(messages=await with_current_findings(self._store, session_id, messages), more=more)

    async def image(self, session_id: str, sha256: str) -> Image:
        """An image of a message. Raises `InvalidParams` if the session has no image with that hash."""
        data = await self._store.image(session_id, sha256)
        facts = None if data is None else read_facts(data)
        if data is None or facts is None:
            raise InvalidParams(
                "The session has no image with that hash.", fields=["sha256"], hint="Take the hash from the context of a message."
            )
        encoded = await asyncio.to_thread(base64.b64encode, data)
        return Image(
            sha256=sha256,
            mime_type=facts.mime_type,
            width=facts.width,
            height=facts.height,
            size=len(data),
            data=encoded.decode(),
        )

    # -- messages ----------------------------------------------------------------------------------------------------

    async def message(
        self, session_id: str, outgoing: Outgoing | str, *, scan: Mapping[str, Any] | None = None
    ) -> AnsweredExchange:
        """Send a message and wait until its reply has ended or stopped. Cancelling the wait cancels the reply.

        A `str` is a message with only this text. `scan`: the scanners answer instead of a model, with these arguments of the
        tool `scan` (see `review.py`).

        Raises what prevents its acceptance (`SessionPaused`, `SessionArchived`, `AgentNotFound`, `AgentUnavailable`,
        `NotPermitted` and `InvalidParams` for its context): then nothing has happened. An accepted message is kept; if its reply
        fails, the reply's error is raised, with the ids of both in its data. `MessageWithdrawn`: it was withdrawn before its
        reply began.
        """
        return await self._sending.message(session_id, _outgoing(outgoing), scan)

    async def send(self, session_id: str, outgoing: Outgoing | str) -> Exchange:
        """Like `message`, but a message that mentions participants (`@name`) and names no agent is only for them: they are
        notified, and no agent answers.
        """
        return await self._sending.send(session_id, _outgoing(outgoing))

    async def comment(self, session_id: str, text: str, *, context: Sequence[Context] = ()) -> Message:
        """Add a message that no agent answers. Raises `SessionPaused`, `SessionArchived`, `NotPermitted`."""
        return await self._sending.comment(session_id, Outgoing(text, context=context))

    # -- replies -----------------------------------------------------------------------------------------------------

    async def cancel(self, session_id: str) -> Session:
        """Cancel the reply being written, or one that stopped. Waiting messages stay."""
        return await self._control.cancel(session_id)

    async def withdraw(self, session_id: str, message_id: str) -> Session:
        """Withdraw a waiting message. Raises `MessageNotFound`, and `NotPermitted` once its reply has begun."""
        return await self._control.withdraw(session_id, message_id)

    async def reorder(self, session_id: str, message_ids: Sequence[str]) -> Session:
        """Answer these waiting messages first, in this order (see `ReplyControl.reorder`)."""
        return await self._control.reorder(session_id, message_ids)

    async def send_now(self, session_id: str, message_id: str) -> Session:
        """Answer this waiting message now, and nothing before it (see `ReplyControl.send_now`)."""
        return await self._control.send_now(session_id, message_id)

    async def pause(self, session_id: str) -> Session:
        return await self._control.pause(session_id)

    async def resume(self, session_id: str) -> Session:
        """Let the session accept messages again, and continue a stopped reply here."""
        return await self._control.resume(session_id)

    async def answer(self, session_id: str, request_id: str | None, decision: Answer) -> None:
        """Answer a question for permission (None: the only open one; see `ReplyControl.answer`)."""
        await self._control.answer(session_id, request_id, decision)

    async def questions(
        self, *, session_id: str | None = None, workspace_folder: str | None = None, limit: int = 50
    ) -> QuestionList:
        """The open questions of a session (default: of the sessions that `list` returns for the folder)."""
        if session_id is not None:
            sessions = [await self.get(session_id)]
        else:
            sessions = (await self.list(workspace_folder=workspace_folder, limit=limit)).sessions
        return open_questions(sessions)

    # -- findings ----------------------------------------------------------------------------------------------------

    async def findings(self, *, session_id: str | None = None, uri: str | None = None, state: str | None = None) -> FindingList:
        """The findings of a session (default: of the sessions of the open folders)."""
        if session_id is not None:
            await self._store.session(session_id)
            return FindingList(findings=await self._store.findings(session_id=session_id, uri=uri, state=state))
        return FindingList(findings=await self._store.findings(uri=uri, state=state, scope=await self.scope()))

    def collect_known_findings(self, session_id: str) -> contextlib.AbstractContextManager[Sequence[Finding]]:
        """A context whose list collects findings reported in the session here that were known already, from any session."""
        return self._replies.collect_known_findings(session_id)

    async def finding(self, finding_id: str) -> Finding:
        return await self._store.finding(finding_id)

    async def changed_findings(self, since: int | None) -> tuple[int, Sequence[Finding]]:
        """The findings of the open folders' sessions (of all, with no folder open) that changed since, and the next `since`."""
        return await self._store.changed_findings(since, scope=await self.scope(None if self._editor.folders else "*"))

    async def update_finding(
        self, finding_id: str, state: Literal["open", "fixed", "dismissed"], *, reason: str | None = None
    ) -> Finding:
        finding = await self._store.finding(finding_id)
        if finding.state != state:
            await self._change(
                finding.session_id,
                lambda change: transitions.change_finding(change, finding_id, state, reason, self._participant),
            )
        return await self._store.finding(finding_id)

    # -- changes by agents -------------------------------------------------------------------------------------------

    async def changes(self, session_id: str, scope: ChangeScope, *, texts: bool = False) -> ChangeList:
        """The changes that agents made to files, and their current state (see `ChangeScope`)."""
        return await self._changes.read(session_id, scope, texts=texts)

    async def revert(self, session_id: str, scope: ChangeScope, *, uri: str | None = None, hunk: str | None = None) -> Reverted:
        """Revert changes: all of them, those of a file, or one hunk.

        Raises `NotPermitted` and changes nothing if a later change by somebody prevents it.
        """
        return await self._changes.revert(session_id, scope, uri=uri, hunk=hunk)

    # -- the session itself ------------------------------------------------------------------------------------------

    async def switch_agent(self, session_id: str, agent: str, *, model: str | None = None) -> Session:
        name = self._agents.get(agent).name
        return await self._change(session_id, lambda change: transitions.switch_agent(change, name, model, self._participant))

    async def hand_over(self, session_id: str, to: str, *, note: str | None = None) -> Session:
        """Hand the session over to another participant. Raises `InvalidParams`, `SessionArchived`."""
        return await self._change(session_id, lambda change: transitions.hand_over(change, to, note, self._participant))

    async def set_budget(self, session_id: str, budget: float | None) -> Session:
        """Set the limit for the cost of models in US dollars; None for no limit. A paused session stays paused."""
        return await self._change(session_id, lambda change: transitions.set_budget(change, budget, self._participant))

    async def rename(self, session_id: str, title: str) -> Session:
        checked = validate_title(title)
        return await self._change(session_id, lambda change: transitions.rename(change, checked, self._participant))

    async def archive(self, session_id: str) -> Session:
        return await self._change(session_id, lambda change: transitions.archive(change, self._participant))

    async def unarchive(self, session_id: str) -> Session:
        return await self._change(session_id, lambda change: transitions.unarchive(change, self._participant))

    async def delete(self, session_id: str) -> None:
        await self._replies.delete(session_id)
        self._membership.deleted(session_id)

    async def fork(
        self, session_id: str, *, at: str | None = None, title: str | None = None, agent: str | None = None
    ) -> Session:
        """Create a child with everything up to and including message `at` (default: with all final messages).

        Final messages are shared by reference, so that a fork costs the same at any length. Other messages (a reply being
        written, waiting messages) are copied in their current state.
        """
        name = self._agents.get(agent).name if agent is not None else None
        forking = Forking(self._store, self._replies.change, self._participant)
        return await forking.fork(session_id, at=at, title=validate_title(title) if title is not None else None, agent=name)

    async def bring(self, foreign: ForeignSession) -> ImportResult:
        """Import a session of another program into the open folders (see `imports.py`)."""
        folders = list(self._editor.folders)
        imports = Imports(self._store, self._replies.change, self._participant, folders)
        return await imports.bring(foreign, await self._workspace.identities(folders))

    async def compact(self, session_id: str) -> Session:
        """Summarise the older part for the model; the newest message and its reply stay. Raises `ModelUnavailable`."""
        return await self._compacting.compact(session_id)

    async def window(self, session_id: str) -> WindowUse:
        """How much of its model's context window the session uses. Raises an error if its agent or model cannot answer."""
        return await self._compacting.window(session_id)

    async def export(
        self,
        session_id: str,
        format: Format,  # noqa: A002
        *,
        file: Path | None = None,
        unmasked: bool = False,
    ) -> Export:
        """The whole session as one document: returned, or written to `file`. Keys and tokens are masked, unless `unmasked`.

        Raises `InvalidParams` if it is too long to return, and `OSError` if the file cannot be written.
        """
        masking = None if unmasked else Masking()
        if file is not None:
            await export_to_file(self._store, session_id, format, file, masking)
            return Export(masked=len(masking.secrets) if masking is not None else 0)
        content = await export_text(self._store, session_id, format, masking)
        return Export(content=content, masked=len(masking.secrets) if masking is not None else 0)

    def export_pieces(self, session_id: str, format: Format, masking: Masking | None) -> AsyncIterator[str]:  # noqa: A002
        """The export in pieces, for any length. `masking` records what it masked; None: nothing is masked."""
        return export_pieces(self._store, session_id, format, masking)

    async def find_secrets(self, session_id: str) -> Sequence[MaskedSecret]:
        """Everything in a session that looks like a key, a token or a password, which an export would mask."""
        masking = Masking()
        async for _ in export_pieces(self._store, session_id, "json", masking):
            pass
        return masking.secrets

    async def document(self, session_id: str, *, before: str | None = None) -> tuple[str, str | None]:
        """A page of the session as Markdown: its newest messages, or those before the message `before`.

        Also returns the id of the page's first message, if there are earlier ones. A page is small, whatever the session's
        length.
        """
        session = await self._store.session(session_id)
        messages, more = await self._store.history(session_id, before=before, limit=_PAGE_MESSAGES)
        return await asyncio.to_thread(render_page, session, messages, more, _PAGE_SIZE)

    # -- catalogs ----------------------------------------------------------------------------------------------------

    async def agents(self) -> AgentList:
        installable = list(self._agents.installable())
        return AgentList(agents=self._agents.list(), default=self._defaults.agent, installable=installable or None)

    def definition(self, agent: str) -> Definition:
        """The agent's current definition. Reads the disk. Raises `AgentNotFound`, `AgentUnavailable`."""
        return self._agents.get(agent)

    async def skills(self) -> SkillList:
        return SkillList(skills=list(self._agents.skills()))

    async def models(self) -> ModelList:
        return ModelList(models=await self._models.list())

    def subscribe(self, callback: Callable[[Notice], None]) -> Callable[[], None]:
        """Subscribe to notices from all processes (see `Store.subscribe`)."""
        return self._store.subscribe(callback)

    @contextlib.asynccontextmanager
    async def following(self, session_id: str) -> AsyncIterator[None]:
        """Within this context, subscribers get the session's notices although it is not open here, for example to wait for a
        reply.
        """
        await self._store.follow(session_id)
        try:
            yield
        finally:
            self._store.unfollow(session_id)

    async def close_down(self) -> None:
        """Shut down: replies being written here are interrupted, and can be resumed later."""
        await self._replies.close()
        await self._membership.close_all()
        for job in list(self._background):
            job.cancel()
        if self._background:
            await asyncio.wait(self._background)

    # -- internals ---------------------------------------------------------------------------------------------------

    async def _change(self, session_id: str, decide: Callable[[Change], T]) -> T:
        return await self._replies.change(session_id, decide)

    async def _state(self, session_id: str) -> State:
        return await self._change(session_id, transitions.live_state)

    def _in_background(self, work: Coroutine[Any, Any, Any]) -> asyncio.Task[Any]:
        """Start work that nobody waits for. Its only expected error is that the session was deleted meanwhile."""

        async def run() -> None:
            with contextlib.suppress(SessionlsError):
                await work

        job = asyncio.create_task(run())
        self._background.add(job)
        job.add_done_callback(self._background.discard)
        return job


def _outgoing(message: Outgoing | str) -> Outgoing:
    return Outgoing(message) if isinstance(message, str) else message
