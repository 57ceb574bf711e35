"""Real Emacs with this package: `make test-editors`."""

from __future__ import annotations

import asyncio
import json
import os
import sys
from pathlib import Path

import pytest

from logins import TeamDatabase
from model_server import Answer, Hold, ModelServer, ToolUse
from server_client import GUARDED_SERVER
from shared_server import environment, key_for, make_workspace

PACKAGE = Path(__file__).resolve().parent.parent
_LIBRARIES = Path("/usr/share/emacs/site-lisp/elpa-src")  # of Debian's packages, where Emacs has none of its own
_PATIENCE = 200.0


def emacs(*arguments: str) -> list[str]:
    found = [folder for name in ("eglot", "project", "xref", "seq") for folder in sorted(_LIBRARIES.glob(f"{name}-[0-9]*"))]
    paths = [word for folder in (*found, PACKAGE) for word in ("-L", str(folder))]
    return ["emacs", "-Q", "--batch", *paths, *arguments]


async def run(command: list[str], env: dict[str, str], folder: Path, hold: Hold | None = None) -> tuple[str, str]:
    process = await asyncio.create_subprocess_exec(
        *command,
        stdin=asyncio.subprocess.DEVNULL,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
        env=env,
        cwd=folder,
    )
    try:
        async with asyncio.timeout(_PATIENCE):
            while hold is not None and process.returncode is None and not (folder / "go").exists():  # noqa: ASYNC110
                await asyncio.sleep(0.05)
            if hold is not None:
                hold.go.set()
            out, err = await process.communicate()
    finally:
        if process.returncode is None:
            process.kill()
            await process.wait()
    assert process.returncode == 0, err.decode() + out.decode()
    return out.decode(), err.decode()


@pytest.mark.timeout(240)
async def test_a_question_about_a_region_from_emacs(tmp_path: Path, model_server: ModelServer) -> None:
    folder = make_workspace(tmp_path)
    (folder / "a.py").write_text("", encoding="utf-8")
    hold = Hold("First line.\n", then=Answer("Second line."))
    model_server.script(hold, Answer("", tools=[ToolUse("create_file", {"path": "b.txt", "text": "new\n"})]), Answer("Written."))
    told = json.dumps({"server": GUARDED_SERVER, "folder": str(folder)})
    live = str(PACKAGE / "test" / "live.el")
    out, _ = await run(
        emacs("-l", live, "-f", "sessionls-live", told), environment(tmp_path) | key_for(model_server), folder, hold
    )
    result = json.loads(out.splitlines()[-1])
    assert result["ahead"] == "#file:a.py:1-1 " and result["draft"].rstrip() == "@terse #file:a.py:1-1 What is 𝒳?"
    assert result["waiting"] == " ⚑1 ●1" and "Go to the question first" in result["refused"]
    order = ["## Ada · ", "@terse #file", "## terse · ", "First line.\nSecond line.", "Write b.txt", "## code · ", "Written."]
    text = result["text"]
    assert sorted(order, key=text.index) == order and all(text.count(one) == 1 for one in order if one != "## Ada · ")
    assert (folder / "b.txt").read_text(encoding="utf-8") == "new\n"
    assert "not saved" in model_server.requests[0].text  # as the buffer is
    assert result["outline"] and {"@research", "@review"} <= {one.strip() for one in result["completed"]}
    assert "What is 𝒳?" in result["fork"] and "Second line." not in result["fork"]
    assert "What is" in result["listed"] and result["asked"] == 0


