"""Who has the session open: participants join and leave, and are removed when their process ends.

Readers are not included. Joining adds an event to the log, so it writes the session's row, its log and the numbering of changes.
It is simpler for the database to check that readers write nothing at all. So a reader can neither fill another person's log nor
hold locks on it. A participant who becomes a reader, or loses access, is removed by the event that changes their role.
"""

from __future__ import annotations

from sessionls.domain import events as ev
from sessionls.domain.change import Change, Presence
from sessionls.domain.model import Participant
from sessionls.domain.roles import covers
from sessionls.domain.transitions.common import live_state

__all__ = ["join", "lapse", "leave"]


def join(change: Change, participant: Participant) -> None:
    """The participant opens the session in this process. Readers are not recorded, because they may not write."""
    live_state(change)
    if not covers(change.role, "commenter"):
        return
    own = Presence(change.process, participant.id, alive=True)
    if own not in change.presence:
        change.presence.append(own)
    _remove_absent(change)
    if participant not in change.now.present:
        change.add(ev.ParticipantJoined, by=participant, participant=participant)


def leave(change: Change, participant: Participant) -> None:
    """The participant closes the session in this process. It may still be open in another one."""
    live_state(change)
    if not covers(change.role, "commenter"):
        return
    own = Presence(change.process, participant.id, alive=True)
    change.presence[:] = [entry for entry in change.presence if entry != own]
    _remove_absent(change, by=participant)


def lapse(change: Change) -> None:
    """Remove the participants whose processes have ended from those who have the session open."""
    live_state(change)
    if covers(change.role, "commenter"):
        _remove_absent(change)


def _remove_absent(change: Change, by: Participant | None = None) -> None:
    """`by` is the participant who leaves. The events for other participants have no author."""
    change.presence[:] = [presence for presence in change.presence if presence.alive]
    present_ids = {presence.participant_id for presence in change.presence}
    for participant in change.now.present:
        if participant.id not in present_ids:
            author = by if by is not None and by.id == participant.id else None
            change.add(ev.ParticipantLeft, by=author, participant_id=participant.id)
