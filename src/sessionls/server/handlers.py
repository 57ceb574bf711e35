"""The handlers of the custom requests: each calls one method of `Sessions`."""

from __future__ import annotations

import os
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

from sessionls.domain import results as r
from sessionls.domain import uris
from sessionls.domain.errors import InvalidParams
from sessionls.domain.ids import new_id
from sessionls.domain.model import DiagnosticsContext, Finding, Message, Session, Wire
from sessionls.server.publishing.reply_progress import PartialText, ReplyProgress, reporting
from sessionls.server.schema import params as p
from sessionls.server.schema.methods import REQUESTS
from sessionls.sessions.changes.changes import ChangeScope
from sessionls.sessions.completion import ModelReply, model_reply
from sessionls.sessions.composing import Outgoing

if TYPE_CHECKING:
    from sessionls.ports.models import Models
    from sessionls.server.editor.capabilities import Client
    from sessionls.server.editor.lsp_editor import LspEditor
    from sessionls.server.publishing.finding_tracker import FindingTracker
    from sessionls.server.publishing.session_notifications import SessionNotifications
    from sessionls.server.transport.protocol import SessionProtocol
    from sessionls.sessions.service import Sessions

__all__ = ["HANDLERS", "RequestContext", "send_message"]

_LIST_BYTES = 4 << 20  # of findings in one response


@dataclass(frozen=True, slots=True)
class RequestContext:
    """What the handlers of one connection need."""

    sessions: Sessions
    models: Models
    editor: LspEditor
    notices: SessionNotifications
    findings: FindingTracker
    protocol: SessionProtocol
    client: Client


Handler = Callable[[RequestContext, Any], Awaitable[Wire]]
_H = TypeVar("_H", bound=Handler)

HANDLERS: dict[str, Handler] = {}
"""The handler of each request, by the name of its method."""


def _handles(method: str) -> Callable[[_H], _H]:
    """Register the handler of a request that the table of methods has."""
    if method not in REQUESTS or method in HANDLERS:
        raise ValueError(f"{method} is not in the table of methods, or has a handler already.")

    def register(handler: _H) -> _H:
        HANDLERS[method] = handler
        return handler

    return register


@_handles("session/create")
async def create(request: RequestContext, params: p.CreateParams) -> Session:
    return await request.sessions.create(
        title=params.title,
        agent=params.agent,
        model=params.model,
        workspace_folder=params.workspace_folder,
        budget=params.budget,
    )


@_handles("session/list")
async def list_(request: RequestContext, params: p.ListParams) -> r.SessionList:
    return await request.sessions.list(
        workspace_folder=params.workspace_folder,
        state=params.state,
        query=params.query,
        limit=params.limit,
        cursor=params.cursor,
    )


@_handles("session/get")
async def get(request: RequestContext, params: p.SessionParams) -> Session:
    return await request.sessions.get(params.session_id)


@_handles("session/open")
async def open_(request: RequestContext, params: p.OpenParams) -> r.Opened:
    hold = request.notices.hold(params.session_id)
    request.protocol.after_response(hold.release)
    hold.opened = await request.sessions.open(params.session_id, limit=params.limit, after=params.after)
    return hold.opened


@_handles("session/close")
async def close(request: RequestContext, params: p.SessionParams) -> p.Empty:
    await request.sessions.close(params.session_id)
    request.notices.close(params.session_id)
    return p.Empty()


@_handles("session/history")
async def history(request: RequestContext, params: p.HistoryParams) -> r.History:
    return await request.sessions.history(params.session_id, before=params.before, limit=params.limit)


@_handles("session/message")
async def message(request: RequestContext, params: p.MessageParams) -> r.Exchange:
    return await send_message(request, params, new_id())


async def send_message(request: RequestContext, params: p.MessageParams, message_id: str) -> r.Exchange:
    """Send a message with that id and wait for its reply, whose progress the client sees."""
    begins_progress = request.client.wants_progress
    reports_progress = begins_progress or params.work_done_token is not None or params.partial_result_token is not None
    if not reports_progress:
        return await _send(request, params, message_id)
    title = params.agent or (await request.sessions.get(params.session_id)).agent
    progress = ReplyProgress(
        request.protocol, message_id, title, params.work_done_token, params.partial_result_token, begins_progress=begins_progress
    )
    async with reporting(request.sessions, params.session_id, progress):
        exchange = await _send(request, params, message_id)
        if exchange.reply is not None:
            progress.finish(exchange.reply)
        return exchange


