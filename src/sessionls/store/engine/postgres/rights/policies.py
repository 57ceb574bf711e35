"""Row-level security: which rows a login can read and write."""
# ruff: noqa: S608 (the statements contain no input)

from __future__ import annotations

from typing import Final

__all__ = ["POLICIES", "TRIGGERS", "default_policies", "owner_policy", "policy", "trigger"]

_TRUSTED = "(SELECT sessionls_trusted())"
_ENDLESS = 1 << 53
_MINE = "a.reader IN (session_user, 'team') AND a.role > 0"
# (OFFSET 0: otherwise PostgreSQL may read the whole table `access` once, instead of looking up a row of it.)
_OPEN = (
    "EXISTS (SELECT 1 FROM access AS a WHERE a.session_id = {table}.{column} AND a.heir = {table}.{column} AND "
    + _MINE
    + " OFFSET 0)"
)
_OPEN_OR_SHARED = (
    "EXISTS (SELECT 1 FROM access AS a WHERE a.session_id = {table}.session_id AND " + _MINE + " AND {at} <= a.{limit} OFFSET 0)"
)


def _open(table: str, column: str = "session_id") -> str:
    """The login can see the session."""
    return _OPEN.format(table=table, column=column)


def _open_or_shared(table: str, at: str, limit: str) -> str:
    """The same, or the login can see a fork that shares this part of the session."""
    return _OPEN_OR_SHARED.format(table=table, at=f"{table}.{at}" if "(" not in at else at, limit=limit)


def _role(least: int, column: str = "session_id") -> str:
    return f"sessionls_role({column}) >= {least}"


_DAY = 86_400_000
_NOW = "(SELECT (extract(epoch FROM clock_timestamp()) * 1000)::bigint)"
_PIECES = "EXISTS (SELECT 1 FROM titles AS t WHERE t.n = title_pieces.n AND sessionls_role(t.session_id) >= {least} OFFSET 0)"
_FREE = "NOT sessionls_is_claimed_by_other(session_id, message_id)"
_WAITS = "message_id IS DISTINCT FROM (SELECT s.reply FROM sessions AS s WHERE s.id = claims.session_id)"
_OWN_ROW = "login = session_user"

# For each table: which rows may be read, inserted, updated and deleted. An UPDATE policy is for the old row; triggers check the
# new one. Actions that are missing here are forbidden.
POLICIES: Final[dict[str, dict[str, str]]] = {
    "sessions": {
        "SELECT": _open("sessions", "id"),
        "INSERT": "NOT deleted",
        "UPDATE": _role(2, "id"),
    },
    "session_places": {"SELECT": _open("session_places"), "INSERT": _role(4)},
    "titles": {"SELECT": _open("titles"), "INSERT": _role(3)},
    "events": {"SELECT": _open_or_shared("events", "seq", "seq"), "INSERT": "true"},
    "messages": {
        "SELECT": _open_or_shared("messages", f"coalesce(messages.place, {_ENDLESS})", "place"),
        "INSERT": _role(2),
        "UPDATE": _role(2),
        "DELETE": _role(3),
    },
    "images": {
        "SELECT": _open_or_shared("images", "seq", "seq"),
        "INSERT": f"{_role(2)} AND encode(sha256(data), 'hex') = sha256",
    },
    "parts": {
        "SELECT": _open("parts"),
        "INSERT": f"{_role(3)} AND {_FREE}",
        "UPDATE": f"{_role(3)} AND {_FREE}",
        "DELETE": f"{_role(3)} AND {_FREE}",
    },
    "summaries": {"SELECT": _open_or_shared("summaries", "at_place", "place"), "INSERT": _role(3)},
    "drafts": {"SELECT": _open("drafts"), "INSERT": f"{_role(3)} AND {_FREE}", "DELETE": f"{_role(3)} AND {_FREE}"},
    "findings": {"SELECT": _open("findings"), "INSERT": _role(3), "UPDATE": _role(3)},
    "claims": {
        "SELECT": _open("claims"),
        "INSERT": _role(3),
        "UPDATE": _OWN_ROW,
        # A claim of a waiting message is removed with the message. The claim of the current reply is not.
        "DELETE": f"{_OWN_ROW} OR {_role(3)} AND ({_FREE} OR {_WAITS})",
    },
    "external_sessions": {
        "SELECT": f"{_OWN_ROW} AND {_open('external_sessions')}",
        "INSERT": f"{_OWN_ROW} AND {_role(3)}",
        "UPDATE": _OWN_ROW,
        "DELETE": _OWN_ROW,
    },
    "presence": {
        "SELECT": _open("presence"),
        "INSERT": f"participant_id = session_user AND {_role(2)}",
        "DELETE": f"participant_id = session_user OR {_role(2)} AND NOT sessionls_is_alive(process)",
    },
    "processes": {
        "SELECT": "true",
        "INSERT": f"{_OWN_ROW} AND sessionls_is_own_process(id)",
        "UPDATE": f"{_OWN_ROW} AND sessionls_is_own_process(id) OR alive_until < {_NOW} - {_DAY}",
        "DELETE": f"{_OWN_ROW} OR alive_until < {_NOW} - {_DAY}",
    },
    "message_text": {},  # (It shows who has access to forks. Functions read and write it.)
    "title_pieces": {
        "SELECT": "EXISTS (SELECT 1 FROM titles AS t WHERE t.n = title_pieces.n OFFSET 0)",
        "INSERT": _PIECES.format(least=3),
        "UPDATE": _PIECES.format(least=3),
        "DELETE": _PIECES.format(least=3),
    },
    "access": {"SELECT": "reader IN (session_user, 'team')"},
    "reader_places": {"SELECT": "reader IN (session_user, 'team')"},
    "numbering": {"SELECT": "true"},
    "profiles": {"SELECT": "true", "INSERT": _OWN_ROW, "UPDATE": _OWN_ROW},
    "names": {"SELECT": "true"},
    "alembic_version": {"SELECT": "true"},
}


