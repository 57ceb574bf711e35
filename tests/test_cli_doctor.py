"""`sessionls doctor`, and the program itself."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Sequence
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from preloaded import mcp_server
from sessionls.tools import mcp
from terminal_commands import Cli, bare, cli, folder

__all__ = ["bare", "cli", "folder"]  # fixtures of these tests


class TestDoctor:
    def test_doctor_succeeds_if_a_model_can_answer(self, cli: Cli) -> None:
        checks = {check["name"]: check for check in cli("doctor", "--json").data}
        assert checks["answers"]["says"].startswith("openai/test")
        assert checks["database"]["state"] == "ok"

    def test_doctor_never_shows_a_key(self, cli: Cli) -> None:
        done = cli("doctor")
        assert "sk-hush" not in done.out + done.err and "openai" in done.out

    def test_doctor_fails_if_no_model_can_answer_and_says_what_to_do(self, bare: Cli) -> None:
        out = bare("doctor", code=1).out
        assert "ANTHROPIC_API_KEY" in out and "Ollama" in out

    def test_a_data_folder_that_cannot_be_created_is_an_error(self, bare: Cli, tmp_path: Path) -> None:
        (tmp_path / "file").write_text("", encoding="utf-8")
        done = bare("doctor", "--json", code=1, SESSIONLS_DATA_DIR=str(tmp_path / "file" / "data"))
        assert {check["name"]: check["state"] for check in done.data}["database"] == "problem"

    def test_an_unknown_variable_with_our_prefix_is_reported(self, bare: Cli) -> None:
        assert "SESSIONLS_MODLE" in bare("doctor", code=1, SESSIONLS_MODLE="x").out

    def test_doctor_starts_mcp_servers_except_those_of_an_untrusted_folder(
        self, cli: Cli, folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(mcp, "McpServers", partial(mcp.McpServers, patience=60.0))
        mark = tmp_path / "started"
        server = mcp_server()
        theirs = {"mcpServers": {"theirs": {**server, "env": {"MARK": str(mark)}}}}
        (folder / ".mcp.json").write_text(json.dumps(theirs), encoding="utf-8")
        monkeypatch.setenv("SESSIONLS_MCP", json.dumps({"mine": server, "lost": {"command": "no-such-program"}}))

        def told() -> dict[str, Any]:
            checks = [check for check in cli("doctor", "--json").data if check["name"] == "mcp"]
            return {check["state"]: check["says"] for check in checks}

        states = told()
        assert "mine (" in states["ok"] and "theirs" not in states["ok"]
        assert states["problem"].startswith("lost, from the settings: it failed to start")
        assert states["note"] == "theirs, from .mcp.json: the workspace is not trusted"
        assert not mark.exists()
        monkeypatch.setenv("SESSIONLS_TRUSTED_FOLDERS", str(folder))
        assert "theirs (" in told()["ok"] and mark.exists()


class TestTheProgram:
    def test_invalid_settings_are_reported_in_one_line(self, bare: Cli) -> None:
        done = bare("sessions", code=1, SESSIONLS_DATABASE_URL="mysql://hush@host/db")
        assert "SESSIONLS_DATABASE_URL" in done.err and "hush" not in done.err

    @pytest.mark.parametrize(
        ("words", "code", "said"),
        [(["dance"], 2, "No such command"), (["--version"], 0, "sessionls 0"), (["show", "ffff"], 1, "no session")],
    )
    def test_the_process_exits_with_the_exit_code_of_the_command(
        self, bare: Cli, words: Sequence[str], code: int, said: str
    ) -> None:
        process = bare.start(*words)
        out, err = process.communicate(timeout=60)
        assert process.returncode == code and said in out + err

    def test_serve_does_not_import_terminal_libraries(self) -> None:
        code = (
            "import sys, types\n"
            "app = types.ModuleType('sessionls.server.app'); app.main = lambda: 7\n"
            "sys.modules['sessionls.server.app'] = app\n"
            "sys.argv = ['sessionls', 'serve', '--stdio']\n"
            "import sessionls.cli\n"
            "try: sessionls.cli.main()\n"
            "except SystemExit as end: print(end.code, sorted({'typer', 'rich', 'pydantic'} & set(sys.modules)))\n"
        )
        assert subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout == "7 []\n"