@pytest.mark.timeout(240)
async def test_edits_are_made_in_buffers_saved_and_undone_and_findings_are_flymakes(
    tmp_path: Path, model_server: ModelServer
) -> None:
    folder = make_workspace(tmp_path)
    texts = {"a.py": "s = '𝒳'; x = 1\ny = 1\n", "b.py": "z = 1\n", "dirty.py": "w = 1\n"}
    for name, text in texts.items():
        (folder / name).write_text(text, encoding="utf-8")

    def edit(name: str, old: str, new: str) -> ToolUse:
        return ToolUse("edit_file", {"path": name, "edits": [{"old": old, "new": new}]})

    finding = {"path": "a.py", "start_line": 2, "severity": "warning", "title": "One is odd", "body": "It is."}
    model_server.script(
        Answer(tools=[ToolUse("read_file", {"path": name}) for name in texts]),
        Answer(tools=[edit("a.py", "x = 1\ny", "x = 2\ny"), edit("b.py", "1", "2"), edit("dirty.py", "w = 1", "w = 2")]),
        Answer(tools=[ToolUse("create_file", {"path": "new/c.txt", "text": "new\n"}), ToolUse("report_finding", finding)]),
        Answer("All done."),
    )
    told = json.dumps({"server": GUARDED_SERVER, "folder": str(folder)})
    env = environment(tmp_path) | key_for(model_server) | {"SESSIONLS_PERMISSIONS": '{"write": "allow"}'}
    out, _ = await run(emacs("-l", str(PACKAGE / "test" / "live.el"), "-f", "sessionls-live-edits", told), env, folder)
    result = json.loads(out.splitlines()[-1])
    edited = "s = '𝒳'; x = 2\ny = 1\n"
    assert (result["text"], result["modified"], result["end"]) == (edited, "no", "yes")
    assert result["undone"] == texts["a.py"]
    on_disk = {name: (folder / name).read_text(encoding="utf-8") for name in (*texts, "new/c.txt")}
    # What a person has not saved is not saved for them.
    assert on_disk == {"a.py": edited, "b.py": "z = 2\n", "dirty.py": texts["dirty.py"], "new/c.txt": "new\n"}
    assert result["dirty"] == ["yes", "w = 2\nmine = 1\n"] and result["closed"] == "closed"
    assert len(result["flymake"]) == 1 and "One is odd" in result["flymake"][0] and result["lines"] == [2]
    assert result["asked"] == 0


@pytest.mark.timeout(240)
async def test_a_session_is_shared_with_a_person_who_comments(tmp_path: Path, database: TeamDatabase) -> None:
    folder = make_workspace(tmp_path)

    def of(name: str) -> dict[str, str]:
        own = {"SESSIONLS_DATABASE_URL": database.of(name), "SESSIONLS_PARTICIPANT_NAME": name.title()}
        return environment(tmp_path / name) | own

    async def comment_as_ben() -> None:
        while not (folder / "shared").exists():  # noqa: ASYNC110
            await asyncio.sleep(0.05)
        command = [sys.executable, "-m", "sessionls"]
        listed, _ = await run([*command, "sessions", "--json"], of("ben"), folder)
        (session,) = json.loads(listed)["sessions"]
        await run([*command, "comment", session["id"], "Looks right"], of("ben"), folder)

    await run([sys.executable, "-m", "sessionls", "sessions"], of("ben"), folder)  # so that he is known
    told = json.dumps({"server": GUARDED_SERVER, "folder": str(folder)})
    live = emacs("-l", str(PACKAGE / "test" / "live.el"), "-f", "sessionls-live-people", told)
    (out, _), _ = await asyncio.gather(run(live, of("ann"), folder), comment_as_ben())
    result = json.loads(out.splitlines()[-1])
    ann, ben = database.login("ann"), database.login("ben")
    assert f"{ann}" in result["shared"] and f"Ben ({ben}): writer" in result["shared"]
    assert "sees 1 key or token in it" in result["shared"]
    assert result["removed"] == f"{ben} has no role in this session" and ben not in result["people"]
    assert "no login 'carl'" in result["unknown"] and "Looks right" in result["text"]
    (_, *people), (_, *roles), (_, *removable) = result["read"]
    assert {f"Ben ({ben})", "team"} <= set(people) and roles == ["reader", "commenter", "writer", "owner"]
    assert f"Ben ({ben})" in removable


async def test_the_package_compiles_without_warnings(tmp_path: Path) -> None:
    target = tmp_path / "sessionls.el"
    target.write_bytes((PACKAGE / "sessionls.el").read_bytes())
    strict = "(setq byte-compile-error-on-warn t)"
    await run(emacs("--eval", strict, "-f", "batch-byte-compile", str(target)), os.environ | {"HOME": str(tmp_path)}, tmp_path)