def policy(table: str, action: str, rule: str) -> str:
    """The statement that creates a policy."""
    using = f"USING ({rule})" if action in ("SELECT", "UPDATE", "DELETE") else ""
    check = f"WITH CHECK ({rule})" if action in ("INSERT", "UPDATE") else ""
    return f"CREATE POLICY sessionls_{action.lower()} ON {table} FOR {action} {using} {check}"


def owner_policy(table: str) -> str:
    """The statement that allows everything to the owner of the tables."""
    return f"CREATE POLICY sessionls_owner ON {table} USING ({_TRUSTED}) WITH CHECK ({_TRUSTED})"


def default_policies(table: str) -> list[str]:
    """The default policies for a table with a session's rows: readers of the session can read, its writers can write."""
    return [
        policy(table, "SELECT", _open(table)),
        *(policy(table, action, _role(3)) for action in ("INSERT", "UPDATE", "DELETE")),
    ]


def trigger(name: str, when: str, function: str, each: str = "ROW", *, only: str = "true") -> str:
    """The statement that creates a trigger. `only` is the condition for the rows for which it runs."""
    kind = "CONSTRAINT TRIGGER" if "DEFERRABLE" in when else "TRIGGER"
    return f"CREATE {kind} sessionls_{name} {when} FOR EACH {each} WHEN ({only}) EXECUTE FUNCTION {function}()"


TRIGGERS: Final = (
    trigger("guard", "BEFORE INSERT ON events", "sessionls_guard_event"),
    trigger("created", "AFTER INSERT ON events", "sessionls_session_created", only="NEW.kind = 'created'"),
    trigger("shared", "AFTER INSERT ON events", "sessionls_shared", only="NEW.kind = 'shared'"),
    trigger(
        "people",
        "AFTER INSERT ON events DEFERRABLE INITIALLY DEFERRED",
        "sessionls_people_changed",
        only="NEW.kind IN ('shared', 'unshared')",
    ),
    trigger("guard", "BEFORE INSERT OR UPDATE ON sessions", "sessionls_guard_session"),
    trigger("changed", "AFTER UPDATE ON sessions", "sessionls_session_changed"),
    trigger("guard", "BEFORE INSERT OR UPDATE OR DELETE ON messages", "sessionls_guard_message"),
    trigger("added", "AFTER INSERT ON session_places", "sessionls_place_added"),
    trigger("removed", "AFTER DELETE ON session_places", "sessionls_place_removed"),
    trigger("changed", "AFTER INSERT OR UPDATE OR DELETE ON findings", "sessionls_findings_changed"),
    trigger("readers", "BEFORE INSERT OR UPDATE OF words ON message_text", "sessionls_words_changed"),
    trigger("readers", "BEFORE INSERT OR UPDATE OF pieces ON title_pieces", "sessionls_pieces_changed"),
    trigger("changed", "AFTER INSERT OR UPDATE ON profiles", "sessionls_profile_changed"),
    *(
        trigger("row", f"BEFORE INSERT OR UPDATE ON {table}", "sessionls_guard_row")
        for table in ("drafts", "summaries", "titles")
    ),
    *(
        trigger("row", f"BEFORE UPDATE ON {table}", "sessionls_guard_row")
        for table in ("findings", "parts", "claims", "external_sessions")
    ),
    *(
        trigger("login", f"BEFORE INSERT OR UPDATE ON {table}", "sessionls_guard_login")
        for table in ("claims", "processes", "external_sessions", "profiles")
    ),
)
