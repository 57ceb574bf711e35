"""What an agent may do, and the question that is asked where a rule says `ask`."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from fnmatch import fnmatchcase
from typing import Literal

from sessionls.domain.agent import STARTUP_RULE, Definition, Permission
from sessionls.domain.globs import Globs

__all__ = [
    "MAX_DETAIL",
    "Answer",
    "Bounds",
    "PermissionRequest",
    "Policy",
    "Question",
    "Risk",
    "bounded_detail",
    "bounded_summary",
    "stricter",
]


Risk = Literal["read", "write", "execute", "network"]


Answer = Literal["once", "session", "deny"]


MAX_DETAIL = 50_000
"""Characters of a question's detail."""
_MAX_SUMMARY = 1_000


@dataclass(frozen=True, slots=True)
class Question:
    """May a tool do this?

    `message_id` is the reply that waits for the answer. `summary` is one line, `detail` shows all of it (a command, a patch),
    `scope` is what a yes for the whole session covers, in replies to messages of whoever gives it; nothing where it is empty.
    """

    session_id: str
    message_id: str
    request_id: str
    agent: str
    tool: str
    summary: str
    risk: Risk
    scope: str
    detail: str | None = None


def bounded_summary(summary: str) -> str:
    """The summary for a question, cut to a line that lists can show; the detail shows more."""
    return summary if len(summary) <= _MAX_SUMMARY else f"{summary[:_MAX_SUMMARY]}…"


def bounded_detail(detail: str) -> str:
    """The detail for a question: a very long one without its middle, with a line that says so.

    Lists of sessions carry open questions, so that each must stay small.
    """
    if len(detail) <= MAX_DETAIL:
        return detail
    half = MAX_DETAIL // 2
    left_out = len(detail) - 2 * half
    return f"{detail[:half]}\n[… {left_out:,} characters are left out here: deny it if you need to see them …]\n{detail[-half:]}"


@dataclass(frozen=True, slots=True)
class PermissionRequest:
    """What a call wants to do, in words for a person. `scope`: what a yes for the session covers (unless said: the tool).

    `startup`: the path of a file by which others start programs later. It is asked for also where the tool itself is allowed,
    unless a rule names such files (see `Policy.decide_startup`).
    """

    summary: str
    detail: str | None = None
    scope: str | None = None
    startup: str | None = None


_STRICTNESS: Mapping[Permission, int] = {"allow": 0, "ask": 1, "deny": 2}


_READ_ONLY = (
    "Agents may only read here: the workspace is open in a restricted mode, in which nothing is written, run, or reached over "
    "the network, whatever the policy says. Do not try it again in another way; say what you would do, or what the person could."
)


@dataclass(slots=True)
class Bounds:
    """What holds for all agents of this process, and can change while they work. Whoever made it changes it, and nobody else.

    `trusted`: what the workspace defines (agents, servers, instructions) counts. `read_only`: agents may only read, whatever the
    rules say and whoever says yes.
    """

    trusted: bool = False
    read_only: bool = False


class Policy:
    """`settings`: the participant's own rules, by tool, group or risk. `bounds` are asked each time."""

    def __init__(self, settings: Mapping[str, Permission] | None = None, bounds: Bounds | None = None) -> None:
        self._settings = dict(settings or {})
        self._bounds = bounds or Bounds()

    @property
    def trusted(self) -> bool:
        """Whether the workspace is trusted now."""
        return self._bounds.trusted

    def refusal_reason(self, risk: Risk, *, runs_programs: bool) -> str | None:
        """Why a tool of that risk may not run now, whatever the rules and answers say; None where the bounds allow it."""
        return _READ_ONLY if self._bounds.read_only and (risk != "read" or runs_programs) else None

    def decide(self, definition: Definition, tool: str, risk: Risk) -> Permission:
        default: Permission = "allow" if risk == "read" else "ask"
        general = _rule(self._settings, tool, risk) or default
        return self._together(definition, general, _rule(definition.permissions, tool, risk))

    def decide_startup(self, definition: Definition, path: str) -> Permission:
        """For a file (path from its folder) by which others start programs: only a rule that names those files allows it."""
        general = self._startup_rule(self._settings, path) or "ask"
        return self._together(definition, general, self._startup_rule(definition.permissions, path))

    @staticmethod
    def _startup_rule(rules: Mapping[str, Permission], path: str) -> Permission | None:
        """The last rule whose glob the path matches (`startup:Makefile`, as in .gitignore), else the one for all such files."""
        begin = len(STARTUP_RULE)
        found = [rule for name, rule in rules.items() if name.startswith(STARTUP_RULE) and Globs([name[begin:]]).match(path)]
        return found[-1] if found else rules.get("startup")

    def _together(self, definition: Definition, general: Permission, own: Permission | None) -> Permission:
        if own is None:
            return general
        if definition.origin == "workspace" or general == "deny":
            return stricter(general, own)
        return own


def stricter(one: Permission, other: Permission) -> Permission:
    return max(one, other, key=_STRICTNESS.__getitem__)


def _rule(rules: Mapping[str, Permission], tool: str, risk: Risk) -> Permission | None:
    """The nearest rule: the tool's own, its group's, its risk's, the one for everything."""
    if tool in rules:
        return rules[tool]
    for group, rule in rules.items():
        if group.endswith("/*") and fnmatchcase(tool, group):
            return rule
    return rules.get(risk) or rules.get("*")
