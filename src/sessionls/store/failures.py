"""Errors of the database and the disk, translated for users: what is wrong, and what to do."""

from __future__ import annotations

import errno
import sqlite3
from typing import Final

from sqlalchemy.exc import DBAPIError

from sessionls.domain.errors import StoreUnavailable

__all__ = ["DATA_DIR", "NO_LOCKS", "error_name", "explain"]

DATA_DIR: Final = "SESSIONLS_DATA_DIR or SESSIONLS_DATABASE_URL"
"""The settings that say where the database is."""

_ELSEWHERE = f"or point {DATA_DIR} elsewhere"
NO_LOCKS: Final = (
    (
        "The folder of the database does not support the file locks or the shared memory that the database needs. "
        "This is common on network drives."
    ),
    "Point SESSIONLS_DATA_DIR to a folder on a disk of this machine.",
)
_LOCKED = (
    "The database is locked by another program.",
    (
        "Try again. If that does not help, close the program that locks it, such as a backup or a database browser. If the "
        "database is on a network drive, move it to a disk of this machine (SESSIONLS_DATA_DIR)."
    ),
)
_DAMAGED = (
    "The database is damaged, or the file is not a database.",
    f"Restore it from a backup, {_ELSEWHERE}.",
)
_READ_ONLY = (
    "The database cannot be written.",
    f"Check the permissions of the database's file and folder, {_ELSEWHERE}.",
)
_CANNOT_OPEN = (
    "The database cannot be opened.",
    f"Check that you can create its folder and write to it, {_ELSEWHERE}.",
)
_FULL = (
    "The disk is full, or your disk quota is used up.",
    f"Free some space and try again, {_ELSEWHERE}. Nothing that was accepted is lost.",
)
_EXPLANATIONS = {
    "SQLITE_BUSY": _LOCKED,
    "SQLITE_LOCKED": _LOCKED,
    "SQLITE_PROTOCOL": NO_LOCKS,
    "SQLITE_NOLFS": NO_LOCKS,
    "SQLITE_IOERR_LOCK": NO_LOCKS,
    "SQLITE_IOERR_RDLOCK": NO_LOCKS,
    "SQLITE_IOERR_UNLOCK": NO_LOCKS,
    "SQLITE_IOERR_CHECKRESERVEDLOCK": NO_LOCKS,
    "SQLITE_IOERR_BLOCKED": NO_LOCKS,
    "SQLITE_IOERR_SHMOPEN": NO_LOCKS,
    "SQLITE_IOERR_SHMLOCK": NO_LOCKS,
    "SQLITE_IOERR_SHMMAP": NO_LOCKS,
    "SQLITE_IOERR_SHMSIZE": _FULL,
    "SQLITE_FULL": _FULL,
    "SQLITE_READONLY": _READ_ONLY,
    "SQLITE_READONLY_DBMOVED": (
        "The database is gone: its file was moved or deleted while it was in use.",
        "Put the file back and try again. Otherwise the next attempt starts with an empty database.",
    ),
    "SQLITE_PERM": _READ_ONLY,
    "SQLITE_CANTOPEN": _CANNOT_OPEN,
    "SQLITE_CORRUPT": _DAMAGED,
    "SQLITE_NOTADB": _DAMAGED,
    "SQLITE_IOERR": (
        "The disk could not be read or written.",
        f"Check the disk and its free space, then try again, {_ELSEWHERE} (not to a network drive).",
    ),
    "SQLITE_NOMEM": ("There is not enough memory for the database.", "Close other programs and try again."),
    "SQLITE_TOOBIG": ("The text is too long for the database.", "Send less at once."),
}
_OS_ERRORS = {
    errno.ENOSPC: "SQLITE_FULL",
    errno.EROFS: "SQLITE_READONLY",
    errno.EIO: "SQLITE_IOERR",
    errno.ENOLCK: "SQLITE_IOERR_LOCK",
    **{getattr(errno, name): "SQLITE_FULL" for name in ("EDQUOT", "EFBIG") if hasattr(errno, name)},
    **{getattr(errno, name): "SQLITE_IOERR" for name in ("ESTALE", "ENOTCONN") if hasattr(errno, name)},
}


def error_name(error: BaseException | None) -> str:
    """SQLite's primary name of the error (`SQLITE_BUSY` for `SQLITE_BUSY_SNAPSHOT`); empty for other errors."""
    return _short(str(getattr(error, "sqlite_errorname", "")))


def explain(error: BaseException) -> StoreUnavailable | None:
    """The error that the store's callers get for an error of the database or the disk; None for any other error."""
    if isinstance(error, DBAPIError):
        error = error.orig or error
    elif not isinstance(error, OSError | sqlite3.Error) and not _is_postgres(error):
        return None
    unknown = ("The database failed.", "Try again. The server's log has the details.")
    if _is_postgres(error):
        from sessionls.store.engine.postgres.failures import explain_error

        explanation = explain_error(error) or unknown
        return StoreUnavailable(explanation[0], hint=explanation[1])
    if isinstance(error, OSError):
        name = _OS_ERRORS.get(error.errno or 0, "SQLITE_CANTOPEN")
    else:
        name = str(getattr(error, "sqlite_errorname", ""))
    explanation = _EXPLANATIONS.get(name) or _EXPLANATIONS.get(_short(name), unknown)
    return StoreUnavailable(explanation[0], hint=explanation[1])


def _is_postgres(error: BaseException) -> bool:
    """Whether the error comes from the PostgreSQL driver. (The driver is not imported here: it is loaded only if needed.)"""
    return type(error).__module__.partition(".")[0] in ("psycopg", "psycopg_binary", "psycopg_c")


def _short(name: str) -> str:
    return "_".join(name.split("_")[:2])
