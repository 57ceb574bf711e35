"""Who has the session open: participants join, leave, and are gone when their process is.

Readers are not among them. To join is an event of the log, and a login adds one by writing the session's row, its log and the
numbering of changes. That readers write nothing at all is simpler for the database to check, and a reader can neither fill the
log of others nor hold locks on it. Whoever becomes a reader, or loses access, is removed by the event that changes their role.
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
    change.presence[:] = [one for one in change.presence if one != own]
    _remove_absent(change, by=participant)


def lapse(change: Change) -> None:
    """Remove the participants whose processes have ended from those who have the session open."""
    live_state(change)
    if covers(change.role, "commenter"):
        _remove_absent(change)


def _remove_absent(change: Change, by: Participant | None = None) -> None:
    """`by` is the participant who leaves. The events for other participants have no author."""
    change.presence[:] = [one for one in change.presence if one.alive]
    here = {one.participant_id for one in change.presence}
    for participant in change.now.present:
        if participant.id not in here:
            own = by if by is not None and by.id == participant.id else None
            change.add(ev.ParticipantLeft, by=own, participant_id=participant.id)
