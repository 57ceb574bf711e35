"""Sessions for editors without a plugin: commands and code actions."""

from __future__ import annotations

import asyncio
import contextlib
import logging
from collections.abc import Callable, Coroutine, Sequence
from typing import TYPE_CHECKING, Any

from lsprotocol import types as lsp
from pygls.exceptions import JsonRpcException

from sessionls.domain import uris
from sessionls.domain.errors import InvalidParams, SessionlsError
from sessionls.domain.model import SelectionContext, Session, Wire
from sessionls.domain.results import Exchange
from sessionls.domain.stop_reasons import review_problem
from sessionls.ports.store import Notice
from sessionls.server.editor.convert import range_from_lsp
from sessionls.server.features.finding_actions import FIX, REVIEW, REVIEW_KIND, FindingActions, is_cursor
from sessionls.server.features.session_document import SCHEME, SessionDocuments, document_uri, session_of
from sessionls.server.features.session_file import offers
from sessionls.server.features.session_file.draft import range_reference
from sessionls.server.features.session_file.feature import ANSWER_KIND, SESSION_KIND, SessionFileFeature
from sessionls.server.handlers import HANDLERS, RequestContext
from sessionls.server.publishing.reply_progress import ReplyProgress, reporting
from sessionls.server.schema import params as p
from sessionls.server.schema.methods import COMMANDS
from sessionls.server.schema.params import AskAboutParams, MessageParams, Shown
from sessionls.server.transport import errors
from sessionls.sessions.review import ReviewStep, ReviewTarget, review

if TYPE_CHECKING:
    from sessionls.domain.model import Agent
    from sessionls.server.features.session_file.files import SessionFiles

__all__ = ["ACTION_KINDS", "ALL_COMMANDS", "ASK_ABOUT", "COMPOSE", "SHOW", "EditorCommands"]

log = logging.getLogger("sessionls")

ASK_ABOUT, COMPOSE, SHOW, OPEN_FILE = "sessionls.askAbout", "sessionls.compose", "sessionls.show", "sessionls.openFile"
_OWN_COMMANDS: dict[str, type[Wire]] = {
    ASK_ABOUT: AskAboutParams,
    COMPOSE: p.ComposeParams,
    SHOW: p.SessionParams,
    OPEN_FILE: p.SessionParams,
    FIX: p.FixParams,
    REVIEW: p.ReviewParams,
    offers.SEND_DRAFT: p.DocumentParams,
    offers.FORK_HERE: p.ForkHereParams,
    offers.ANSWER_HERE: p.AnswerHereParams,
    offers.EARLIER: p.DocumentParams,
    offers.OPEN_FINDING: p.FindingParams,
}
ALL_COMMANDS = (*COMMANDS, *_OWN_COMMANDS)
ASK_KIND = "sessionls.ask"
ACTION_KINDS = (ASK_KIND, ANSWER_KIND, SESSION_KIND, lsp.CodeActionKind.QuickFix, REVIEW_KIND)
_MAX_QUESTIONS = 10  # sessions whose questions code actions answer
_TITLE = 40  # characters of a session's title in a code action

# The question to an agent about a selection if the person typed none.
_QUESTIONS = {
    "code": "Look at the selected code: say what it does, and what you would change.",
    "review": "Review the selected code.",
    "security": "Review the selected code for security problems.",
    "explain": "Explain the selected code.",
    "test": "Write tests for the selected code.",
    "research": "Find out what is known about the problem that the selected code solves.",
}
_ANY_QUESTION = "Look at the selected code and do your task."