async def _send(request: RequestContext, params: p.MessageParams, message_id: str) -> r.Exchange:
    for context in params.context or ():
        if isinstance(context, DiagnosticsContext) and context.diagnostics is not None:
            request.editor.record_diagnostics(context.uri, context.diagnostics, context.range)
    return await request.sessions.send(
        params.session_id,
        Outgoing(
            params.text,
            agent=params.agent,
            model=params.model,
            context=params.context or (),
            delivery=params.delivery,
            message_id=message_id,
            replaces=params.replaces,
        ),
    )


@_handles("session/comment")
async def comment(request: RequestContext, params: p.CommentParams) -> Message:
    return await request.sessions.comment(params.session_id, params.text, context=params.context or ())


@_handles("session/cancel")
async def cancel(request: RequestContext, params: p.SessionParams) -> Session:
    return await request.sessions.cancel(params.session_id)


@_handles("session/withdraw")
async def withdraw(request: RequestContext, params: p.WaitingMessageParams) -> Session:
    return await request.sessions.withdraw(params.session_id, params.message_id)


@_handles("session/sendNow")
async def send_now(request: RequestContext, params: p.WaitingMessageParams) -> Session:
    return await request.sessions.send_now(params.session_id, params.message_id)


@_handles("session/reorder")
async def reorder(request: RequestContext, params: p.ReorderParams) -> Session:
    return await request.sessions.reorder(params.session_id, params.message_ids)


@_handles("session/switchAgent")
async def switch_agent(request: RequestContext, params: p.SwitchAgentParams) -> Session:
    return await request.sessions.switch_agent(params.session_id, params.agent, model=params.model)


@_handles("session/pause")
async def pause(request: RequestContext, params: p.SessionParams) -> Session:
    return await request.sessions.pause(params.session_id)


@_handles("session/resume")
async def resume(request: RequestContext, params: p.SessionParams) -> Session:
    return await request.sessions.resume(params.session_id)


@_handles("session/fork")
async def fork(request: RequestContext, params: p.ForkParams) -> Session:
    return await request.sessions.fork(params.session_id, at=params.at, title=params.title, agent=params.agent)


@_handles("session/rename")
async def rename(request: RequestContext, params: p.RenameParams) -> Session:
    return await request.sessions.rename(params.session_id, params.title)


@_handles("session/handOver")
async def hand_over(request: RequestContext, params: p.HandOverParams) -> Session:
    return await request.sessions.hand_over(params.session_id, params.to, note=params.note)


@_handles("session/setBudget")
async def set_budget(request: RequestContext, params: p.SetBudgetParams) -> Session:
    return await request.sessions.set_budget(params.session_id, params.budget)


@_handles("session/archive")
async def archive(request: RequestContext, params: p.SessionParams) -> Session:
    return await request.sessions.archive(params.session_id)


@_handles("session/unarchive")
async def unarchive(request: RequestContext, params: p.SessionParams) -> Session:
    return await request.sessions.unarchive(params.session_id)


@_handles("session/delete")
async def delete(request: RequestContext, params: p.SessionParams) -> p.Empty:
    await request.sessions.delete(params.session_id)
    return p.Empty()


@_handles("session/share")
async def share(request: RequestContext, params: p.ShareParams) -> Session:
    return await request.sessions.sharing.share(params.session_id, params.with_, params.role)


@_handles("session/unshare")
async def unshare(request: RequestContext, params: p.UnshareParams) -> Session:
    return await request.sessions.sharing.unshare(params.session_id, params.with_)


@_handles("session/people")
async def people(request: RequestContext, params: p.PeopleParams) -> r.People:
    found = await request.sessions.sharing.people(params.session_id)
    if not params.secrets or found.notice is not None:
        return found
    return found.model_copy(update={"secrets": len(await request.sessions.find_secrets(params.session_id))})


@_handles("session/search")
async def search(request: RequestContext, params: p.SearchParams) -> r.SearchResult:
    return await request.sessions.search(params.query, workspace_folder=params.workspace_folder, limit=params.limit)


@_handles("session/export")
async def export(request: RequestContext, params: p.ExportParams) -> r.Export:
    if params.uri is None:
        return await request.sessions.export(params.session_id, params.format, unmasked=params.unmasked)
    path = uris.to_path(params.uri)
    if path is None:
        raise InvalidParams("uri is not a file of this machine.", fields=["uri"])
    try:
        return await request.sessions.export(params.session_id, params.format, file=Path(path), unmasked=params.unmasked)
    except OSError as error:
        reason = os.strerror(error.errno) if error.errno else "unknown error"
        raise InvalidParams(f"The file cannot be written: {reason}.", fields=["uri"], hint="Name another file.") from None


