"""Turns a model's tool calls into parts of a reply."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence

from sessionls.domain.ids import new_id
from sessionls.domain.model import Part, StopReason, ToolPart
from sessionls.domain.text import replace_lone_surrogates
from sessionls.ports.models import ToolRequest
from sessionls.runtimes.asking import ASK_AGENT
from sessionls.sessions.prompt.tool_arguments import arguments_of, unreadable, unreadable_message

__all__ = ["MOST_AGENTS", "MOST_CALLS", "calls_of"]

MOST_CALLS = 64  # in one step
MOST_AGENTS = 8  # agents asked in one step, which all work at the same time
_MOST: Mapping[str, int] = {ASK_AGENT: MOST_AGENTS}
_LONGEST_NAME = 200  # characters of a tool's name, as a model writes it


def calls_of(requests: Sequence[ToolRequest], reason: StopReason, before: Sequence[Part]) -> Iterator[ToolPart]:
    """The calls of a step that ended for `reason`; `before` are the parts that the reply has.

    Calls that are not valid are failed, and calls beyond the limit of a step are denied, with the reason as their result.
    """
    calls = [part for part in before if isinstance(part, ToolPart)]
    ids, step = {part.call_id for part in calls}, 1 + max((part.step or 0 for part in calls), default=0)
    count: Counter[str] = Counter()
    for number, request in enumerate(requests):
        # Some models number their calls from the start in each step, so an id that was used before is replaced.
        call_id = request.call_id if request.call_id not in ids else f"call_{new_id()}"
        ids.add(call_id)
        # If the response was cut off, its last call may be incomplete.
        cut = number == len(requests) - 1 and reason not in ("stop", "tool_calls")
        part = _call(request, call_id, step, cut=cut)
        count[part.name] += 1
        most = _MOST.get(part.name, MOST_CALLS)
        if number >= MOST_CALLS or count[part.name] > most:
            limit = f"{most} calls of {part.name}" if count[part.name] > most else f"{MOST_CALLS} calls"
            result = f"The call was not made: at most {limit} are allowed in one step. If you need it, make it in the next step."
            part = part.model_copy(update={"status": "denied", "result": result})
        yield part


def _call(request: ToolRequest, call_id: str, step: int, *, cut: bool) -> ToolPart:
    name, arguments = replace_lone_surrogates(request.name)[:_LONGEST_NAME], arguments_of(request.arguments)
    if arguments is None or (cut and not arguments):
        raw = unreadable(request.arguments)
        result = unreadable_message(raw, cut=cut)
        return ToolPart(call_id=call_id, name=name, arguments={}, status="failed", result=result, step=step, unreadable=raw)
    return ToolPart(call_id=call_id, name=name, arguments=arguments, status="waiting", step=step)
