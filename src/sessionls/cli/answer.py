"""`sessionls answer`: answers an open permission request of a session, whichever process asks."""

from __future__ import annotations

from collections.abc import Sequence

from sessionls.cli.context import CliContext
from sessionls.cli.names import find_session, short
from sessionls.cli.terminal import UsageError
from sessionls.domain.permission import Answer

__all__ = ["answer_open"]

_DONE: dict[Answer, str] = {"once": "Allowed once", "session": "Allowed for this session", "deny": "Denied"}


async def answer_open(cli: CliContext, session: str, words: Sequence[str]) -> int:
    """Answer an open question. `words`: the question's id, which is needed if several are open, and the decision."""
    *named, word = words
    decision = next((one for one in _DONE if one == word.lower()), None)
    if decision is None or len(named) > 1:
        raise UsageError(f"{' '.join(words)!r} is not an answer.", "sessionls answer SESSION [REQUEST] once|session|deny")
    found = await find_session(cli.sessions, session)
    open_ = found.asking or []
    chosen = [one for one in open_ if not named or _names(named[0].lower(), one.request_id)]
    if len(chosen) > 1:
        listed = "; ".join(f"{short(one.request_id)} ({one.agent}: {one.summary})" for one in chosen)
        raise UsageError(f"{len(chosen)} questions are open in this session.", f"Choose one of them: {listed}")
    # If the id is not that of an open question, the session raises an error with the reason.
    request_id = chosen[0].request_id if chosen else named[0] if named else None
    await cli.sessions.answer(found.id, request_id, decision)
    if chosen:
        scope = f" ({chosen[0].scope}, in replies to your messages)" if decision == "session" and chosen[0].scope else ""
        cli.terminal.note(f"{_DONE[decision]}: {chosen[0].summary}{scope}")
    return 0


def _names(name: str, request_id: str) -> bool:
    return len(name) >= 4 and (request_id.endswith(name) or request_id.startswith(name))