@_handles("session/compact")
async def compact(request: RequestContext, params: p.SessionParams) -> Session:
    return await request.sessions.compact(params.session_id)


@_handles("session/window")
async def window(request: RequestContext, params: p.SessionParams) -> r.WindowUse:
    return await request.sessions.window(params.session_id)


@_handles("session/answer")
async def answer(request: RequestContext, params: p.AnswerParams) -> p.Empty:
    await request.sessions.answer(params.session_id, params.request_id, params.decision)
    return p.Empty()


@_handles("permission/keep")
async def keep_permission(request: RequestContext, params: p.PermissionKeepParams) -> r.KeptPermission:
    return await request.sessions.permissions.keep(params.session_id, params.request_id, everywhere=params.everywhere)


@_handles("permission/list")
async def list_permissions(request: RequestContext, _: p.Empty) -> r.KeptPermissionList:
    return await request.sessions.permissions.list()


@_handles("permission/remove")
async def remove_permission(request: RequestContext, params: p.PermissionRemoveParams) -> p.Empty:
    await request.sessions.permissions.remove(params.permission_id)
    return p.Empty()


@_handles("session/questions")
async def questions(request: RequestContext, params: p.QuestionListParams) -> r.QuestionList:
    return await request.sessions.questions(session_id=params.session_id, workspace_folder=params.workspace_folder)


def _scope_of(params: p.ChangeListParams | p.ChangeRevertParams) -> ChangeScope:
    return ChangeScope(params.message_id, params.since, params.revert_id)


@_handles("context/image")
async def image(request: RequestContext, params: p.ImageParams) -> r.Image:
    return await request.sessions.image(params.session_id, params.sha256)


@_handles("change/list")
async def changes(request: RequestContext, params: p.ChangeListParams) -> r.ChangeList:
    return await request.sessions.changes(params.session_id, _scope_of(params), texts=params.texts)


@_handles("change/revert")
async def revert(request: RequestContext, params: p.ChangeRevertParams) -> r.Reverted:
    return await request.sessions.revert(params.session_id, _scope_of(params), uri=params.uri, hunk=params.hunk)


@_handles("finding/list")
async def findings(request: RequestContext, params: p.FindingListParams) -> r.FindingList:
    found = await request.sessions.findings(session_id=params.session_id, uri=params.uri, state=params.state)
    rest = [finding for finding in found.findings if params.cursor is None or finding.id > params.cursor]
    page: list[Finding] = []
    size = 0
    for finding in rest:
        size += len(finding.model_dump_json(by_alias=True, exclude_none=True).encode())
        if page and size > _LIST_BYTES:
            break
        page.append(request.findings.with_current_range(finding))
    return r.FindingList(findings=page, next_cursor=page[-1].id if len(page) < len(rest) else None)


@_handles("finding/update")
async def update_finding(request: RequestContext, params: p.FindingUpdateParams) -> Finding:
    return request.findings.with_current_range(
        await request.sessions.update_finding(params.finding_id, params.state, reason=params.reason)
    )


@_handles("agent/list")
async def agents(request: RequestContext, _: p.AgentListParams) -> r.AgentList:
    return await request.sessions.agents()


@_handles("skill/list")
async def skills(request: RequestContext, _: p.Empty) -> r.SkillList:
    return await request.sessions.skills()


@_handles("prompt/list")
async def prompts(request: RequestContext, _: p.Empty) -> r.PromptFileList:
    return r.PromptFileList(prompts=await request.sessions.prompt_files.list())


@_handles("prompt/expand")
async def expand_prompt(request: RequestContext, params: p.PromptExpandParams) -> r.ExpandedPrompt:
    return await request.sessions.prompt_files.expand(params.name, params.arguments)


@_handles("model/list")
async def models(request: RequestContext, _: p.Empty) -> r.ModelList:
    return await request.sessions.models()


@_handles("model/reply")
async def reply_of_model(request: RequestContext, params: p.ModelReplyParams) -> ModelReply:
    with PartialText(request.protocol, params.partial_result_token) as partial:
        return await model_reply(
            request.models,
            params.messages,
            partial.add,
            model=params.model,
            instructions=params.instructions,
            tools=params.tools or (),
            must_call=params.must_call,
        )
