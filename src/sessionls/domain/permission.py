"""What an agent may do, and the question to people if a rule says `ask`."""

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
    "shorten_detail",
    "shorten_summary",
    "stricter",
]


Risk = Literal["read", "write", "execute", "network"]


Answer = Literal["once", "session", "deny"]


MAX_DETAIL = 50_000
"""The limit for the detail of a question, in characters."""
_MAX_SUMMARY = 1_000


@dataclass(frozen=True, slots=True)
class Question:
    """A question to people: may a tool do this?

    `message_id` is the reply that waits for the answer. `summary` is one line, `detail` shows everything (a command, a patch).
    `scope` is what an answer for the whole session covers, in replies to messages of the participant who gives it. If it is
    empty, such an answer covers nothing else.
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


def shorten_summary(summary: str) -> str:
    """The summary for a question, cut to a line that fits lists. The detail shows more."""
    return summary if len(summary) <= _MAX_SUMMARY else f"{summary[:_MAX_SUMMARY]}…"


def shorten_detail(detail: str) -> str:
    """The detail for a question. The middle of a very long one is replaced with a notice.

    Lists of sessions include open questions, so each must stay small.
    """
    if len(detail) <= MAX_DETAIL:
        return detail
    half = MAX_DETAIL // 2
    left_out = len(detail) - 2 * half
    return (
        f"{detail[:half]}\n[… {left_out:,} characters are left out here: deny this if you need to see them …]\n{detail[-half:]}"
    )


@dataclass(frozen=True, slots=True)
class PermissionRequest:
    """A description of what a call does, for a person. `scope`: what an answer for the session covers (default: the tool).

    `startup`: the path of a file that makes others start programs later. Changing it needs permission even if the tool is
    allowed, unless a rule is about such files (see `Policy.decide_startup`).
    """

    summary: str
    detail: str | None = None
    scope: str | None = None
    startup: str | None = None


_STRICTNESS: Mapping[Permission, int] = {"allow": 0, "ask": 1, "deny": 2}


_READ_ONLY = (
    "Agents may only read here: the workspace is open in restricted mode, in which nothing is written or run and the network is "
    "not used, whatever the policy says. Do not try another way. Say what you would do, or what the person could do."
)


@dataclass(slots=True)
class Bounds:
    """Limits for all agents of this process, which may change while they work. Only its creator may change it.

    `trusted`: definitions of the workspace (agents, servers, instructions) are used. `read_only`: agents may only read, whatever
    rules and people allow.
    """

    trusted: bool = False
    read_only: bool = False


class Policy:
    """`settings`: the participant's own rules, by tool, group or risk. `bounds` are checked each time."""

    def __init__(self, settings: Mapping[str, Permission] | None = None, bounds: Bounds | None = None) -> None:
        self._settings = dict(settings or {})
        self._bounds = bounds or Bounds()

    @property
    def trusted(self) -> bool:
        """Whether the workspace is currently trusted."""
        return self._bounds.trusted

    def refusal_reason(self, risk: Risk, *, runs_programs: bool) -> str | None:
        """Why the bounds forbid a tool of that risk, whatever rules and people allow; None if they do not."""
        return _READ_ONLY if self._bounds.read_only and (risk != "read" or runs_programs) else None

    def decide(self, definition: Definition, tool: str, risk: Risk) -> Permission:
        default: Permission = "allow" if risk == "read" else "ask"
        general = _rule(self._settings, tool, risk) or default
        return self._together(definition, general, _rule(definition.permissions, tool, risk))

    def decide_startup(self, definition: Definition, path: str) -> Permission:
        """The permission for a file that makes others start programs. Only a rule about such files can allow it. `path` is
        relative to its folder.
        """
        general = self._startup_rule(self._settings, path) or "ask"
        return self._together(definition, general, self._startup_rule(definition.permissions, path))

    @staticmethod
    def _startup_rule(rules: Mapping[str, Permission], path: str) -> Permission | None:
        """The last rule whose glob matches (`startup:Makefile`, as in .gitignore), else the rule for all such files."""
        start = len(STARTUP_RULE)
        rules_for_path = [
            rule for name, rule in rules.items() if name.startswith(STARTUP_RULE) and Globs([name[start:]]).match(path)
        ]
        return rules_for_path[-1] if rules_for_path else rules.get("startup")

    def _together(self, definition: Definition, general: Permission, own: Permission | None) -> Permission:
        if own is None:
            return general
        if definition.origin == "workspace" or general == "deny":
            return stricter(general, own)
        return own


def stricter(one: Permission, other: Permission) -> Permission:
    return max(one, other, key=_STRICTNESS.__getitem__)


def _rule(rules: Mapping[str, Permission], tool: str, risk: Risk) -> Permission | None:
    """The most specific rule: for the tool, its group, its risk, or everything."""
    if tool in rules:
        return rules[tool]
    for group, rule in rules.items():
        if group.endswith("/*") and fnmatchcase(tool, group):
            return rule
    return rules.get(risk) or rules.get("*")
