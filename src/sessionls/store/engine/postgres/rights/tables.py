"""The tables that only PostgreSQL has: access to sessions, people's profiles, and full-text indexes."""

# ruff: noqa: ISC004

from __future__ import annotations

from typing import Final

__all__ = ["ACCESS_TABLES", "FULL_TEXT_TABLES"]

FULL_TEXT_TABLES: Final = (
    "CREATE TABLE message_text (n BIGINT PRIMARY KEY REFERENCES messages ON DELETE CASCADE, words TSVECTOR NOT NULL)",
    "CREATE INDEX message_text_by_words ON message_text USING gin (words)",
    "CREATE TABLE title_pieces (n BIGINT PRIMARY KEY REFERENCES titles ON DELETE CASCADE, pieces TEXT[] NOT NULL)",
    "CREATE INDEX title_pieces_by_piece ON title_pieces USING gin (pieces)",
)

_TEXT = 'TEXT COLLATE "C"'
ACCESS_TABLES: Final = (
    # Access to sessions: `reader` is a login, or `team` for all of them; `role` is 1 reader, 2 commenter, 3 writer, 4 owner, or 0
    # if change number `rev` removed it. `heir` is the session's own id, or the id of a fork that shares a part of it: then
    # it can only be read up to `place` and `seq`.
    f"CREATE TABLE access (session_id {_TEXT} NOT NULL REFERENCES sessions, reader {_TEXT} NOT NULL, heir {_TEXT} NOT NULL, "
    "role SMALLINT NOT NULL, place BIGINT NOT NULL, seq BIGINT NOT NULL, rev BIGINT, PRIMARY KEY (session_id, reader, heir))",
    "CREATE INDEX access_by_heir ON access (heir, reader)",
    "CREATE INDEX access_by_rev ON access (reader, rev) WHERE role = 0",
    # A copy of `session_places` for each reader, so that a page of their list can be read from an index alone. The kind `*`
    # includes every session.
    f"CREATE TABLE reader_places (session_id {_TEXT} NOT NULL REFERENCES sessions, reader {_TEXT} NOT NULL, "
    f"kind {_TEXT} NOT NULL, value {_TEXT} NOT NULL, state {_TEXT} NOT NULL, updated_at {_TEXT} NOT NULL, "
    "PRIMARY KEY (session_id, reader, kind, value))",
    "CREATE INDEX reader_places_by_update ON reader_places (reader, kind, value, state, updated_at, session_id)",
    # The number of the last change: one row.
    "CREATE TABLE numbering (only_row BOOLEAN PRIMARY KEY DEFAULT true CHECK (only_row), rev BIGINT NOT NULL)",
    # The names of people. `names` keeps all earlier names of a login, because older messages have them.
    f"CREATE TABLE profiles (login {_TEXT} PRIMARY KEY, name {_TEXT} NOT NULL, email {_TEXT}, "
    "CHECK (name <> '' AND length(name) <= 200 AND strpos(name, '(copied by ') = 0), CHECK (length(email) <= 320))",
    "CREATE UNIQUE INDEX profiles_by_name ON profiles (lower(name))",
    f"CREATE TABLE names (login {_TEXT} NOT NULL, name {_TEXT} NOT NULL, email {_TEXT} NOT NULL, "
    "PRIMARY KEY (login, name, email))",
    # The login that wrote an event or owns a process, set by the database.
    f"ALTER TABLE events ADD COLUMN login {_TEXT} DEFAULT session_user::text",
    f"ALTER TABLE claims ADD COLUMN login {_TEXT} DEFAULT session_user::text",
    f"ALTER TABLE processes ADD COLUMN login {_TEXT} DEFAULT session_user::text",
    # An external agent's own session is on one person's machine.
    f"ALTER TABLE external_sessions ADD COLUMN login {_TEXT} NOT NULL DEFAULT session_user::text",
    "ALTER TABLE external_sessions DROP CONSTRAINT external_sessions_pkey, ADD PRIMARY KEY (session_id, agent, login)",
    "INSERT INTO numbering (rev) SELECT greatest(coalesce(max(rev), 0), 0) FROM sessions",
    # Existing sessions still belong to everybody.
    "INSERT INTO access (session_id, reader, heir, role, place, seq) "
    "SELECT id, 'team', id, 4, 9007199254740992, 9007199254740992 FROM sessions WHERE NOT deleted",
    "INSERT INTO reader_places SELECT session_id, 'team', kind, value, state, updated_at FROM session_places",
    "INSERT INTO reader_places SELECT id, 'team', '*', '', state, updated_at FROM sessions WHERE NOT deleted",
)
