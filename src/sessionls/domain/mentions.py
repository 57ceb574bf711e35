"""Participants who are mentioned in a message: `@name`, outside of code."""

from __future__ import annotations

import re
from collections.abc import Collection, Sequence

from sessionls.domain.model import Participant

__all__ = ["find_mentions"]

_CODE = re.compile(r"```.*?(?:```|\Z)|`[^`\n]{1,500}`", re.DOTALL)
_MENTION = re.compile(r"(?<![\w@./-])@(\w[\w.'-]{0,60}(?: \w[\w.'-]{0,60}){0,3})")


def find_mentions(text: str, participants: Sequence[Participant], agents: Collection[str]) -> tuple[list[Participant], list[str]]:
    """The participants whom a text mentions, by full name, id, or a first name that only one of them has; and the names
    that mean an agent with the same name instead.
    """
    names = _names(participants)
    found: dict[str, Participant] = {}
    taken: dict[str, None] = {}
    for match in _MENTION.finditer(_CODE.sub(" ", text)):
        words = match[1].split(" ")
        for count in range(len(words), 0, -1):
            name = " ".join(words[:count]).rstrip(".'-").casefold()
            if (participant := names.get(name)) is None:
                continue
            if name in agents:
                taken[name] = None
            else:
                found[participant.id] = participant
            break
    return list(found.values()), list(taken)


def _names(participants: Sequence[Participant]) -> dict[str, Participant]:
    """The names for each participant, without names that several have."""
    by_any_name: dict[str, list[Participant]] = {}
    for participant in participants:
        name = participant.name.casefold()
        for key in {name, name.split(" ")[0], participant.id.casefold()}:
            by_any_name.setdefault(key, []).append(participant)
    names = {key: matches[0] for key, matches in by_any_name.items() if len(matches) == 1}
    by_full_name: dict[str, list[Participant]] = {}
    for participant in participants:
        by_full_name.setdefault(participant.name.casefold(), []).append(participant)
    return names | {key: matches[0] for key, matches in by_full_name.items() if len(matches) == 1}
