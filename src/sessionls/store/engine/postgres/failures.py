"""Errors of a PostgreSQL server by SQLSTATE, translated for users."""

from __future__ import annotations

import re
from typing import Any

__all__ = ["explain_error"]

_TRY_AGAIN = "Try again. Nothing that was accepted is lost."
_UNREACHABLE = (
    "The database server cannot be reached.",
    f"Check that it runs, and that this machine can reach it. {_TRY_AGAIN}",
)
_SILENT = (
    "The database server does not answer.",
    f"Check the network between this machine and the server. {_TRY_AGAIN}",
)
_LOGIN = (
    "The database server refused the login.",
    "Check the user in SESSIONLS_DATABASE_URL, and its password in ~/.pgpass, in PGPASSWORD or in a service file.",
)
_BUSY = ("Another process kept the session locked for too long.", _TRY_AGAIN)
_POOLER = ("The pooler in front of the database does not support prepared statements. From now on none are used.", _TRY_AGAIN)
_RIGHTS = (
    "This login has no permission to do that in the database.",
    "Ask the owner of the database to run `sessionls store migrate`, and to grant you the permissions listed in docs/teams.md.",
)
_FULL = ("The disk of the database server is full.", f"Free some space there. {_TRY_AGAIN}")
_DAMAGED = ("The database is damaged.", "Restore it from a backup.")
_REPLICA = (
    "The database server is a read-only replica.",
    "Point SESSIONLS_DATABASE_URL to the primary server, or list all servers and add target_session_attrs=read-write.",
)
# By the beginning of the SQLSTATE; the longest match wins.
_EXPLANATIONS = {
    "08": _UNREACHABLE,
    "57P": _UNREACHABLE,
    "28": _LOGIN,
    "3D": ("The database does not exist.", "Create it (see docs/teams.md), or correct SESSIONLS_DATABASE_URL."),
    "42501": _RIGHTS,
    "55P03": _BUSY,
    "26000": _POOLER,
    "42P05": _POOLER,
    "40": ("Two processes changed the same data at the same time.", _TRY_AGAIN),
    "25P03": ("This process was suspended in the middle of a change, which was undone.", _TRY_AGAIN),
    "25P04": ("This process was suspended in the middle of a change, which was undone.", _TRY_AGAIN),
    "25006": _REPLICA,
    "0A000": _REPLICA,
    "57014": (
        "The database took too long.",
        f"If it happens often, ask the owner of the database to look at its load. {_TRY_AGAIN}",
    ),
    "53100": _FULL,
    "53300": ("The database server accepts no more connections.", f"Close some, or raise its max_connections. {_TRY_AGAIN}"),
    "53": ("The database server is short of memory or disk.", _TRY_AGAIN),
    "54": ("The text is too long for the database.", "Send less at once."),
    "58": ("The database server could not read or write its disk.", f"Ask whoever runs the server to check it. {_TRY_AGAIN}"),
    "XX001": _DAMAGED,
    "XX002": _DAMAGED,
}
_NO_SPACE = re.compile(r"could not (extend|write|open) .*(quota|too large|no space)", re.IGNORECASE | re.DOTALL)
# If a server refuses a connection, the driver has no SQLSTATE, only the text of the error.
_BY_TEXT = (
    (re.compile(r"does not answer|timeout expired"), _SILENT),
    (re.compile(r"certificate|SSL|TLS", re.IGNORECASE), ("A secure connection to the database server failed", "")),
    (re.compile(r"database \"[^\"]*\" does not exist"), _EXPLANATIONS["3D"]),
    (re.compile(r"password|authentication|pg_hba|role \"[^\"]*\" does not exist|is not permitted to log in"), _LOGIN),
    (re.compile(r"too many (clients|connections)|remaining connection slots"), _EXPLANATIONS["53300"]),
)
_TLS_HINT = (
    "Check sslmode, sslrootcert and the name in the server's certificate (see docs/teams.md). Nothing was sent to the server."
)


def explain_error(error: Any) -> tuple[str, str] | None:
    """What is wrong and what to do, for an error of the driver; None for an unknown error."""
    state = str(getattr(error, "sqlstate", None) or "")
    if _NO_SPACE.search(str(error)):  # a quota, for which the server has no SQLSTATE
        return _FULL
    for length in (5, 3, 2):
        if len(state) == 5 and (explanation := _EXPLANATIONS.get(state[:length])) is not None:
            return explanation
    if state or type(error).__name__ not in ("OperationalError", "ConnectionTimeout", "InterfaceError"):
        return None
    text = str(error).strip()
    for pattern, (problem, hint) in _BY_TEXT:
        if pattern.search(text):
            # Only the TLS library knows the problem with a certificate. Its message is the last line.
            return (problem, hint) if hint else (f"{problem}: {text.splitlines()[-1].strip().rstrip('.')}.", _TLS_HINT)
    return _UNREACHABLE
