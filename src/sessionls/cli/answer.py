"""`sessionls answer`: answers an open permission request of a session, whichever process asks."""

from __future__ import annotations

from collections.abc import Sequence

from sessionls.cli.context import CliContext
from sessionls.cli.names import find_session, matches_id, short
from sessionls.cli.terminal import UsageError
from sessionls.domain.permission import Answer

__all__ = ["answer_request"]

_RESULTS: dict[Answer, str] = {"once": "Allowed once", "session": "Allowed for this session", "deny": "Denied"}


async def answer_request(cli: CliContext, session: str, words: Sequence[str]) -> int:
    """Answer an open permission request. `words`: its id, which is needed if several are open, and the decision."""
    *ids, answer = words
    decision = next((known for known in _RESULTS if known == answer.lower()), None)
    if decision is None or len(ids) > 1:
        raise UsageError(f"{' '.join(words)!r} is not an answer.", "sessionls answer SESSION [REQUEST] once|session|deny")
    found = await find_session(cli.sessions, session)
    requests = found.asking or []
    matching = [request for request in requests if not ids or matches_id(ids[0].lower(), request.request_id)]
    if len(matching) > 1:
        choices = "; ".join(f"{short(request.request_id)} ({request.agent}: {request.summary})" for request in matching)
        raise UsageError(f"{len(matching)} questions are open in this session.", f"Choose one of them: {choices}")
    # If the id is not that of an open request, this raises an error with the reason.
    request_id = matching[0].request_id if matching else ids[0] if ids else None
    await cli.sessions.answer(found.id, request_id, decision)
    if matching:
        scope = f" ({matching[0].scope}, in replies to your messages)" if decision == "session" and matching[0].scope else ""
        cli.terminal.note(f"{_RESULTS[decision]}: {matching[0].summary}{scope}")
    return 0
