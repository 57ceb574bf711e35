"""Sessions for editors without a plugin: commands, code actions, and a session as a Markdown document."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import re
from collections.abc import Coroutine, Sequence
from typing import Any

from lsprotocol import types as lsp
from pygls.exceptions import JsonRpcException

from sessionls.domain import uris
from sessionls.domain.errors import InvalidParams, SessionlsError, SessionNotFound
from sessionls.domain.model import SelectionContext, Session, Wire
from sessionls.domain.results import Exchange
from sessionls.domain.stop_reasons import review_problem
from sessionls.ports.store import EventNotice, Notice
from sessionls.server.editor.convert import range_from_lsp
from sessionls.server.features.finding_actions import FIX, REVIEW, REVIEW_KIND, FindingActions, is_cursor
from sessionls.server.handlers import HANDLERS, RequestContext
from sessionls.server.publishing.reply_progress import ReplyProgress, reporting
from sessionls.server.schema.methods import COMMANDS
from sessionls.server.schema.params import AskAboutParams, FixParams, MessageParams, ReviewParams, SessionParams, Shown
from sessionls.server.transport import errors
from sessionls.sessions.review import ReviewStep, ReviewTarget, review

__all__ = ["ACTION_KINDS", "ALL_COMMANDS", "ASK_ABOUT", "SCHEME", "SHOW", "EditorCommands", "document_uri"]

log = logging.getLogger("sessionls")

SCHEME = "sessionls"
ASK_ABOUT, SHOW = "sessionls.askAbout", "sessionls.show"
ALL_COMMANDS = (*COMMANDS, ASK_ABOUT, SHOW, FIX, REVIEW)
ASK_KIND, ANSWER_KIND = "sessionls.ask", "sessionls.answer"
ACTION_KINDS = (ASK_KIND, ANSWER_KIND, lsp.CodeActionKind.QuickFix, REVIEW_KIND)
_ASKING = 10  # sessions whose questions code actions answer
_REFRESH_GAP = 0.25  # seconds between two refreshes of a shown session
_DOCUMENT = re.compile(rf"{SCHEME}:/*(?P<id>[0-9a-zA-Z-]+)\.md")

# What an agent is asked about a selection if the person typed nothing.
_QUESTIONS = {
    "code": "Look at the selected code: say what it does, and what you would change.",
    "review": "Review the selected code.",
    "security": "Review the selected code for security problems.",
    "explain": "Explain the selected code.",
    "test": "Write tests for the selected code.",
    "research": "Find out what is known about the problem that the selected code solves.",
}
_ANY_QUESTION = "Look at the selected code and do what you are for."


def document_uri(session_id: str) -> str:
    """The URI of a session as a Markdown document."""
    return f"{SCHEME}:/{session_id}.md"


class EditorCommands:
    """Sessions through standard LSP."""

    def __init__(self, request: RequestContext) -> None:
        self._request = request
        self._finding_actions = FindingActions(
            request,
            lambda message: self._begin(self._ask(message)),
            lambda session, target, text: self._begin(self._review(session, target, text)),
            self._folder_of,
        )
        self._shown: set[str] = set()
        self._due: dict[str, asyncio.TimerHandle] = {}
        self._jobs: set[asyncio.Task[Any]] = set()

    # -- commands --------------------------------------------------------------------------------------------------------

    async def execute(self, params: lsp.ExecuteCommandParams) -> Wire:
        """Call the method for that command: the same params, result and errors."""
        name = params.command
        given = dict(_only_argument(name, params.arguments))
        if name == ASK_ABOUT:
            return await self.ask_about(_read(AskAboutParams, name, given))
        if name == SHOW:
            return await self.show(_read(SessionParams, name, given).session_id)
        if name == FIX:
            return await self._finding_actions.fix(_read(FixParams, name, given))
        if name == REVIEW:
            return await self._finding_actions.review(_read(ReviewParams, name, given))
        if (method := COMMANDS.get(name)) is None:
            raise InvalidParams(
                f"There is no command {name!r}.", fields=["command"], hint=f"Commands: {', '.join(sorted(ALL_COMMANDS))}."
            )
        if method.params is MessageParams and params.work_done_token is not None:
            given.setdefault("workDoneToken", params.work_done_token)
        return await HANDLERS[method.name](self._request, _read(method.params, name, given))

    async def ask_about(self, params: AskAboutParams) -> Session:
        """Create and show a session about a range of a document, and send its first message. Answers at once.

        Editors wait for the end of a command, some with all windows frozen; the reply appears in the document and in progress.
        """
        sessions = self._request.sessions
        session = await sessions.create(agent=params.agent, workspace_folder=self._folder_of(params.uri))
        message = MessageParams(
            session_id=session.id,
            text=params.text or _QUESTIONS.get(params.agent, _ANY_QUESTION),
            context=[SelectionContext(uri=params.uri, range=params.range)],
        )
        self._begin(self._ask(message))
        return session

    async def _ask(self, message: MessageParams) -> None:
        """Show the session and send the message. Its problems go to the person: nobody may be looking at the reply."""
        try:
            await self.show(message.session_id)
            exchange = await HANDLERS["session/message"](self._request, message)
            problem = review_problem(exchange.reply) if isinstance(exchange, Exchange) else None
            if problem is not None:
                self._tell(f"A reply in the session is not complete. {problem}", lsp.MessageType.Warning)
        except SessionlsError as error:
            self._tell_error(error.message, error.hint)

    async def _review(self, session: Session, target: ReviewTarget, text: str) -> None:
        """Show the session and review in it. Its problems go to the person, as above."""
        try:
            await self.show(session.id)
            done = await review(
                *(self._request.sessions, session.id, [session.agent], target, text),
                progress=lambda step: self._progress(session.id, step),
            )
            for problem in done.problems:
                if problem.answered:
                    self._tell(str(problem), lsp.MessageType.Warning)
                else:
                    self._tell_error(str(problem), problem.hint)
        except SessionlsError as error:
            self._tell_error(error.message, error.hint)

    def _progress(self, session_id: str, step: ReviewStep) -> contextlib.AbstractAsyncContextManager[None]:
        if not self._request.client.wants_progress:
            return contextlib.nullcontext()
        progress = ReplyProgress(self._request.protocol, step.message_id, step.agent, None, None, ask=True)
        return reporting(self._request.sessions, session_id, progress)

    def _folder_of(self, uri: str) -> str | None:
        """The innermost open folder that holds the document."""
        key = uris.uri_key(uri)
        roots = {folder: uris.uri_key(folder).rstrip("/") + "/" for folder in self._request.editor.folders}
        return max(
            (folder for folder, root in roots.items() if key.startswith(root)), key=lambda one: len(roots[one]), default=None
        )

    def _tell_error(self, message: str, hint: str) -> None:
        if not self._request.protocol.shut_down:  # otherwise the shutdown is the cause, and whoever closed the editor knows
            self._tell(f"{message} {hint}")

    def _tell(self, words: str, kind: lsp.MessageType = lsp.MessageType.Error) -> None:
        self._request.protocol.notify(lsp.WINDOW_SHOW_MESSAGE, lsp.ShowMessageParams(type=kind, message=f"sessionls: {words}"))

    # -- code actions ----------------------------------------------------------------------------------------------------

    async def code_actions(self, params: lsp.CodeActionParams) -> list[lsp.CodeAction]:
        """Code actions for open questions, for findings, for the file, and for a selection."""
        only = [str(_value(kind)) for kind in params.context.only or ()]

        def wants(kind: str) -> bool:
            return not only or any(_covers(one, kind) for one in only)

        found: list[lsp.CodeAction] = []
        if not params.text_document.uri.lower().startswith(f"{SCHEME}:"):  # a session's document is not code
            cursor = is_cursor(self._request.editor, params)
            found += await self._finding_actions.actions(params, wants, cursor=cursor)
            if not cursor and wants(ASK_KIND):
                found += await self._ask_actions(params)
        if wants(ANSWER_KIND) and not self._request.client.permissions:  # a plugin shows the questions itself
            found += await self._answer_actions(params.text_document.uri)
        return found

    async def _answer_actions(self, uri: str) -> list[lsp.CodeAction]:
        """Answers to open questions: in a session's document those of the session, elsewhere those of all listed sessions."""
        shown = _DOCUMENT.fullmatch(uri)
        found = await self._request.sessions.questions(session_id=shown["id"] if shown else None, limit=_ASKING)
        return [
            lsp.CodeAction(
                title=f"{words}: {asked.question.agent} asks: {asked.question.summary}",
                kind=ANSWER_KIND,
                command=lsp.Command(
                    title=words,
                    command="sessionls.answer",
                    arguments=[{"sessionId": asked.session_id, "requestId": asked.question.request_id, "decision": decision}],
                ),
            )
            for asked in found.questions
            for words, decision in (("Deny", "deny"), ("Allow once", "once"), ("Allow for this session", "session"))
        ]

    async def _ask_actions(self, params: lsp.CodeActionParams) -> list[lsp.CodeAction]:
        """`Ask <agent> about this`, for each agent that can be invoked and wants a code action."""
        found = await self._request.sessions.agents()
        return [
            lsp.CodeAction(
                title=f"Ask {agent.name} about this",
                kind=ASK_KIND,
                command=lsp.Command(
                    title=f"Ask {agent.name}",
                    command=ASK_ABOUT,
                    arguments=[
                        {"agent": agent.name, "uri": params.text_document.uri, "range": range_from_lsp(params.range).wire()}
                    ],
                ),
            )
            for agent in found.agents
            if agent.available and agent.trusted and agent.code_action
        ]

    # -- documents -------------------------------------------------------------------------------------------------------

    async def content(self, uri: str) -> str:
        """The text of a session's document. From now on the client is notified when it changes."""
        match = _DOCUMENT.fullmatch(uri)
        if match is None:
            raise InvalidParams(f"{uri!r} is not the document of a session.", fields=["uri"])
        session_id = match["id"]
        new = session_id not in self._shown
        self._shown.add(session_id)  # before it is read, so that no change is missed
        try:
            return await self._request.sessions.document(session_id)
        except SessionNotFound:
            if new:
                self._shown.discard(session_id)
            raise

    async def show(self, session_id: str) -> Shown:
        """Show a session as a document; if the client cannot, say how to read it. Raises `SessionNotFound`."""
        await self._request.sessions.get(session_id)
        uri = document_uri(session_id)
        if self._request.client.shows_sessions:
            self._begin(self._show(uri))
        else:
            where = f"`sessionls show {session_id[-8:]}` in a terminal"
            self._tell(f"This editor cannot show the session. To read it: {where}.", lsp.MessageType.Info)
        return Shown(uri=uri)

    async def _show(self, uri: str) -> None:
        asked = lsp.ShowDocumentParams(uri=uri, take_focus=True)
        try:
            await self._request.protocol.send_request_async(lsp.WINDOW_SHOW_DOCUMENT, asked)
        except JsonRpcException as error:
            log.warning("The client did not show a session: %s", error.message)

    def on_notice(self, notice: Notice) -> None:
        """Notify the client that a shown session changed, at most a few times a second."""
        session_id = notice.event.session_id if isinstance(notice, EventNotice) else notice.session_id
        if session_id in self._shown and session_id not in self._due and self._request.client.reads_content:
            self._due[session_id] = asyncio.get_running_loop().call_later(_REFRESH_GAP, self._refresh, session_id)

    def _refresh(self, session_id: str) -> None:
        del self._due[session_id]
        self._begin(self._refreshed(session_id))

    async def _refreshed(self, session_id: str) -> None:
        asked = lsp.TextDocumentContentRefreshParams(uri=document_uri(session_id))
        try:
            await self._request.protocol.send_request_async(lsp.WORKSPACE_TEXT_DOCUMENT_CONTENT_REFRESH, asked)
        except JsonRpcException as error:
            log.warning("The client did not refresh a session: %s", error.message)

    def _begin(self, work: Coroutine[Any, Any, None]) -> None:
        job = asyncio.create_task(work)
        self._jobs.add(job)
        job.add_done_callback(self._jobs.discard)


def _only_argument(name: str, arguments: Sequence[Any] | None) -> dict[str, Any]:
    first = arguments[0] if arguments else {}
    if not isinstance(first, dict) or len(arguments or ()) > 1:
        raise InvalidParams(f"The command {name} takes one object as its argument.", fields=["arguments"])
    return first


def _read(model: Any, name: str, given: dict[str, Any]) -> Any:
    return errors.read_ours(model, given, name)


def _covers(asked: str, kind: str) -> bool:
    return kind == asked or kind.startswith(f"{asked}.") or asked == ""


def _value(kind: Any) -> Any:
    return getattr(kind, "value", kind)
