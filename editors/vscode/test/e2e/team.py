"""A team's PostgreSQL for the end-to-end tests: `team.py NAME…` makes a login for each name and prints their addresses as JSON.

It runs until its input ends.
"""

from __future__ import annotations

import json
import sys
import tempfile
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[4] / "tests"))

from logins import TeamDatabase
from postgres_server import PostgresServer


def main() -> None:
    try:
        with tempfile.TemporaryDirectory() as folder:
            team = TeamDatabase.make(Path(folder), *sys.argv[1:])
        print(json.dumps({name: {"url": team.of(name), "login": team.login(name)} for name in sys.argv[1:]}), flush=True)
        sys.stdin.read()
    finally:
        PostgresServer.stop_shared()


if __name__ == "__main__":
    main()
