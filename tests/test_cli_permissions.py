"""`sessionls permissions`: what was allowed permanently is listed and removed in the terminal."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest

from sessionls.domain.results import KeptPermission
from sessionls.settings.kept_permissions import PermissionFile
from sessionls.settings.settings import config_dir
from terminal_commands import Cli

IDS = ["01a20000-0000-7000-8000-0000aaaaaaaa", "01a20000-0000-7000-8000-0000bbbbbbbb"]
AT = "2026-01-01T00:00:00.000Z"


@pytest.fixture
def cli(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Cli:
    return Cli(tmp_path, monkeypatch, capsys)


def keep(*scopes: str) -> None:
    kept = PermissionFile(config_dir() / "permissions.json")
    for permission_id, scope in zip(IDS, scopes, strict=False):
        folder = "file:///work" if permission_id == IDS[0] else None
        one = KeptPermission(id=permission_id, tool="run_command", risk="execute", scope=scope, folder=folder, created_at=AT)
        asyncio.run(kept.keep(one))


def test_permissions_are_listed_with_where_they_apply(cli: Cli) -> None:
    keep("make", "git\x1b[2J")
    out = cli("permissions").out
    first, second = (line for line in out.splitlines() if "run_command" in line)
    assert "aaaaaaaa" in first and "make" in first and "file:///work" in first
    assert "bbbbbbbb" in second and "git" in second and "all folders" in second and "\x1b" not in second
    assert [one["id"] for one in cli("permissions", "--json").data["permissions"]] == IDS


def test_one_is_removed_by_the_end_of_its_id_and_all_at_once(cli: Cli) -> None:
    keep("make", "git")
    assert "Removed 1 of 2" in cli("permissions", "--remove", "AAAAAAAA").err
    assert [one["scope"] for one in cli("permissions", "--json").data["permissions"]] == ["git"]
    assert "Removed 1 of 1" in cli("permissions", "--remove", "all").err
    assert cli("permissions", "--json").data == {"permissions": []}
    assert "ask each time" in cli("permissions").err


def test_an_id_that_is_unknown_or_stands_for_several_removes_nothing(cli: Cli) -> None:
    keep("make", "git")
    assert "No permission has the id" in cli("permissions", "--remove", "deadbeef", code=2).err
    assert "matches 2 ids" in cli("permissions", "--remove", "01a20000", code=2).err
    assert len(cli("permissions", "--json").data["permissions"]) == 2


def test_a_file_that_cannot_be_read_is_an_error(cli: Cli) -> None:
    (config_dir() / "permissions.json").parent.mkdir(parents=True, exist_ok=True)
    (config_dir() / "permissions.json").write_text("{")
    assert "cannot be read" in cli("permissions", code=1).err
