"""Settings: the sources of values, errors for invalid values, and the participant."""

from __future__ import annotations

import asyncio
import os
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from sessionls.domain.errors import InvalidParams
from sessionls.settings.participant import local_participant, participant
from sessionls.settings.settings import Settings, config_dir

Write = Callable[[str], Path]


@pytest.fixture
def config(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Write:
    """Write the configuration file."""
    path = tmp_path / "settings.toml"
    monkeypatch.setenv("SESSIONLS_CONFIG", str(path))

    def write(text: str) -> Path:
        path.write_text(text, encoding="utf-8")
        return path

    return write


def refused(**explicit: object) -> InvalidParams:
    with pytest.raises(InvalidParams) as caught:
        Settings.load(**explicit)
    return caught.value


class TestSources:
    def test_the_defaults_apply_without_settings(self, monkeypatch: pytest.MonkeyPatch, fresh_home: Path) -> None:
        monkeypatch.delenv("SESSIONLS_DATA_DIR")
        settings = Settings.load()
        assert (settings.agent, settings.model, settings.database_url, settings.embedded) == ("code", None, None, True)
        assert settings.data_dir.is_relative_to(fresh_home)
        assert settings.url == f"sqlite:///{(settings.data_dir / 'sessions.db').as_posix()}"

    def test_the_file_overrides_the_default(self, config: Write) -> None:
        config('agent = "review"\nmodel = "openai/from-file"')
        assert (Settings.load().agent, Settings.load().model) == ("review", "openai/from-file")

    def test_the_environment_overrides_the_file(self, config: Write, monkeypatch: pytest.MonkeyPatch) -> None:
        config('agent = "review"\nmodel = "openai/from-file"')
        monkeypatch.setenv("SESSIONLS_MODEL", "openai/from-environment")
        assert (Settings.load().agent, Settings.load().model) == ("review", "openai/from-environment")

    def test_explicit_values_override_the_environment(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setenv("SESSIONLS_MODEL", "openai/from-environment")
        assert Settings.load(model="openai/given").model == "openai/given"

    def test_none_counts_as_not_given(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setenv("SESSIONLS_MODEL", "openai/from-environment")
        assert Settings.load(model=None).model == "openai/from-environment"

    def test_an_empty_variable_counts_as_not_set(self, config: Write, monkeypatch: pytest.MonkeyPatch) -> None:
        config('agent = "review"')
        monkeypatch.setenv("SESSIONLS_AGENT", "")
        assert Settings.load().agent == "review"

    def test_the_users_own_file_is_read_by_default(self) -> None:
        config_dir().mkdir(parents=True)
        (config_dir() / "config.toml").write_text('agent = "explain"', encoding="utf-8")
        assert Settings.load().agent == "explain"

    def test_trusted_folders_in_the_environment_are_separated_as_in_path(
        self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        one, two = tmp_path / "one", tmp_path / "two"
        monkeypatch.setenv("SESSIONLS_TRUSTED_FOLDERS", os.pathsep.join([str(one), str(two)]))
        settings = Settings.load()
        assert settings.trusted_folders == [one, two]
        assert settings.trusts(two / "inside") and not settings.trusts(tmp_path)

    def test_dots_do_not_lead_out_of_a_trusted_folder(self, tmp_path: Path) -> None:
        settings = Settings.load(trusted_folders=[tmp_path / "one"])
        assert not settings.trusts(tmp_path / "one" / ".." / "two")


class TestInvalidValues:
    def test_a_misspelled_setting_is_reported_with_a_suggestion(self, config: Write) -> None:
        config('modle = "openai/x"')
        error = refused()
        assert "modle" in error.message and "configuration file" in error.message and "'model'" in error.hint

    @pytest.mark.parametrize("line", ['openai_api_key = "sk-hush"', 'api-key = "sk-hush"', '[keys]\nopenai = "sk-hush"'])
    def test_an_api_key_in_the_file_is_refused_and_not_repeated(self, config: Write, line: str) -> None:
        config(line)
        error = refused()
        assert "environment" in error.hint
        assert "sk-hush" not in error.message + error.hint + str(error.wire())

    def test_an_invalid_value_in_the_environment_is_reported_with_its_variable(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setenv("SESSIONLS_EMBEDDED", "perhaps")
        error = refused()
        assert "SESSIONLS_EMBEDDED" in error.message
        assert error.wire()["fields"] == ["SESSIONLS_EMBEDDED"]

    def test_a_rule_for_an_unknown_tool_is_refused(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setenv("SESSIONLS_PERMISSIONS", '{"read_file": "allow", "files/*": "ask", "execute": "deny", "*": "ask"}')
        assert len(Settings.load().permissions) == 4
        monkeypatch.setenv("SESSIONLS_PERMISSIONS", '{"red_file": "deny"}')
        with pytest.raises(InvalidParams, match="red_file is not a tool or a risk"):
            Settings.load()

    def test_an_unsupported_database_is_refused(self) -> None:
        error = refused(database_url="mysql://someone:hush@host/db")
        assert "postgresql://" in error.message and "hush" not in error.message

    def test_invalid_toml_is_reported_with_its_line(self, config: Write) -> None:
        config("\n\nagent =\n")
        assert "line 3" in refused().message

    def test_a_binary_file_is_refused(self, config: Write) -> None:
        config("").write_bytes(b"agent = '\xff'")
        assert "UTF-8" in refused().message

    def test_a_named_file_that_does_not_exist_is_an_error(self, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
        monkeypatch.setenv("SESSIONLS_CONFIG", str(tmp_path / "none.toml"))
        assert "SESSIONLS_CONFIG" in refused().message

    @pytest.mark.parametrize(
        ("address", "shown"),
        [
            ("postgresql://me:hush@host:5432/db", "postgresql://me:…@host:5432/db"),
            ("postgresql://me:hu@sh@host/db?sslmode=require", "postgresql://me:…@host/db?sslmode=require"),
            (
                "postgresql://host/db?user=me&password=hush&sslpassword=hush",
                "postgresql://host/db?user=me&password=…&sslpassword=…",
            ),
            ("postgresql://me:hush@[broken/db", "postgresql://…"),
            ("postgresql://me@host/db", "postgresql://me@host/db"),
        ],
    )
    def test_a_password_in_the_database_url_is_not_shown(self, monkeypatch: pytest.MonkeyPatch, address: str, shown: str) -> None:
        monkeypatch.setenv("SESSIONLS_DATABASE_URL", address)
        assert Settings.load().shown_url == shown

    @pytest.mark.parametrize("address", ["postgresql://me:hush@host/db", "postgresql://host/db?password=hush"])
    def test_a_password_in_a_settings_file_is_refused(self, config: Write, address: str) -> None:
        config(f'database_url = "{address}"\n')
        for error in (refused(), refused(database_url=address)):
            assert "hush" not in f"{error.message}{error.hint}" and ".pgpass" in error.hint
            assert error.wire()["fields"] == ["database_url"]


class TestOwnParticipant:
    def test_the_id_is_the_same_for_every_source_of_the_email_address(self) -> None:
        assert participant("Ada", "ada@example.org").id == participant("A. Lovelace", "Ada@Example.org").id
        assert participant("Ada").id == participant("Ada").id != participant("Bob").id

    async def test_the_participant_comes_from_git_in_this_folder(self, tmp_path: Path) -> None:
        await asyncio.to_thread(_git, tmp_path, "init", "-q")
        await asyncio.to_thread(_git, tmp_path, "config", "user.name", "Ada Lovelace")
        await asyncio.to_thread(_git, tmp_path, "config", "user.email", "ada@example.org")
        found = await local_participant(tmp_path)
        assert (found.name, found.email) == ("Ada Lovelace", "ada@example.org")

    async def test_without_git_the_participant_is_the_login_name(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setenv("PATH", str(tmp_path))
        for name in ("LOGNAME", "USER", "LNAME", "USERNAME"):
            monkeypatch.setenv(name, "ada")
        found = await local_participant(tmp_path)
        assert (found.name, found.email) == ("ada", None)

    async def test_a_configured_name_does_not_use_the_email_address_of_git(self, tmp_path: Path) -> None:
        await asyncio.to_thread(_git, tmp_path, "init", "-q")
        await asyncio.to_thread(_git, tmp_path, "config", "user.email", "ada@example.org")
        assert (await local_participant(tmp_path, name="Bob")).email is None


def test_the_tables_in_the_documentation_are_up_to_date() -> None:
    script = Path(__file__).resolve().parent.parent / "scripts" / "generate_settings.py"
    done = subprocess.run([sys.executable, script, "--check"], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr


def test_importing_settings_imports_no_heavy_library() -> None:
    heavy = {"litellm", "sqlalchemy", "pygls", "lsprotocol", "typer", "rich"}
    code = f"import sys, sessionls.settings.settings; print(sorted({heavy!r} & set(sys.modules)))"
    assert subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout.strip() == "[]"


def _git(folder: Path, *words: str) -> None:
    git = shutil.which("git")
    assert git is not None
    subprocess.run([git, *words], cwd=folder, check=True, stdin=subprocess.DEVNULL)
