"""What a server's errors mean for whoever uses the store, by their SQLSTATE."""

from __future__ import annotations

import re
from typing import Any

__all__ = ["words_for"]

_TRY = "Try again. Nothing that was accepted is lost."
_UNREACHABLE = (
    "The database server cannot be reached.",
    f"Check that it runs, and that this machine can reach it. {_TRY}",
)
_LOGIN = (
    "The database server refused the login.",
    "Check the user in SESSIONLS_DATABASE_URL, and its password in ~/.pgpass, in PGPASSWORD or in a service file.",
)
_BUSY = ("Another process holds what this change needs for too long.", _TRY)
_POOLER = ("The pooler in front of the database keeps no prepared statements. None are used from here on.", _TRY)
_RIGHTS = (
    "This login has no right to do that in the database.",
    "Let the owner of the database run `sessionls store migrate`, and grant you the rights that docs/teams.md names.",
)
# The longest beginning of a SQLSTATE counts.
_WORDS = {
    "08": _UNREACHABLE,
    "57P": _UNREACHABLE,
    "28": _LOGIN,
    "3D": ("The database does not exist.", "Create it (see docs/teams.md), or correct SESSIONLS_DATABASE_URL."),
    "42501": _RIGHTS,
    "55P03": _BUSY,
    "26000": _POOLER,
    "42P05": _POOLER,
    "40": ("Two processes changed the same things at the same moment.", _TRY),
    "25P03": ("This process was stopped in the middle of a change, which is undone.", _TRY),
    "25P04": ("This process was stopped in the middle of a change, which is undone.", _TRY),
    "25006": (
        "The database server can only be read: it is a copy of another one.",
        "Point SESSIONLS_DATABASE_URL to the server that is written, or add target_session_attrs=read-write with all of them.",
    ),
    "53100": ("The disk of the database server is full.", f"Free some space there. {_TRY}"),
    "53300": ("The database server takes no more connections.", f"Close some, or raise its max_connections. {_TRY}"),
    "53": ("The database server is short of memory or disk.", _TRY),
    "54": ("That is more than the database can keep in one place.", "Send less at once."),
    "XX": ("The database is damaged.", "Restore it from a backup."),
}
# A server that refuses a connection gives no SQLSTATE to the driver, only words.
_SAID = (
    (re.compile(r"certificate|SSL|TLS", re.IGNORECASE), ("No safe connection to the database server could be made", "")),
    (re.compile(r"database \"[^\"]*\" does not exist"), _WORDS["3D"]),
    (re.compile(r"password|authentication|pg_hba|role \"[^\"]*\" does not exist|is not permitted to log in"), _LOGIN),
    (re.compile(r"too many (clients|connections)|remaining connection slots"), _WORDS["53300"]),
)
_TLS_HINT = (
    "Check sslmode, sslrootcert and the name in the server's certificate (see docs/teams.md). Nothing was sent to the server."
)


def words_for(error: Any) -> tuple[str, str] | None:
    """What is wrong and what to do, for an error of the driver; None for one that it knows nothing of."""
    state = str(getattr(error, "sqlstate", None) or "")
    for length in (5, 3, 2):
        if len(state) == 5 and (found := _WORDS.get(state[:length])) is not None:
            return found
    if state or type(error).__name__ not in ("OperationalError", "ConnectionTimeout", "InterfaceError"):
        return None
    said = str(error).strip()
    for pattern, (what, hint) in _SAID:
        if pattern.search(said):
            # What went wrong with a certificate only the library knows, and says in its last line.
            return (what, hint) if hint else (f"{what}: {said.splitlines()[-1].strip().rstrip('.')}.", _TLS_HINT)
    return _UNREACHABLE
