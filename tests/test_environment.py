"""The environment of child processes: the variables that programs need, and no secrets."""

from __future__ import annotations

import asyncio
import json
import os
import shlex
import sys
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from in_process_app import PlainEditor
from sessionls.domain.errors import InvalidParams
from sessionls.environment import child_environment, name_problem, value_problem, withheld_names
from sessionls.sessions.workspace.git import Git
from sessionls.sessions.workspace.workspace import Workspace
from sessionls.settings.settings import Settings
from sessionls.tools.execute import RunCommand
from sessionls.tools.read import Search
from sessionls.tools.scan import Scan
from sessionls.tools.scanners import user_scanner
from tool_calls import LoneCall

posix_only = pytest.mark.skipif(os.name == "nt", reason="writes programs as scripts of a POSIX shell")

SECRETS = {
    "OPENAI_API_KEY": "hush-1",
    "DATABASE_URL": "postgres://ann:hush-2@db.example.org/app",
    "REDIS_URL": "redis://:hush-3@cache.example.org:6379/0",
    "AZURE_STORAGE": "DefaultEndpointsProtocol=https;AccountName=ann;AccountKey=hush-4==;EndpointSuffix=core.windows.net",
    "SQL_SERVER": "Server=db;User Id=ann;Password=hush-5;",
    "LIBPQ": "host=db user=ann password='hush-6'",
    "SIGNED_URL": "https://files.example.org/one?sv=2024&sig=hush-7",
    "SERVICES": '{"db": {"user": "ann", "password": "hush-8"}}',
    "TOKEN_IN_ADDRESS": "https://hush-9@example.org/packages",
    "GITHUB": "ghp_hush10",
    "CERTIFICATE": "-----BEGIN PRIVATE KEY-----\nhush-11",
    "SESSIONLS_DATABASE_URL": "sqlite:///hush-12",
    "SESSIONLS_PARTICIPANT_NAME": "hush-13",
    "SSH_AUTH_SOCK": "/tmp/hush-14",
    "HTTPS_PROXY": "http://ann:hush-15@proxy.example.org:3128",
}
EVERYTHING = [*(name for name in SECRETS), "A*", "D*", "L*", "R*", "S*", "T*"]


def test_programs_get_what_they_need_and_nothing_else() -> None:
    needed = {"PATH": "/bin", "HOME": "/home/ann", "LANG": "C.UTF-8", "LC_TIME": "de_DE.UTF-8", "VIRTUAL_ENV": "/venv"}
    windows = {"SYSTEMROOT": r"C:\Windows", "PATHEXT": ".EXE", "APPDATA": r"C:\Users\ann", "PROGRAMFILES(X86)": r"C:\x"}
    other = {"NODE_ENV": "test", "EDITOR": "vi", "DISPLAY": ":0", "GIT_DIR": "/elsewhere", "LD_PRELOAD": "/lib/x.so"}
    assert child_environment(needed | windows | other) == needed | windows


def test_settings_can_add_variables() -> None:
    environ = {"NODE_ENV": "test", "NODE_OPTIONS": "--trace", "RAILS_ENV": "test", "OTHER": "x"}
    assert child_environment(environ, also=["NODE_*", "RAILS_ENV"]) == {
        "NODE_ENV": "test",
        "NODE_OPTIONS": "--trace",
        "RAILS_ENV": "test",
    }


def test_secrets_are_not_passed_on_even_if_settings_name_them() -> None:
    assert "hush" not in str(child_environment(SECRETS, also=EVERYTHING))
    assert "DATABASE_URL" in withheld_names(EVERYTHING, SECRETS)


def test_a_proxy_loses_its_password_and_keeps_its_address() -> None:
    assert child_environment(SECRETS)["HTTPS_PROXY"] == "http://proxy.example.org:3128"
    assert child_environment({"http_proxy": "ann:p@ss@proxy:80"}) == {"http_proxy": "proxy:80"}
    assert child_environment({"NO_PROXY": "localhost,10.0.0.0/8"}) == {"NO_PROXY": "localhost,10.0.0.0/8"}


@pytest.mark.parametrize(
    "value",
    [
        "/home/ann/keys:/opt/bin",
        "ssh://git@example.org/repo",
        "postgres://ann@localhost/test",
        "https://example.org/@scope/package",
        "https://example.org:8080/path?page=2",
        "production",
        "--max-old-space-size=4096",
        "name=ann;level=3",
    ],
)
def test_ordinary_values_are_not_secrets(value: str) -> None:
    assert value_problem(value) is None


