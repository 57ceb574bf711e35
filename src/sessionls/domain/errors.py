"""All errors of sessionls, with the kinds of the protocol.

    SessionlsError
    ├── InvalidParams
    ├── SessionNotFound
    ├── SessionUnreadable
    ├── SessionPaused
    ├── SessionArchived
    ├── AgentNotFound
    ├── AgentUnavailable
    ├── ModelUnavailable
    ├── MessageNotFound
    ├── StoreUnavailable
    ├── NotPermitted
    ├── MessageWithdrawn
    └── InternalError

The message says what is wrong, and `hint` what to do about it. Neither may contain secrets, tracebacks or paths of the
server's machine, because errors are sent to clients and stored in the log.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, ClassVar

__all__ = [
    "AgentNotFound",
    "AgentUnavailable",
    "InternalError",
    "InvalidParams",
    "MessageNotFound",
    "MessageWithdrawn",
    "ModelUnavailable",
    "NotPermitted",
    "SessionArchived",
    "SessionNotFound",
    "SessionPaused",
    "SessionUnreadable",
    "SessionlsError",
    "StoreUnavailable",
    "recreate_error",
]


class SessionlsError(Exception):
    """The base class. `code` is the JSON-RPC error code, `kind` its name on the wire, `data` additional fields."""

    code: ClassVar[int]
    kind: ClassVar[str]

    def __init__(self, message: str, *, hint: str, **data: Any) -> None:
        super().__init__(message)
        self.message = message
        self.hint = hint
        self.data = data

    def wire(self) -> dict[str, Any]:
        """The `data` member of the JSON-RPC error."""
        return {"kind": self.kind, **self.data, "hint": self.hint}


class InvalidParams(SessionlsError):
    code = -32602
    kind = "invalidParams"

    def __init__(
        self, message: str, *, fields: Iterable[str], hint: str = "Correct these fields and send the request again."
    ) -> None:
        super().__init__(message, hint=hint, fields=list(fields))


class SessionNotFound(SessionlsError):
    code = -32041
    kind = "sessionNotFound"

    def __init__(self, session_id: str) -> None:
        super().__init__(
            f"There is no session {session_id}.", hint="List the existing sessions with session/list.", sessionId=session_id
        )


class SessionUnreadable(SessionlsError):
    code = -32051
    kind = "sessionUnreadable"

    def __init__(self, session_id: str) -> None:
        super().__init__(
            f"Session {session_id} cannot be read: its data is damaged, or a newer version of sessionls wrote it.",
            hint="Update sessionls. If that does not help, run `sessionls store check`, which says what is wrong. "
            "Its owner can delete it.",
            sessionId=session_id,
        )


class SessionPaused(SessionlsError):
    code = -32042
    kind = "sessionPaused"

    def __init__(self, session_id: str, why: str | None = None) -> None:
        super().__init__(
            "The session is paused and accepts no messages.",
            hint=why or "Resume the session, or fork it and continue there.",
            sessionId=session_id,
        )


class SessionArchived(SessionlsError):
    code = -32043
    kind = "sessionArchived"

    def __init__(self, session_id: str) -> None:
        super().__init__(
            "The session is archived and accepts no messages.",
            hint="Unarchive the session, or fork it and continue there.",
            sessionId=session_id,
        )


class AgentNotFound(SessionlsError):
    code = -32044
    kind = "agentNotFound"

    def __init__(self, name: str, names: Iterable[str]) -> None:
        known = sorted(names)
        super().__init__(
            f"There is no agent {name!r}.", hint=f"Existing agents: {', '.join(known) or 'none'}.", agent=name, agents=known
        )


class AgentUnavailable(SessionlsError):
    code = -32045
    kind = "agentUnavailable"

    def __init__(self, name: str, problem: str, *, hint: str) -> None:
        super().__init__(f"The agent {name!r} cannot be invoked: {problem}", hint=hint, agent=name)


class ModelUnavailable(SessionlsError):
    """`retry_after` is in seconds, if the provider sent it. `reason` is one of: noModel, noKey, unknownModel, refused,
    unauthorized, rateLimited, quota, overflow, cut, stalled, badRequest, noImages, provider. `alone` is the hint for requests
    outside a session, if `hint` mentions the session.
    """

    code = -32046
    kind = "modelUnavailable"

    def __init__(
        self,
        message: str,
        *,
        hint: str,
        reason: str,
        model: str | None = None,
        retry_after: float | None = None,
        alone: str | None = None,
    ) -> None:
        extra: dict[str, Any] = {"reason": reason}
        if model is not None:
            extra["model"] = model
        if retry_after is not None:
            extra["retryAfter"] = retry_after
        super().__init__(message, hint=hint, **extra)
        self.reason = reason
        self.model = model
        self.retry_after = retry_after
        self.alone = alone or hint


class MessageNotFound(SessionlsError):
    code = -32047
    kind = "messageNotFound"

    def __init__(self, message_id: str) -> None:
        super().__init__(
            f"There is no message {message_id} in this session.",
            hint="Read the session's messages with session/history.",
            messageId=message_id,
        )


class StoreUnavailable(SessionlsError):
    code = -32048
    kind = "storeUnavailable"


class NotPermitted(SessionlsError):
    code = -32049
    kind = "notPermitted"


class MessageWithdrawn(SessionlsError):
    """Raised for those who wait for the reply to a message that somebody withdraws."""

    code = -32050
    kind = "messageWithdrawn"

    def __init__(self, message_id: str) -> None:
        super().__init__(
            "The message was withdrawn before its reply began.",
            hint="Send it again if you still need a reply.",
            messageId=message_id,
        )


class InternalError(SessionlsError):
    """A bug in sessionls. Its log has the details."""

    code = -32603
    kind = "internalError"

    def __init__(self) -> None:
        super().__init__(
            "sessionls failed unexpectedly.", hint="Its log has the details. Resume the session or send the message again."
        )


def recreate_error(kind: str, message: str, hint: str, **data: Any) -> SessionlsError:
    """Recreate an error from the log or from another process."""
    known = {cls.kind: cls for cls in SessionlsError.__subclasses__()}
    cls = known.get(kind, InternalError)
    error = cls.__new__(cls)
    SessionlsError.__init__(error, message, hint=hint, **data)
    return error
