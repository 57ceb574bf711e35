"""The transitions of a session's state machine, as functions on a `Change`.

Each function is pure: it reads the state, and raises an error or adds events. A store runs it inside a transaction, so no other
process can change the state meanwhile.
"""

from __future__ import annotations

from sessionls.domain.transitions.common import UNKNOWN_OUTCOME, ClaimLost, Runner, Start, WriterGone, live_state, own
from sessionls.domain.transitions.handing_over import hand_over, waiting_work
from sessionls.domain.transitions.mentions import mention
from sessionls.domain.transitions.pausing import ask_cancel, cancel_stopped, cancel_waiting, pause, pause_for_budget, restart
from sessionls.domain.transitions.permission import answer, ask
from sessionls.domain.transitions.presence import join, lapse, leave
from sessionls.domain.transitions.queue import reorder, send_now, withdraw
from sessionls.domain.transitions.records import change_finding, compact, fork, import_messages, record_fork, record_revert
from sessionls.domain.transitions.replies import add_notices, comment, finish, interrupt, next_waiting, send, start, step
from sessionls.domain.transitions.session import (
    archive,
    create,
    delete_check,
    rename,
    set_budget,
    spend,
    switch_agent,
    unarchive,
)
from sessionls.domain.transitions.sharing import share, unshare

__all__ = [
    "UNKNOWN_OUTCOME",
    "ClaimLost",
    "Runner",
    "Start",
    "WriterGone",
    "add_notices",
    "answer",
    "archive",
    "ask",
    "ask_cancel",
    "cancel_stopped",
    "cancel_waiting",
    "change_finding",
    "comment",
    "compact",
    "create",
    "delete_check",
    "finish",
    "fork",
    "hand_over",
    "import_messages",
    "interrupt",
    "join",
    "lapse",
    "leave",
    "live_state",
    "mention",
    "next_waiting",
    "own",
    "pause",
    "pause_for_budget",
    "record_fork",
    "record_revert",
    "rename",
    "reorder",
    "restart",
    "send",
    "send_now",
    "set_budget",
    "share",
    "spend",
    "start",
    "step",
    "switch_agent",
    "unarchive",
    "unshare",
    "waiting_work",
    "withdraw",
]
