"""A team's database with an owner of the tables and logins of people, set up as in docs/teams.md."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import psycopg

from postgres_server import PostgresServer

__all__ = ["TeamDatabase"]


@dataclass
class TeamDatabase:
    """Made for one test. `url` is the address for a login."""

    name: str
    members: list[str] = field(default_factory=list)

    @classmethod
    def make(cls, folder: Path, *members: str) -> TeamDatabase:
        """For a thread."""
        server = PostgresServer.shared()
        made = cls(f"team{hashlib.sha256(str(folder).encode()).hexdigest()[:16]}")
        for role in (f"{made.name}_owner LOGIN", f"{made.name}_team"):
            server.execute(f"CREATE ROLE {role}")
        server.create_store(made.name, f"{made.name}_owner")
        for member in members:
            made.invite(member)
        grants = (
            f"GRANT SELECT, INSERT, UPDATE, DELETE ON ALL TABLES IN SCHEMA public TO {made.name}_team",
            f"GRANT USAGE ON ALL SEQUENCES IN SCHEMA public TO {made.name}_team",
        )
        for grant in grants:
            made.run(f"{made.name}_owner", grant)
        return made

    def login(self, member: str) -> str:
        """The login of a member of this database. (Logins belong to the whole server.)"""
        return f"{self.name[-6:]}_{member}"

    def invite(self, member: str) -> None:
        PostgresServer.shared().execute(f'CREATE ROLE "{self.login(member)}" LOGIN IN ROLE {self.name}_team')
        self.members.append(member)

    def url(self, login: str) -> str:
        return PostgresServer.shared().url(self.name, login)

    def of(self, member: str) -> str:
        return self.url(self.login(member))

    def run(self, login: str, statement: str, *parameters: Any) -> list[Any]:
        """Run SQL as that login."""
        with psycopg.connect(self.url(login), autocommit=True) as connection:
            cursor = connection.execute(statement.encode(), parameters or None)
            return cursor.fetchall() if cursor.description else []