@given(
    user=st.text("abc/", max_size=5),
    password=st.text("hush-/?#:@ab", min_size=1, max_size=12),
    before=st.sampled_from(["", "url=", "a b ", "https://example.org/ "]),
    scheme=st.sampled_from(["postgres", "https", "amqp", "mongodb+srv"]),
)
def test_any_password_in_an_address_is_found(user: str, password: str, before: str, scheme: str) -> None:
    assert value_problem(f"{before}{scheme}://{user}:{password}@example.org/x") is not None


def test_a_setting_cannot_name_a_secret(monkeypatch: pytest.MonkeyPatch) -> None:
    for name, words in (
        ("OPENAI_API_KEY", "key or a password"),
        ("SESSIONLS_DATA_DIR", "setting of sessionls"),
        ("SESSIONLS_*", "setting of sessionls"),
        ("*", "not the name"),
        ("A=B", "not the name"),
    ):
        monkeypatch.setenv("SESSIONLS_COMMAND_ENVIRONMENT", name)
        with pytest.raises(InvalidParams, match=words):
            Settings.load()
    monkeypatch.setenv("SESSIONLS_COMMAND_ENVIRONMENT", "NODE_ENV, RAILS_*")
    assert Settings.load().command_environment == ["NODE_ENV", "RAILS_*"]
    assert name_problem("NODE_ENV") is None


# -- every program that is started ----------------------------------------------------------------------------------


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    for name, value in SECRETS.items():
        monkeypatch.setenv(name, value)
    monkeypatch.setenv("NAMED", "by-the-settings")
    monkeypatch.setenv("UNNAMED", "by-nobody")
    folder = tmp_path / "work"
    folder.mkdir()
    (folder / "a.txt").write_text("text\n")
    return folder


def is_clean(seen: str, *, named: bool) -> bool:
    return "PATH=" in seen and "hush" not in seen and "UNNAMED" not in seen and ("NAMED=by-the-settings" in seen) is named


@posix_only
async def test_commands_get_the_limited_environment(folder: Path) -> None:
    tool = RunCommand(Workspace(PlainEditor([folder.as_uri()])), variables=["NAMED", *EVERYTHING])
    seen = await tool.run({"command": "env"}, LoneCall())
    assert is_clean(seen, named=True) and "SESSIONLS_" not in seen


def program(path: Path, seen: Path, then: str = "") -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(f"#!/bin/sh\nenv >> {shlex.quote(str(seen))}\n{then}\n")
    path.chmod(0o755)
    return path


@posix_only
async def test_scanners_get_the_limited_environment(folder: Path, tmp_path: Path) -> None:
    report = json.dumps({"version": "2.1.0", "runs": []})
    scanner = user_scanner("mine", [str(program(tmp_path / "bin" / "mine", tmp_path / "seen", f"echo '{report}'"))], ["*"])
    editor = PlainEditor([folder.as_uri()])
    tool = Scan(Workspace(editor), editor, [scanner], variables=["NAMED"])
    await tool.run({}, LoneCall())
    assert is_clean((tmp_path / "seen").read_text(), named=True)


@posix_only
async def test_git_gets_the_limited_environment(folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    git = program(tmp_path / "bin" / "git", tmp_path / "seen")
    monkeypatch.setenv("PATH", f"{git.parent}{os.pathsep}{os.environ['PATH']}")
    await Git()(str(folder), "status", seconds=30)
    assert is_clean((tmp_path / "seen").read_text(), named=False)


async def test_the_search_gets_the_limited_environment(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    given: list[dict[str, str]] = []
    loop = asyncio.get_running_loop()
    start = loop.subprocess_exec

    async def recorded(*words: Any, **more: Any) -> Any:
        if sys.executable in words:
            given.append(more["env"])
        return await start(*words, **more)

    monkeypatch.setattr(loop, "subprocess_exec", recorded)
    told = await Search(Workspace(PlainEditor([folder.as_uri()]))).run({"pattern": "text"}, LoneCall())
    assert "a.txt" in told
    assert [is_clean("\n".join(f"{name}={value}" for name, value in one.items()), named=False) for one in given] == [True]