class EditorCommands:
    """Sessions through standard LSP."""

    def __init__(self, request: RequestContext, files: SessionFiles) -> None:
        self._request = request
        self._finding_actions = FindingActions(
            request,
            lambda message: self._run_in_background(self._ask(message)),
            lambda session, target, text: self._run_in_background(self._review(session, target, text)),
            self._folder_of,
        )
        self.documents = SessionDocuments(request, self._run_in_background)
        self.session_files = SessionFileFeature(request, files, self._run_in_background, self._show_message, self.show)
        self._last_session: dict[str, str] = {}  # by document: the session that was last asked about it here
        self._jobs: set[asyncio.Task[Any]] = set()

    # -- commands --------------------------------------------------------------------------------------------------------

    async def execute(self, params: lsp.ExecuteCommandParams) -> Wire:
        """Call the method for that command: the same params, result and errors."""
        self._request.editor.typing.typed()
        name = params.command
        arguments = dict(_only_argument(name, params.arguments))
        if (kind := _OWN_COMMANDS.get(name)) is not None:
            return await self._run(name, _read(kind, name, arguments))
        if (method := COMMANDS.get(name)) is None:
            raise InvalidParams(
                f"There is no command {name!r}.", fields=["command"], hint=f"Commands: {', '.join(sorted(ALL_COMMANDS))}."
            )
        if method.params is MessageParams and params.work_done_token is not None:
            arguments.setdefault("workDoneToken", params.work_done_token)
        return await HANDLERS[method.name](self._request, _read(method.params, name, arguments))

    async def _run(self, name: str, params: Any) -> Wire:
        files = self.session_files
        run: dict[str, Callable[[], Coroutine[Any, Any, Wire]]] = {
            ASK_ABOUT: lambda: self.ask_about(params),
            COMPOSE: lambda: self.compose(params),
            SHOW: lambda: self.show(params.session_id),
            OPEN_FILE: lambda: self.open_file(params.session_id),
            FIX: lambda: self._finding_actions.fix(params),
            REVIEW: lambda: self._finding_actions.review(params),
            offers.SEND_DRAFT: lambda: files.send(params),
            offers.FORK_HERE: lambda: files.fork(params),
            offers.ANSWER_HERE: lambda: files.answer(params),
            offers.EARLIER: lambda: files.earlier(params),
            offers.OPEN_FINDING: lambda: files.open_finding(params.finding_id),
        }
        return await run[name]()

    async def ask_about(self, params: AskAboutParams) -> Session:
        """Ask an agent about a range of a document, in that session or in a new one, and show it. Returns at once.

        Editors wait for the end of a command, some with all windows frozen; the reply appears in the document and in progress.
        """
        sessions = self._request.sessions
        if params.session_id is None:
            session = await sessions.create(agent=params.agent, workspace_folder=self._folder_of(params.uri))
        else:
            session = await sessions.get(params.session_id)
        self._last_session[uris.uri_key(params.uri)] = session.id
        message = MessageParams(
            session_id=session.id,
            text=params.text or _QUESTIONS.get(params.agent, _ANY_QUESTION),
            agent=params.agent if params.session_id is not None else None,
            context=[SelectionContext(uri=params.uri, range=params.range)],
        )
        self._run_in_background(self._ask(message))
        return session

    async def compose(self, params: p.ComposeParams) -> Session:
        """Show the file of that session, or of a new one, and add a reference to the range to the next message."""
        sessions = self._request.sessions
        if params.session_id is None:
            session = await sessions.create(agent=params.agent, workspace_folder=self._folder_of(params.uri))
        else:
            session = await sessions.get(params.session_id)
        self._last_session[uris.uri_key(params.uri)] = session.id
        await self.session_files.compose(session, range_reference(params.uri, params.range, self._request.editor))
        return session

    async def _ask(self, message: MessageParams) -> None:
        """Show the session and send the message. Problems are shown to the person, who may not be looking at the reply."""
        try:
            await self.show(message.session_id)
            exchange = await HANDLERS["session/message"](self._request, message)
            problem = review_problem(exchange.reply) if isinstance(exchange, Exchange) and exchange.reply else None
            if problem is not None:
                self._show_message(f"A reply in the session is not complete. {problem}", lsp.MessageType.Warning)
        except SessionlsError as error:
            self._show_error(error.message, error.hint)

    async def _review(self, session: Session, target: ReviewTarget, text: str) -> None:
        """Show the session and review in it. Problems are shown to the person, as above."""
        try:
            await self.show(session.id)
            result = await review(
                *(self._request.sessions, session.id, [session.agent], target, text),
                progress=lambda step: self._progress(session.id, step),
            )
            for problem in result.problems:
                if problem.answered:
                    self._show_message(str(problem), lsp.MessageType.Warning)
                else:
                    self._show_error(str(problem), problem.hint)
        except SessionlsError as error:
            self._show_error(error.message, error.hint)

    def _progress(self, session_id: str, step: ReviewStep) -> contextlib.AbstractAsyncContextManager[None]:
        if not self._request.client.wants_progress:
            return contextlib.nullcontext()
        progress = ReplyProgress(self._request.protocol, step.message_id, step.agent, None, None, begins_progress=True)
        return reporting(self._request.sessions, session_id, progress)

    def _folder_of(self, uri: str) -> str | None:
        """The innermost open folder that holds the document."""
        key = uris.uri_key(uri)
        roots = {folder: uris.uri_key(folder).rstrip("/") + "/" for folder in self._request.editor.folders}
        return max(
            (folder for folder, root in roots.items() if key.startswith(root)),
            key=lambda folder: len(roots[folder]),
            default=None,
        )

    def _show_error(self, message: str, hint: str) -> None:
        if not self._request.protocol.shut_down:  # during shutdown, errors are caused by the shutdown
            self._show_message(f"{message} {hint}")

    def _show_message(self, text: str, kind: lsp.MessageType = lsp.MessageType.Error) -> None:
        self._request.protocol.notify(lsp.WINDOW_SHOW_MESSAGE, lsp.ShowMessageParams(type=kind, message=f"sessionls: {text}"))

    # -- code actions ----------------------------------------------------------------------------------------------------

    async def code_actions(self, params: lsp.CodeActionParams) -> list[lsp.CodeAction]:
        """Code actions for open questions, for findings, for the file, and for a selection."""
        only = [str(_value(kind)) for kind in params.context.only or ()]

        def wants(kind: str) -> bool:
            return not only or any(_includes(requested, kind) for requested in only)

        uri = params.text_document.uri
        if self.session_files.keeper.of(uri) is not None:
            return await self.session_files.code_actions(params, wants)
        found: list[lsp.CodeAction] = []
        if not uri.lower().startswith(f"{SCHEME}:") and not self.session_files.owns(uri):  # a session's document is not code
            cursor = is_cursor(self._request.editor, params)
            found += await self._finding_actions.actions(params, wants, cursor=cursor)
            if wants(ASK_KIND):
                found += await self._ask_actions(params, cursor=cursor)
        elif (shown := session_of(uri)) is not None and wants(SESSION_KIND):
            command = lsp.Command(title="Write a message", command=OPEN_FILE, arguments=[{"sessionId": shown}])
            found.append(lsp.CodeAction(title="Write a message in this session", kind=SESSION_KIND, command=command))
        if wants(ANSWER_KIND) and not self._request.client.permissions:  # a plugin shows the questions itself
            found += await self._answer_actions(uri)
        return found

    async def _answer_actions(self, uri: str) -> list[lsp.CodeAction]:
        """Answers to open questions: in a session's document those of the session, elsewhere those of all listed sessions."""
        found = await self._request.sessions.questions(session_id=session_of(uri), limit=_MAX_QUESTIONS)
        return [
            lsp.CodeAction(
                title=f"{answer}: {asked.question.agent} asks: {asked.question.summary}",
                kind=ANSWER_KIND,
                command=lsp.Command(
                    title=answer,
                    command="sessionls.answer",
                    arguments=[{"sessionId": asked.session_id, "requestId": asked.question.request_id, "decision": decision}],
                ),
            )
            for asked in found.questions
            for answer, decision in (("Deny", "deny"), ("Allow once", "once"), ("Allow for this session", "session"))
        ]

    async def _ask_actions(self, params: lsp.CodeActionParams, *, cursor: bool) -> list[lsp.CodeAction]:
        """An action to write a question, and one for each agent that can be invoked and has `codeAction`: each in a new session,
        and in the one that is open for this file.
        """
        uri, range_ = params.text_document.uri, None if cursor else range_from_lsp(params.range)
        if cursor and params.context.trigger_kind == lsp.CodeActionTriggerKind.Automatic:  # sent with each move of the cursor
            return []
        agents = [agent for agent in (await self._request.sessions.agents()).agents if _is_offered(agent)] if range_ else []
        open_ = await self._open_session(uri)
        actions = []
        for session in [None, *([open_] if open_ else [])]:
            where = "" if session is None else f" in “{_short(session.title)}”"
            arguments = {"uri": uri, "range": None if range_ is None else range_.wire(), "sessionId": session and session.id}
            actions.append(_ask_action(f"Ask…{where}" if range_ else f"Ask about this file…{where}", COMPOSE, arguments))
            actions += [
                _ask_action(f"Ask {agent.name} about this{where}", ASK_ABOUT, {"agent": agent.name, **arguments})
                for agent in agents
            ]
        return actions

    async def _open_session(self, uri: str) -> Session | None:
        """The session that was asked about this file here, else the one whose file was opened last; None if neither is active."""
        files = self.session_files.keeper.open_sessions
        for session_id in [*filter(None, [self._last_session.get(uris.uri_key(uri))]), *reversed(files)]:
            with contextlib.suppress(SessionlsError):
                session = await self._request.sessions.get(session_id)
                if session.state == "active":
                    return session
        return None

    # -- documents -------------------------------------------------------------------------------------------------------

    async def show(self, session_id: str) -> Shown:
        """Show a session: as a document of the server where the client reads those, else as a file. Raises `SessionNotFound`."""
        session = await self._request.sessions.get(session_id)
        if not self._request.client.shows_sessions:
            return Shown(uri=await self.session_files.show(session))
        uri = document_uri(session_id)
        self._run_in_background(self._show(uri))
        return Shown(uri=uri)

    async def document_links(self, uri: str) -> list[lsp.DocumentLink]:
        """The links to earlier pages in a session's document."""
        buffer = self._request.editor.buffer(uri)
        return [] if buffer is None else self.documents.links(buffer.text)

    async def open_file(self, session_id: str) -> Shown:
        """Show the file of a session, in every editor. Raises `SessionNotFound`."""
        return Shown(uri=await self.session_files.show(await self._request.sessions.get(session_id)))

    async def _show(self, uri: str) -> None:
        params = lsp.ShowDocumentParams(uri=uri, take_focus=True)
        try:
            await self._request.protocol.send_request_async(lsp.WINDOW_SHOW_DOCUMENT, params)
        except JsonRpcException as error:
            log.warning("The client did not show a session: %s", error.message)

    def on_notice(self, notice: Notice) -> None:
        """Handle a notice of the feed."""
        self.documents.on_notice(notice)
        self.session_files.keeper.on_notice(notice)

    def _run_in_background(self, work: Coroutine[Any, Any, None]) -> None:
        job = asyncio.create_task(work)
        self._jobs.add(job)
        job.add_done_callback(self._jobs.discard)


def _ask_action(title: str, command: str, argument: dict[str, Any]) -> lsp.CodeAction:
    arguments = {key: value for key, value in argument.items() if value is not None}
    return lsp.CodeAction(title=title, kind=ASK_KIND, command=lsp.Command(title=title, command=command, arguments=[arguments]))


def _is_offered(agent: Agent) -> bool:
    return agent.available and agent.trusted and bool(agent.code_action)


def _short(title: str) -> str:
    return title if len(title) <= _TITLE else f"{title[:_TITLE]}…"


def _only_argument(name: str, arguments: Sequence[Any] | None) -> dict[str, Any]:
    first = arguments[0] if arguments else {}
    if not isinstance(first, dict) or len(arguments or ()) > 1:
        raise InvalidParams(f"The command {name} takes one object as its argument.", fields=["arguments"])
    return first


def _read(model: Any, name: str, arguments: dict[str, Any]) -> Any:
    return errors.read_params(model, arguments, name)


def _includes(requested: str, kind: str) -> bool:
    return kind == requested or kind.startswith(f"{requested}.") or requested == ""


def _value(kind: Any) -> Any:
    return getattr(kind, "value", kind)
