"""Parses the session updates of external agents and limits their size.

Agents differ in what they send, and newer versions send more. Unknown updates are counted and ignored; malformed ones are read as
far as possible.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

from sessionls.domain.model import PlanEntry
from sessionls.domain.text import replace_lone_surrogates

__all__ = [
    "CallUpdate",
    "Cost",
    "DiffContent",
    "ModeChanged",
    "OptionsChanged",
    "PersonText",
    "PlanChanged",
    "TextChunk",
    "Update",
    "read_update",
    "text_of",
]

_TEXT = 1_000_000  # characters of one piece of text
_RESULT = 60_000  # characters of a call's result
_ARGUMENTS = 8_000  # characters of JSON
_TITLE = 300
_ID = 200
_DIFFS = 50  # files of one call
_DIFF = 2_000_000  # characters of a file's text in a diff
_LOCATIONS = 20
_ENTRIES = 200  # entries of a plan
_ENTRY = 500
_BLOCKS = 500

KINDS = ("read", "edit", "delete", "move", "search", "execute", "think", "fetch", "switch_mode")
CallStatus = Literal["pending", "in_progress", "completed", "failed"]


@dataclass(frozen=True, slots=True)
class TextChunk:
    """Text of the reply. `message` is the id of the agent's message, if it sends one: a new id starts a new part."""

    kind: Literal["text", "reasoning"]
    text: str
    message: str | None = None


@dataclass(frozen=True, slots=True)
class PersonText:
    """Text of a person, which agents send when they replay an earlier session."""

    text: str


@dataclass(frozen=True, slots=True)
class DiffContent:
    """A file change of a call. `old` is None for a new file. `cut`: the texts were too long to keep."""

    path: str
    old: str | None
    new: str
    cut: bool = False


@dataclass(frozen=True, slots=True)
class CallUpdate:
    """A new or changed call of one of the agent's tools; None means unchanged. `text` is its result, and `terminals` are the ids
    of terminals that have its output.
    """

    call_id: str
    title: str | None = None
    kind: str | None = None
    status: CallStatus | None = None
    arguments: dict[str, Any] | None = None
    locations: tuple[str, ...] | None = None
    text: str | None = None
    diffs: tuple[DiffContent, ...] = ()
    terminals: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class PlanChanged:
    entries: tuple[PlanEntry, ...]
    left_out: int = 0


@dataclass(frozen=True, slots=True)
class ModeChanged:
    mode: str


@dataclass(frozen=True, slots=True)
class OptionsChanged:
    options: Sequence[Mapping[str, Any]]


@dataclass(frozen=True, slots=True)
class Cost:
    """The cost of the agent's session so far, if reported in US dollars."""

    dollars: float | None


Update = TextChunk | PersonText | CallUpdate | PlanChanged | ModeChanged | OptionsChanged | Cost


def read_update(update: Any) -> Update | None:
    """The parsed update; None if it is unknown or malformed."""
    if not isinstance(update, dict):
        return None
    match update.get("sessionUpdate"):
        case "user_message_chunk":
            text = text_of(update.get("content"))
            return PersonText(text) if text else None
        case "agent_message_chunk":
            return _text_chunk("text", update)
        case "agent_thought_chunk":
            return _text_chunk("reasoning", update)
        case "tool_call" | "tool_call_update":
            return read_call(update)
        case "plan":
            return _plan(update.get("entries"))
        case "plan_update":
            inner = update.get("plan")
            return _plan(inner.get("entries")) if isinstance(inner, dict) else None
        case "current_mode_update":
            mode = update.get("currentModeId")
            return ModeChanged(mode[:_ID]) if isinstance(mode, str) else None
        case "config_option_update":
            options = update.get("configOptions")
            return (
                OptionsChanged([option for option in options if isinstance(option, dict)]) if isinstance(options, list) else None
            )
        case "usage_update":
            return _cost(update.get("cost"))
        case _:
            return None


