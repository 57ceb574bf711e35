"""docs/teams.md, from nothing to a team: its commands are run as they are written, over TLS, and the backups are restored."""

from __future__ import annotations

import asyncio
import os
import re
import shutil
import ssl
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from postgres_proxy import proxy
from postgres_server import BINARIES, OWNER, PostgresServer
from sessionls.store import SqlStore
from stores import create, exchange
from tls_certificates import certificates

GUIDE = (Path(__file__).parent.parent / "docs" / "teams.md").read_text(encoding="utf-8")
HOST = "db.example.org"
MEMBER = f"postgresql://ann@{HOST}/sessionls?sslmode=verify-full&sslrootcert=system"
pytestmark = [pytest.mark.skipif(os.name != "posix", reason="the commands are those of a POSIX shell"), pytest.mark.timeout(300)]


def blocks(heading: str) -> list[tuple[str, str]]:
    """The language and the text of each block below a heading of the guide."""
    section = re.search(rf"^## {re.escape(heading)}\n(.*?)(?=^## |\Z)", GUIDE, re.DOTALL | re.MULTILINE)
    assert section is not None, f"the guide has no section {heading!r}"
    found = re.findall(r"^```(\w+)\n(.*?)^```$", section[1], re.DOTALL | re.MULTILINE)
    assert found, f"the section {heading!r} has no commands"
    return found


class Team:
    """The server, and machines of people who follow the guide."""

    def __init__(self, server: PostgresServer, tls_port: int, folder: Path, authority: Path) -> None:
        self._folder = folder
        programs = folder / "bin"
        programs.mkdir()
        for name in ("psql", "pg_dump", "pg_restore", "createdb"):  # these were built without TLS, and reach the server itself
            program = programs / name
            program.write_text(f'#!/bin/sh\nPGPORT={server.port} exec "{BINARIES / "bin" / name}" "$@"\n', encoding="utf-8")
            program.chmod(0o755)
        # The name of the guide's server leads to this one, whose authority the machines trust.
        self._common = {
            "PATH": os.pathsep.join([str(Path(sys.executable).parent), str(programs), os.environ["PATH"]]),
            "PGHOSTADDR": "127.0.0.1",
            "PGPORT": str(tls_port),
            "SSL_CERT_FILE": str(authority),
            "SESSIONLS_EMBEDDED": "false",
            "LC_ALL": "C.UTF-8",
        }

    def home(self, who: str) -> Path:
        home = self._folder / who
        home.mkdir(exist_ok=True)
        return home

    def run(self, who: str, commands: str, *, database: str | None = None, code: int = 0) -> str:
        """Run the commands in a shell on somebody's machine; `database` is their setting."""
        environ = {**self._common, "HOME": str(self.home(who)), "USER": who}
        if database is not None:
            environ["SESSIONLS_DATABASE_URL"] = database
        return self._done(["bash", "-e", "-c", commands], environ, self.home(who), code=code)

    def administer(self, statements: str, database: str) -> None:
        """As an administrator of the server."""
        words = ["psql", "--quiet", "--set=ON_ERROR_STOP=1", f"--dbname=postgresql://{OWNER}@{HOST}/{database}"]
        self._done(words, {**self._common, "HOME": str(self._folder)}, self._folder, text=statements)

    def _done(self, words: list[str], environ: dict[str, str], at: Path, *, code: int = 0, text: str = "") -> str:
        program = shutil.which(words[0], path=environ["PATH"]) or words[0]
        done = subprocess.run(
            [program, *words[1:]], input=text, cwd=at, env=environ, capture_output=True, text=True, timeout=120, check=False
        )
        assert done.returncode == code, f"{words[-1]}\n{done.stdout}\n{done.stderr}"
        return done.stdout + done.stderr


@pytest.fixture
def team(tmp_path: Path) -> Iterator[Team]:
    authority, certificate, key = certificates(HOST)
    known, own = tmp_path / "authority.pem", tmp_path / "server.pem"
    known.write_bytes(authority)
    own.write_bytes(certificate + key)
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    context.load_cert_chain(own)
    server = PostgresServer()
    loop = asyncio.new_event_loop()
    ready, done = threading.Event(), asyncio.Event()
    ports: list[int] = []

    async def serve() -> None:
        async with proxy(server.port, context) as between:
            ports.append(between.port)
            ready.set()
            await done.wait()

    thread = threading.Thread(target=loop.run_until_complete, args=(serve(),))
    thread.start()
    try:
        assert ready.wait(20)
        server.execute("CREATE ROLE postgres SUPERUSER LOGIN")
        yield Team(server, ports[0], tmp_path, known)
    finally:
        loop.call_soon_threadsafe(done.set)
        thread.join(20)
        loop.close()
        server.remove()


def test_the_commands_of_the_teams_guide_work_including_backup_and_restore(team: Team) -> None:
    (_, install), (_, roles), (_, migrate), (_, rights), (_, people), (_, connect) = blocks("Set it up")
    assert install == 'pip install "sessionls[postgres]"\n'
    team.administer(roles, "postgres")
    assert "From revision none" in team.run("owner", migrate)
    team.administer(rights, "sessionls")
    invite, _, revoke = people.partition("ALTER ROLE ann")
    for who in ("ann", "ben"):
        team.administer(invite.replace("ann", who), "sessionls")
    said = team.run("ann", connect.replace("sessionls doctor", "sessionls doctor || true"))  # (there is no model)
    assert "login ann" in said and ", TLS" in said, said

    # Ann brings a session along, from her own database, and it is nobody's loss to do so again.
    mine = f"sqlite:///{team.home('ann') / 'mine.db'}"

    async def fill() -> str:
        async with SqlStore(mine) as store:
            session_id = await create(store, title="Of Ann")
            await exchange(store, session_id, "a question", "an answer")
            return session_id

    session_id = asyncio.run(fill())
    [(_, copies)] = blocks("Copy sessions into the database and out of it")
    there, _, back = copies.replace("5f3a9c1b", session_id).partition("sessionls store copy --from")
    said = team.run("ann", there, database=mine)
    assert said.count("Copied 1 session;") == 1 and said.count("unchanged: 1") == 1, said
    # What came from the team has the team's authors, and so another log than what was brought there.
    said = team.run("ann", f"sessionls store copy --from{back}", database=f"sqlite:///{team.home('ann') / 'left.db'}")
    assert "Copied 1 session;" in said
    assert "Of Ann" in team.run("ann", "sessionls sessions --all", database=MEMBER)

    # Either backup can be restored, and holds what there was.
    (_, own), (_, dumps) = blocks("Back up and restore")
    team.run("ann", own, database=MEMBER)
    team.run("owner", dumps)
    for backup in (f"postgresql://sessionls_owner@{HOST}/restored", f"sqlite:///{team.home('ann') / 'sessions.db'}"):
        team.run("owner", "sessionls store check", database=backup)
        shown = team.run("owner", f"sessionls export {session_id}", database=backup)
        assert "a question" in shown and "an answer" in shown, backup

    [(_, upgrade)] = blocks("Upgrade")
    first, _, migrate = upgrade.partition("\n")
    assert first == 'pip install --upgrade "sessionls[postgres]"'
    assert "nothing to do" in team.run("owner", migrate)

    # Who was revoked gets in no more; the others do.
    team.administer(f"ALTER ROLE ann{revoke}", "sessionls")
    team.run("ann", "sessionls sessions --all", database=MEMBER, code=1)
    team.run("ben", "sessionls sessions --all", database=MEMBER.replace("ann", "ben"))
