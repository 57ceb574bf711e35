"""`sessionls store retention` deletes and erases exactly the sessions that are older than the settings allow."""

from __future__ import annotations

import asyncio
import json
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from typer.testing import CliRunner

from in_process_app import ANN, BEN
from sessionls.cli.commands import app
from sessionls.domain import transitions
from sessionls.domain.errors import SessionNotFound
from sessionls.domain.model import Session
from sessionls.settings.settings import Settings
from sessionls.store import SqlStore
from sessionls.store.retention import RetentionReport, apply_retention, expired_sessions
from stores import begin, create, end, exchange, fork, rename, say, texts, url

pytestmark = pytest.mark.usefixtures("engine")


def after(days: float) -> datetime:
    return datetime.now(UTC) + timedelta(days=days)


async def retain(store: SqlStore, days: dict[str, float], at: datetime) -> RetentionReport:
    found = await expired_sessions(store, days, at=at)
    return await apply_retention(store, days, found, lambda _done, _of: None, at=at)


def ids(sessions: list[Session]) -> list[str]:
    return [session.id for session in sessions]


async def test_each_state_has_its_own_age_and_states_without_one_are_kept(store: SqlStore) -> None:
    active, paused, archived = [await create(store) for _ in range(3)]
    await store.change(paused, lambda change: transitions.pause(change, ANN))
    await store.change(archived, lambda change: transitions.archive(change, ANN))
    for days, at, expected in (
        ({}, 1000, []),
        ({"archived": 30}, 29, []),
        ({"archived": 30}, 31, [archived]),
        ({"archived": 30, "paused": 20}, 25, [paused]),
        ({"active": 0.5, "paused": 365}, 1, [active]),
        ({"active": 999_999.0}, 1, []),
    ):
        assert ids(await expired_sessions(store, days, at=after(at))) == expected, days
    report = await retain(store, {"archived": 30, "active": 30}, after(31))
    assert sorted(ids(report.deleted)) == sorted([active, archived])
    for gone in (active, archived):
        with pytest.raises(SessionNotFound):
            await store.session(gone)
    assert (await store.session(paused)).state == "paused"


async def test_the_age_counts_from_the_last_change(store: SqlStore) -> None:
    session_id = await create(store)
    [before] = await expired_sessions(store, {"active": 1}, at=after(2))
    await asyncio.sleep(0.01)
    await rename(store, session_id, "changed")
    changed = datetime.fromisoformat((await store.session(session_id)).updated_at)
    at = changed + timedelta(days=1)
    assert await expired_sessions(store, {"active": 1}, at=at) == []
    # It was found before it was changed.
    report = await apply_retention(store, {"active": 1}, [before], lambda _done, _of: None, at=at)
    assert (report.deleted, list(report.refused)) == ([], [session_id])
    assert "changed" in report.refused[session_id]


async def test_sessions_in_use_are_kept_and_listed(store: SqlStore, tmp_path: Path) -> None:
    writing, opened, waiting, stopped = [await create(store) for _ in range(4)]
    await begin(store, writing, await say(store, writing, "go"))
    await store.change(opened, lambda change: transitions.join(change, BEN))
    await say(store, waiting, "later")
    await end(store, stopped, await begin(store, stopped, await say(store, stopped, "go")), "so far", status="interrupted")
    async with SqlStore(url(tmp_path)) as other:
        report = await retain(other, {"active": 1}, after(2))
    assert ids(report.deleted) == [stopped]
    assert set(report.refused) == {writing, opened, waiting}
    assert "open" in report.refused[opened]


async def test_content_that_a_fork_shares_is_kept(store: SqlStore) -> None:
    parent = await create(store)
    await exchange(store, parent, "a question", "an answer")
    child = await fork(store, parent, 2)
    await store.change(parent, lambda change: transitions.archive(change, ANN))
    assert ids((await retain(store, {"archived": 1}, after(2))).deleted) == [parent]
    assert await texts(store, child) == ["a question", "an answer"]


async def test_more_sessions_than_one_page(store: SqlStore) -> None:
    wanted = [await create(store) for _ in range(10)]
    assert sorted(ids(await expired_sessions(store, {"active": 1}, at=after(2), page_size=3))) == sorted(wanted)


def old(monkeypatch: pytest.MonkeyPatch) -> None:
    """Everything was changed 100 days ago."""

    class Later(datetime):
        @classmethod
        def now(cls, tz: object = None) -> datetime:  # type: ignore[override]
            return after(100)

    monkeypatch.setattr("sessionls.store.retention.datetime", Later)


@pytest.fixture
def configured(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    config = tmp_path / "config.toml"
    config.write_text("[retention]\narchived = 90\n", encoding="utf-8")
    monkeypatch.setenv("SESSIONLS_CONFIG", str(config))
    monkeypatch.setenv("SESSIONLS_DATABASE_URL", url(tmp_path))
    monkeypatch.chdir(tmp_path)
    old(monkeypatch)
    return config


def run(*words: str, code: int = 0) -> str:
    result = CliRunner().invoke(app, ["store", "retention", *words])
    assert result.exit_code == code, result.output
    return " ".join(result.output.split())


SECRET = "zyzzyva"


async def fill(tmp_path: Path) -> tuple[str, str]:
    async with SqlStore(url(tmp_path)) as store:
        gone, kept = await create(store, title=f"{SECRET} title"), await create(store, title="kept")
        for n in range(20):
            await exchange(store, gone, f"the {SECRET} question {n}", f"the {SECRET} answer " + "word " * 500)
            await exchange(store, kept, f"another question {n}", "an answer " + "word " * 500)
        await rename(store, gone, f"{SECRET} again")
        await store.change(gone, lambda change: transitions.archive(change, ANN))
        return gone, kept


def test_a_dry_run_says_what_would_be_deleted_and_deletes_nothing(configured: Path, tmp_path: Path) -> None:
    gone, kept = asyncio.run(fill(tmp_path))
    said = run("--dry-run")
    assert gone[-8:] in said and kept[-8:] not in said
    assert "Would delete 1 session." in said
    listed = json.loads(run("--dry-run", "--json"))
    assert [one["id"] for one in listed["sessions"]] == [gone] and listed["dryRun"] is True

    async def there() -> str:
        async with SqlStore(url(tmp_path)) as store:
            return (await store.session(gone)).title

    assert asyncio.run(there()) == f"{SECRET} again"


@pytest.mark.engines("sqlite")
def test_deleted_content_is_erased_from_all_files(configured: Path, tmp_path: Path) -> None:
    asyncio.run(fill(tmp_path))

    def found() -> list[str]:
        files = [path for path in (tmp_path / "data").iterdir() if path.is_file()]
        return [path.name for path in files if SECRET.encode() in path.read_bytes()]

    assert found() == ["sessions.db"]
    assert "Deleted 1 session; kept: 0." in run()
    assert found() == []
    assert b"another question 7" in (tmp_path / "data" / "sessions.db").read_bytes()
    assert "Deleted 0 sessions" in run()


def test_without_the_setting_nothing_is_deleted_and_the_error_names_the_setting(configured: Path) -> None:
    configured.write_text("", encoding="utf-8")
    said = run(code=2)
    assert "[retention]" in said


@pytest.mark.parametrize(
    "text", ["[retention]\narchived = 0", "[retention]\narchived = -1", "[retention]\ngone = 5", "[retention]\nactive = nan"]
)
def test_invalid_ages_are_refused(configured: Path, text: str) -> None:
    from sessionls.domain.errors import InvalidParams

    configured.write_text(text, encoding="utf-8")
    with pytest.raises(InvalidParams, match="retention"):
        Settings.load()
