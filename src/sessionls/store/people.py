"""The people behind the logins of the database, from their profiles. Only a login itself may change its profile."""

from __future__ import annotations

from sqlalchemy import Connection, Row, text
from sqlalchemy.exc import IntegrityError

from sessionls.domain.model import Participant

__all__ = ["find_login", "known_people", "own_profile"]

_OWN = text("SELECT login, name, email FROM profiles WHERE login = session_user::text")
_LOGIN = text("SELECT session_user::text")
_ADD = text("INSERT INTO profiles (login, name, email) VALUES (session_user::text, :name, :email) ON CONFLICT (login) DO NOTHING")
_RENAME = text("UPDATE profiles SET name = :name, email = :email WHERE login = session_user::text")
_ONE = text(
    "SELECT r.rolname::text AS login, coalesce(p.name, r.rolname::text) AS name, p.email "
    "FROM pg_roles AS r LEFT JOIN profiles AS p ON p.login = r.rolname::text WHERE r.rolname = :login AND r.rolcanlogin"
)
_ALL = text("SELECT login, name, email FROM profiles ORDER BY lower(name) LIMIT 1000")

_LONGEST = 200, 320  # characters of a name and of an e-mail address


def own_profile(connection: Connection, local: Participant, *, renames: bool) -> Participant:
    """The participant for the current login. A new profile gets the local name; with `renames`, an existing one too."""
    row = connection.execute(_OWN).one_or_none()
    if row is None:
        _save(connection, local, new=True)
    elif renames and (row.name, row.email) != _fields(local):
        _save(connection, local, new=False)
    return _participant(connection.execute(_OWN).one())


def find_login(connection: Connection, login: str) -> Participant | None:
    row = connection.execute(_ONE, {"login": login}).one_or_none()
    return None if row is None else _participant(row)


def known_people(connection: Connection) -> list[Participant]:
    return [_participant(row) for row in connection.execute(_ALL)]


def _save(connection: Connection, local: Participant, *, new: bool) -> None:
    login = connection.execute(_LOGIN).scalar_one()
    name, email = _fields(local)
    # If somebody else has the same name, add the login to it.
    for candidate in (name, f"{name[: _LONGEST[0] - len(login) - 3]} ({login})"):
        try:
            with connection.begin_nested():
                connection.execute(_ADD if new else _RENAME, {"name": candidate, "email": email})
        except IntegrityError:
            continue
        return
    if new:
        connection.execute(_ADD, {"name": login, "email": email})


def _fields(local: Participant) -> tuple[str, str | None]:
    return local.name[: _LONGEST[0]], None if local.email is None else local.email[: _LONGEST[1]]


def _participant(row: Row[tuple[str, str, str | None]]) -> Participant:
    return Participant(id=row.login, name=row.name, email=row.email)
