"""Real Neovim without a plugin: a question about a selection, written and answered in a session file."""

from __future__ import annotations

import asyncio
import json
from pathlib import Path

import pytest

from model_server import Answer, Hold, ModelServer
from neovim import binary
from server_client import server_command
from shared_server import environment, key_for

_SCRIPT = Path(__file__).with_name("session_file.lua")
_PATIENCE = 200.0


@pytest.mark.timeout(240)
async def test_a_question_about_a_selection_is_written_and_answered_in_a_session_file(
    tmp_path: Path, folder: Path, model_server: ModelServer
) -> None:
    (folder / "a.py").write_text("x = 1\n", encoding="utf-8")
    hold = Hold("First line.\n", then=Answer("Second line."))
    model_server.script(hold)
    told = json.dumps({"server": server_command(), "folder": str(folder)})
    process = await asyncio.create_subprocess_exec(
        *(binary(), "--clean", "--headless", "-l", str(_SCRIPT), told),
        stdin=asyncio.subprocess.DEVNULL,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
        env=environment(tmp_path) | key_for(model_server),
        cwd=folder,
    )
    try:
        async with asyncio.timeout(_PATIENCE):
            while process.returncode is None and not await asyncio.to_thread((folder / "go").exists):  # noqa: ASYNC110
                await asyncio.sleep(0.05)
            hold.go.set()
            out, err = await process.communicate()
    finally:
        if process.returncode is None:
            process.kill()
            await process.wait()
    assert process.returncode == 0, err.decode()
    result = json.loads(out.decode().splitlines()[-1])
    assert result["servers"] == 1 and result["ahead"] == "#file:a.py:1-2 "
    order = [
        "## Ada · ",
        "#file:a.py:1-2 What is 𝒳?",
        "## code · ",
        "First line.\nSecond line.",
        "## Next message",
        "My next 𝒳 question",
    ]
    text = result["text"]
    assert sorted(order, key=text.index) == order and all(text.count(one) == 1 for one in order)
    asked = model_server.requests[0].text
    assert "𝒳" in asked and "y = 2" in asked  # as it stands in the buffer, which is not saved