def read_call(call: Mapping[str, Any]) -> CallUpdate | None:
    """The call in an update or a permission request; None without an id."""
    call_id = call.get("toolCallId")
    if not isinstance(call_id, str) or not call_id:
        return None
    content = call.get("content")
    blocks = content[:_BLOCKS] if isinstance(content, list) else []
    diffs = tuple(diff for block in blocks if (diff := _diff(block)) is not None)[:_DIFFS]
    texts = [text for block in blocks if _is(block, "content") and (text := text_of(block.get("content")))]
    output = call.get("rawOutput")
    if not texts and isinstance(output, str):
        texts = [output]
    terminals = tuple(
        terminal for block in blocks if _is(block, "terminal") and isinstance(terminal := block.get("terminalId"), str)
    )
    kind, status, title = call.get("kind"), call.get("status"), call.get("title")
    return CallUpdate(
        call_id=_clean(call_id, _ID),
        title=_clean(" ".join(title[:_TITLE].split()), _TITLE) if isinstance(title, str) and title.strip() else None,
        kind=(kind if kind in KINDS else "other") if isinstance(kind, str) else None,
        status=status if status in ("pending", "in_progress", "completed", "failed") else None,
        arguments=_arguments(call.get("rawInput")),
        locations=tuple(_locations(call.get("locations"))) if isinstance(call.get("locations"), list) else None,
        text=_cut("\n".join(texts)) if texts else None,
        diffs=diffs,
        terminals=terminals[:_LOCATIONS],
    )


def text_of(block: Any) -> str:
    """A content block as text. For other content, its name."""
    if not isinstance(block, dict):
        return ""
    match block.get("type"):
        case "text":
            return _clean(block.get("text"), _TEXT)
        case "resource_link":
            name, uri = _clean(block.get("name"), _TITLE), _clean(block.get("uri"), 2_000)
            return f"[{name or uri}]({uri})" if uri else name
        case "resource":
            resource = block.get("resource")
            if not isinstance(resource, dict):
                return ""
            text = _clean(resource.get("text"), _TEXT)
            return text or f"[{_clean(resource.get('uri'), 2_000)}]"
        case "image" | "audio" as kind:
            return f"[{kind}]"
        case _:
            return ""


def _text_chunk(kind: Literal["text", "reasoning"], update: Mapping[str, Any]) -> TextChunk | None:
    text = text_of(update.get("content"))
    message = update.get("messageId")
    return TextChunk(kind, text, message[:_ID] if isinstance(message, str) else None) if text else None


def _plan(entries: Any) -> PlanChanged | None:
    if not isinstance(entries, list):
        return None
    parsed = [entry for data in entries[:_ENTRIES] if (entry := _entry(data)) is not None]
    return PlanChanged(tuple(parsed), max(len(entries) - _ENTRIES, 0))


def _entry(data: Any) -> PlanEntry | None:
    if not isinstance(data, dict) or not isinstance(data.get("content"), str):
        return None
    status, priority = data.get("status"), data.get("priority")
    return PlanEntry(
        content=_clean(" ".join(data["content"][: _ENTRY * 2].split()), _ENTRY),
        status="completed" if status == "completed" else "inProgress" if status == "in_progress" else "pending",
        priority=priority if priority in ("high", "medium", "low") else None,
    )


def _cost(cost: Any) -> Cost | None:
    if not isinstance(cost, dict) or cost.get("currency") != "USD":
        return None
    amount = cost.get("amount")
    if not isinstance(amount, int | float) or isinstance(amount, bool) or not 0 <= amount < 1e9:
        return None
    return Cost(float(amount))


def _diff(block: Any) -> DiffContent | None:
    if not _is(block, "diff") or not isinstance(block.get("path"), str) or not isinstance(block.get("newText"), str):
        return None
    old, new = block.get("oldText"), block["newText"]
    old = old if isinstance(old, str) else None
    path = _clean(block["path"], 4_000)
    if len(new) + len(old or "") > _DIFF:
        return DiffContent(path, None, "", cut=True)
    return DiffContent(path, None if old is None else replace_lone_surrogates(old), replace_lone_surrogates(new))


def _locations(locations: Any) -> Iterator[str]:
    for location in locations[:_LOCATIONS]:
        if isinstance(location, dict) and isinstance(location.get("path"), str):
            yield _clean(location["path"], 1_000)


def _arguments(raw: Any) -> dict[str, Any] | None:
    if raw is None:
        return None
    try:
        text = json.dumps(raw, ensure_ascii=False)
    except (ValueError, RecursionError):
        return {}
    if len(text) > _ARGUMENTS or not isinstance(raw, dict):
        return {"input": _clean(text, _ARGUMENTS) + ("…" if len(text) > _ARGUMENTS else "")}
    cleaned: dict[str, Any] = json.loads(replace_lone_surrogates(text))
    return cleaned


def _is(block: Any, kind: str) -> bool:
    return isinstance(block, dict) and block.get("type") == kind


def _cut(text: str) -> str:
    if len(text) <= _RESULT:
        return text
    half = _RESULT // 2
    return f"{text[:half]}\n\n[… {len(text) - 2 * half:,} characters left out …]\n\n{text[-half:]}"


def _clean(text: Any, limit: int) -> str:
    return replace_lone_surrogates(text[:limit]) if isinstance(text, str) else ""
