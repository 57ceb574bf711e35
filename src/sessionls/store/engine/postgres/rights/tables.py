"""The tables that only PostgreSQL has: access to sessions, people's profiles, and full-text indexes."""

# ruff: noqa: ISC004, S608 (the statements contain no input)

from __future__ import annotations

from typing import Final

__all__ = ["ACCESS_TABLES", "FULL_TEXT_TABLES", "LEVELS", "READER_COLUMNS"]

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

LEVELS: Final = (10, 13, 16, 19, 22, 40)
"""In the full-text indexes, rows are in blocks of 2 to the power of these many numbers (see searching.sql)."""

_KEYS = (
    "SELECT level || ':' || ({n} >> level) || ':' || a.reader FROM unnest(ARRAY[" + ", ".join(map(str, LEVELS)) + "]) AS level"
)
READER_COLUMNS: Final = (
    # What makes a session urgent, and whether it has open findings, for each reader and place.
    "ALTER TABLE reader_places ADD COLUMN attention SMALLINT, ADD COLUMN has_findings BOOLEAN NOT NULL DEFAULT false",
    "CREATE INDEX reader_places_by_attention ON reader_places (reader, kind, value, attention, updated_at, session_id) "
    "WHERE attention IS NOT NULL",
    "CREATE INDEX reader_places_with_findings ON reader_places (reader, kind, value, session_id) WHERE has_findings",
    # Who may read a message, and where it belongs, in the same index as its words.
    "ALTER TABLE message_text ADD COLUMN readers TEXT[] NOT NULL DEFAULT '{}', ADD COLUMN places TEXT[] NOT NULL DEFAULT '{}'",
    "ALTER TABLE title_pieces ADD COLUMN readers TEXT[] NOT NULL DEFAULT '{}'",
    "DROP INDEX message_text_by_words",
    "DROP INDEX title_pieces_by_piece",
    "UPDATE reader_places AS r SET attention = s.attention FROM sessions AS s "
    "WHERE s.id = r.session_id AND s.attention IS NOT NULL",
    "UPDATE reader_places SET has_findings = true WHERE session_id IN (SELECT session_id FROM findings WHERE state = 'open')",
    f"UPDATE message_text AS f SET readers = ARRAY({_KEYS.format(n='f.n')}, (SELECT DISTINCT reader FROM access "
    "WHERE session_id = m.session_id AND role > 0 AND coalesce(m.place, 9007199254740992) <= place) AS a), "
    "places = ARRAY(SELECT DISTINCT p.kind || ':' || p.value FROM access AS a JOIN session_places AS p ON p.session_id = a.heir "
    "WHERE a.session_id = m.session_id AND coalesce(m.place, 9007199254740992) <= a.place AND p.kind <> 'identity') "
    "FROM messages AS m WHERE m.n = f.n",
    f"UPDATE title_pieces AS p SET readers = ARRAY({_KEYS.format(n='p.n')}, access AS a "
    "WHERE a.session_id = t.session_id AND a.heir = t.session_id AND a.role > 0) FROM titles AS t WHERE t.n = p.n",
    "CREATE INDEX message_text_by_words ON message_text USING gin (readers, places, words)",
    "CREATE INDEX title_pieces_by_piece ON title_pieces USING gin (readers, pieces)",
)
