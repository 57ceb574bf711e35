"""Session files in the language server: commands, code actions, code lenses and editors' requests."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Callable, Coroutine
from typing import TYPE_CHECKING, Any

from lsprotocol import types as lsp
from pygls.exceptions import JsonRpcException

from sessionls.domain import events as ev
from sessionls.domain import uris
from sessionls.domain.errors import InvalidParams, NotPermitted, SessionlsError
from sessionls.domain.ids import new_id
from sessionls.domain.model import Range, Session
from sessionls.domain.stop_reasons import review_problem
from sessionls.ports.store import EventNotice, Notice
from sessionls.server.editor.convert import position_from_lsp, range_from_lsp, range_to_lsp
from sessionls.server.features.session_file import assist, outline
from sessionls.server.features.session_file import draft as drafts
from sessionls.server.features.session_file.files import SessionFiles, is_session_file
from sessionls.server.features.session_file.keeper import OpenFile, SessionFileKeeper
from sessionls.server.features.session_file.marks import SessionText, parse
from sessionls.server.features.session_file.offers import Offer, offers
from sessionls.server.handlers import send_message
from sessionls.server.schema.params import AnswerHereParams, DocumentParams, Empty, ForkHereParams, MessageParams, Shown
from sessionls.sessions.workspace.positions import Lines

if TYPE_CHECKING:
    from sessionls.server.handlers import RequestContext

__all__ = ["ANSWER_KIND", "SESSION_KIND", "SessionFileFeature"]

SESSION_KIND, ANSWER_KIND = "sessionls.session", "sessionls.answer"
_READING = 0.5  # seconds: nobody can read a question and decide faster


class SessionFileFeature:
    """`begin` starts work in the background; `tell` and `tell_error` show a message to the person; `show` shows a session."""

    def __init__(
        self,
        request: RequestContext,
        files: SessionFiles,
        begin: Callable[[Coroutine[Any, Any, None]], None],
        tell: Callable[[str, lsp.MessageType], None],
        show: Callable[[str], Coroutine[Any, Any, Shown]],
    ) -> None:
        self._request = request
        self._sessions = request.sessions
        self._begin = begin
        self._show_message = tell
        self._show = show
        self._sending: set[str] = set()  # the places of messages that were sent, or are being sent
        self.files = files
        self.keeper = SessionFileKeeper(
            request, self.files, lambda words: tell(words, lsp.MessageType.Warning), self._refresh_lenses
        )

    def owns(self, uri: str) -> bool:
        """Whether the document is the file of a session."""
        return is_session_file(uri) and self.files.session_of(uri) is not None

    # -- commands --------------------------------------------------------------------------------------------------------

    async def send(self, params: DocumentParams) -> Session:
        """Send the next message of a session file. Returns when it was accepted; the reply is added to the file later.

        Raises an error if it is not accepted; then the file does not change.
        """
        opened, text = self._opened(params.uri)
        found = await asyncio.to_thread(parse, text, opened.session_id)
        if found.draft is None:
            opened.behind = True
            opened.wake.set()
            raise InvalidParams(
                "The heading “Next message” is missing in this file.",
                fields=["uri"],
                hint="It will be added at the end of the file. Write your message below it.",
            )
        if found.draft.nonce in self._sending:
            raise NotPermitted("This message was already sent.", hint="The file is updated when you save it.")
        written = drafts.read(found.draft.text)
        if not written.text:
            raise InvalidParams("There is no message to send.", fields=["uri"], hint="Write it below “Next message”.")
        session = await self._sessions.get(opened.session_id)
        agent = None if written.agent is None else drafts.known_agent(written.agent, (await self._sessions.agents()).agents)
        folders = [*self._request.editor.folders] or session.workspace_folders
        context = await drafts.resolve(written.words, folders, self._request.editor)
        self._warn_of_folders(session)
        message = MessageParams(session_id=session.id, text=written.text, agent=agent, context=context or None)
        self._sending.add(found.draft.nonce)
        opened.sent = found.draft.text.rstrip()
        try:
            await self._accepted(message)
        except BaseException:
            self._sending.discard(found.draft.nonce)
            raise
        return await self._sessions.get(session.id)

    async def _accepted(self, message: MessageParams) -> None:
        """Send the message and wait until it is in the session."""
        message_id, accepted = new_id(), asyncio.Event()

        def on_notice(notice: Notice) -> None:
            match notice:
                case EventNotice(event=ev.MessageSent(message=sent)) if sent.id == message_id:
                    accepted.set()
                case _:
                    pass

        async with self._sessions.following(message.session_id):
            unsubscribe = self._sessions.subscribe(on_notice)
            sending = asyncio.create_task(self._send(message, message_id))
            waiting = asyncio.create_task(accepted.wait())
            try:
                await asyncio.wait([sending, waiting], return_when=asyncio.FIRST_COMPLETED)
            finally:
                unsubscribe()
                waiting.cancel()
        if sending.done() and not accepted.is_set():
            sending.result()
        self._begin(self._finish(sending))

    async def _send(self, message: MessageParams, message_id: str) -> None:
        exchange = await send_message(self._request, message, message_id)
        if exchange.reply is not None and (problem := review_problem(exchange.reply)) is not None:
            self._show_message(f"A reply in the session is not complete. {problem}", lsp.MessageType.Warning)

    async def _finish(self, sending: asyncio.Task[None]) -> None:
        try:
            await sending
        except SessionlsError as error:
            if not self._request.protocol.shut_down:
                self._show_message(f"{error.message} {error.hint}", lsp.MessageType.Error)

    def _warn_of_folders(self, session: Session) -> None:
        here = {uris.uri_key(folder).rstrip("/") for folder in self._request.editor.folders}
        theirs = [folder for folder in session.workspace_folders if uris.uri_key(folder).rstrip("/") not in here]
        if theirs and len(theirs) == len(session.workspace_folders):
            names = ", ".join(uris.labels(theirs))
            self._show_message(
                f"The folder of this session ({names}) is not open in this editor, so agents cannot read it. Send from an editor "
                "that has it open.",
                lsp.MessageType.Warning,
            )

    async def fork(self, params: ForkHereParams) -> Session:
        """Fork the session up to that message, and show the fork."""
        session = await self._sessions.fork(params.session_id, at=params.at)
        await self._show(session.id)
        return session

    async def answer(self, params: AnswerHereParams) -> Empty:
        """Answer a question that the file shows. Permission counts only if there was time to read the question."""
        opened, _ = self._opened(params.uri)
        shown = opened.shown.get(params.request_id)
        if params.decision != "deny" and (shown is None or asyncio.get_running_loop().time() - shown < _READING):
            raise NotPermitted("The question had only just appeared.", hint="Read it, and choose again.")
        await self._sessions.answer(opened.session_id, params.request_id, params.decision)
        return Empty()

    async def earlier(self, params: DocumentParams) -> Empty:
        """Put earlier messages into the file."""
        if not await self.keeper.earlier(params.uri):
            raise NotPermitted("The file cannot be changed now.", hint="Save it, and try again.")
        return Empty()

    async def open_finding(self, finding_id: str) -> Shown:
        """Show the code of a finding."""
        finding = self._request.findings.with_current_range(await self._sessions.finding(finding_id))
        await self.show_file(finding.uri, finding.range)
        return Shown(uri=finding.uri)

    # -- showing ---------------------------------------------------------------------------------------------------------

    async def show(self, session: Session) -> str:
        """Show the session's file, and return its URI. If the editor cannot show documents, the person gets the path."""
        path = await self.keeper.create(session)
        uri = uris.from_path(path)
        text = await asyncio.to_thread(self.files.read, path) or ""
        # In the last line that every editor has: to Neovim there is none behind the last line end.
        end = Lines(text, self._request.editor.encoding).position(len(text.removesuffix("\n").removesuffix("\r")))
        await self.show_file(uri, Range(start=end, end=end))
        return uri

    async def compose(self, session: Session, words: str) -> str:
        """Show the session's file with these words in the next message, so that the person can add a question."""
        path, position = await self.keeper.add_to_draft(session, words)
        uri = uris.from_path(path)
        await self.show_file(uri, Range(start=position, end=position))
        return uri

    async def show_file(self, uri: str, range_: Range) -> None:
        if self._request.client.shows_documents:
            self._begin(self._show_file(uri, range_))
        else:
            self._show_message(
                f"This editor cannot open files for a language server. Open {uris.to_path(uri) or uri}", lsp.MessageType.Info
            )

    async def _show_file(self, uri: str, range_: Range) -> None:
        asked = lsp.ShowDocumentParams(uri=uri, take_focus=True, selection=range_to_lsp(range_))
        try:
            result: lsp.ShowDocumentResult = await self._request.protocol.send_request_async(lsp.WINDOW_SHOW_DOCUMENT, asked)
        except JsonRpcException:
            result = lsp.ShowDocumentResult(success=False)
        if not result.success:
            self._show_message(f"The editor did not open {uris.to_path(uri) or uri}", lsp.MessageType.Warning)

    # -- editors' requests --------------------------------------------------------------------------------------------

    async def code_lenses(self, uri: str) -> list[lsp.CodeLens]:
        found, made = await self._offers(uri)
        lines = Lines(found.text, self._request.editor.encoding)
        lenses = []
        for offer in made:
            at = lines.position(offer.at)
            range_ = Range(start=at, end=at)
            lenses.append(lsp.CodeLens(range=range_to_lsp(range_), command=_command(offer)))
        return lenses

    async def code_actions(self, params: lsp.CodeActionParams, wants: Callable[[str], bool]) -> list[lsp.CodeAction]:
        found, made = await self._offers(params.text_document.uri)
        start, end = Lines(found.text, self._request.editor.encoding).span(range_from_lsp(params.range))
        actions = []
        for offer in made:
            kind = SESSION_KIND if offer.answers is None else ANSWER_KIND
            if wants(kind) and offer.start <= end and start <= offer.end:
                title = offer.title if offer.answers is None else f"{offer.title}: {offer.answers}"
                actions.append(lsp.CodeAction(title=title, kind=kind, command=_command(offer)))
        return actions

    async def _offers(self, uri: str) -> tuple[SessionText, list[Offer]]:
        found = await self._parsed(uri)
        session, known = await self._sessions.get(found.session_id), await self._sessions.agents()
        return found, list(offers(found, session, known.agents, uri))

    async def symbols(self, uri: str) -> list[lsp.DocumentSymbol]:
        return outline.symbols(await self._parsed(uri), self._request.editor.encoding)

    async def folds(self, uri: str) -> list[lsp.FoldingRange]:
        return await asyncio.to_thread(outline.folds, await self._parsed(uri))

    async def links(self, uri: str) -> list[lsp.DocumentLink]:
        found = await self._parsed(uri)
        folders = [*self._request.editor.folders]
        with contextlib.suppress(SessionlsError):
            folders += (await self._sessions.get(found.session_id)).workspace_folders
        made = await asyncio.to_thread(outline.links, found, folders, self._request.editor.encoding)
        return [
            lsp.DocumentLink(range=range_to_lsp(range_), target=target, data=None if session is None else {"sessionId": session})
            for range_, target, session in made
        ]

    async def resolve_link(self, link: lsp.DocumentLink) -> lsp.DocumentLink:
        """The file of the session that a link names."""
        if isinstance(link.data, dict) and isinstance(session_id := link.data.get("sessionId"), str):
            link.target = uris.from_path(await self.keeper.create(await self._sessions.get(session_id)))
        return link

    async def completions(self, uri: str, position: lsp.Position) -> list[lsp.CompletionItem]:
        found, known = await self._parsed(uri), await self._sessions.agents()
        items, typed, range_ = assist.completions(found, position_from_lsp(position), self._request.editor.encoding, known.agents)
        if typed is None or range_ is None:
            return items
        return await asyncio.to_thread(assist.path_completions, typed, range_, self._request.editor.folders)

    async def hover(self, uri: str, position: lsp.Position) -> lsp.Hover | None:
        found = await self._parsed(uri)
        at = assist.agent_at(found, position_from_lsp(position), self._request.editor.encoding)
        if at is None:
            return None
        agent = next(
            (known for known in (await self._sessions.agents()).agents if known.name.casefold() == at[0].casefold()), None
        )
        if agent is None:
            return None
        definition = None
        with contextlib.suppress(SessionlsError):
            definition = await asyncio.to_thread(self._sessions.definition, agent.name)
        words = lsp.MarkupContent(kind=lsp.MarkupKind.Markdown, value=assist.describe(agent, definition))
        return lsp.Hover(contents=words, range=range_to_lsp(at[1]))

    # -- inside ----------------------------------------------------------------------------------------------------------

    async def _parsed(self, uri: str) -> SessionText:
        opened, text = self._opened(uri)
        return await asyncio.to_thread(parse, text, opened.session_id)

    def _opened(self, uri: str) -> tuple[OpenFile, str]:
        opened, buffer = self.keeper.of(uri), self._request.editor.buffer(uri)
        if opened is None or buffer is None:
            raise InvalidParams(
                "This document is not an open session file.",
                fields=["uri"],
                hint="Open the file of a session with `sessionls.show`.",
            )
        return opened, buffer.text

    def _refresh_lenses(self) -> None:
        if self._request.client.refreshes_lenses:
            self._begin(self._lenses_refreshed())

    async def _lenses_refreshed(self) -> None:
        with contextlib.suppress(JsonRpcException):
            await self._request.protocol.send_request_async(lsp.WORKSPACE_CODE_LENS_REFRESH, None)


def _command(offer: Offer) -> lsp.Command:
    return lsp.Command(title=offer.title, command=offer.command, arguments=[offer.argument])
