"""What clients of `sessionls acp` send with a prompt: unsaved files, commands, images, and servers."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

import pytest
from acp import schema
from acp.core import RequestError

from acp_client import Editors, mode, texts
from images import encoded, png
from model_server import Answer, ModelServer, ToolUse
from preloaded import mcp_server

pytestmark = pytest.mark.usefixtures("provider")


def link(path: Path, fragment: str = "") -> Any:
    return schema.ResourceContentBlock(type="resource_link", name=path.name, uri=path.as_uri() + fragment)


async def test_the_model_gets_the_clients_unsaved_text(start_editor: Editors, folder: Path, model_server: ModelServer) -> None:
    file = folder / "a.py"
    file.write_text("on_disk = 1\n")
    editor = await start_editor()
    session = await editor.new(folder)
    editor.buffers[str(file)] = "in_the_editor = 1\n"
    await editor.prompt(session, [*texts("Explain "), link(file)])
    assert "in_the_editor" in str(model_server.requests[0].messages) and "on_disk" not in str(model_server.requests[0].messages)
    await editor.prompt(session, 'tool: read_file {"path": "a.py"}')
    assert "in_the_editor" in str(model_server.requests[-1].messages[-1])
    editor.buffers[str(file)] = "changed_again = 1\n"
    await editor.prompt(session, 'tool: read_file {"path": "a.py"}')
    assert "changed_again" in str(model_server.requests[-1].messages[-1])


async def test_an_edit_goes_through_the_client_and_unsaved_changes_are_never_saved_for_anyone(
    start_editor: Editors, folder: Path, model_server: ModelServer
) -> None:
    file = folder / "a.py"
    file.write_text("x = 1\n")
    editor = await start_editor()
    session = await editor.new(folder)
    editor.permit = "session"
    edit = ToolUse("edit_file", json.dumps({"path": "a.py", "edits": [{"old": "1", "new": "2"}]}))
    model_server.script(Answer(tools=[edit]), Answer("Done."))
    await editor.prompt(session, [*texts("Edit "), link(file)])
    assert editor.written == {str(file): "x = 2\n"} and file.read_text() == "x = 2\n"
    editor.buffers[str(file)] = "x = 2\ny = 1\n"
    again = ToolUse("edit_file", json.dumps({"path": "a.py", "edits": [{"old": "x = 2", "new": "x = 3"}]}))
    model_server.script(Answer(tools=[again]), Answer("No."))
    await editor.prompt(session, [*texts("Edit again "), link(file)])
    assert file.read_text() == "x = 2\n"
    assert "unsaved changes" in str(model_server.requests[-1].messages[-1])


async def test_a_client_without_file_access_uses_the_disk(start_editor: Editors, folder: Path, model_server: ModelServer) -> None:
    (folder / "a.py").write_text("x = 1\n")
    editor = await start_editor(reads=False, writes=False)
    session = await editor.new(folder)
    editor.permit = "once"
    edit = ToolUse("edit_file", json.dumps({"path": "a.py", "edits": [{"old": "1", "new": "2"}]}))
    model_server.script(Answer(tools=[edit]), Answer("Done."))
    await editor.prompt(session, [*texts("Edit "), link(folder / "a.py")])
    assert (folder / "a.py").read_text() == "x = 2\n"
    assert editor.read == [] and editor.written == {}


async def test_slash_commands_work(start_editor: Editors, folder: Path) -> None:
    editor = await start_editor()
    session = await editor.new(folder)
    await editor.prompt(session, "say: hello")
    await editor.prompt(session, "/pause")
    with pytest.raises(RequestError, match=r"paused.*/resume"):
        await editor.prompt(session, "say: more")
    await editor.prompt(session, "/resume")
    await editor.prompt(session, "/agent review")
    await editor.until(lambda: mode(editor, session) == "review")
    await editor.prompt(session, "/rename A better title")
    await editor.until(lambda: editor.of(session, "session_info_update")[-1]["title"] == "A better title")
    await editor.prompt(session, "/fork The copy")
    listed = (await editor.agent.list_sessions(cwd=str(folder))).sessions
    assert {one.title for one in listed} == {"A better title", "The copy"}
    await editor.prompt(session, "/export out.md")
    assert "hello" in (folder / "out.md").read_text()
    with pytest.raises(RequestError, match="exists already"):
        await editor.prompt(session, "/export out.md")
    await editor.prompt(session, "/share")
    assert "Everybody who can open it owns every session" in editor.text(session)
    with pytest.raises(RequestError, match=r"king is not a role.*reader, commenter, writer, owner"):
        await editor.prompt(session, "/share ben king")
    with pytest.raises(RequestError, match="PostgreSQL"):
        await editor.prompt(session, "/share ben writer")
    await editor.prompt(session, "say: /etc/hosts is a path")
    assert editor.text(session).endswith("/etc/hosts is a path")


async def test_a_review_shows_its_findings_with_locations(start_editor: Editors, folder: Path, model_server: ModelServer) -> None:
    (folder / "a.py").write_text("x = 1\n")
    editor = await start_editor()
    session = await editor.new(folder)
    arguments = {"path": "a.py", "title": "x is wrong", "severity": "error", "start_line": 1, "body": "It should be 2."}
    model_server.script(Answer(tools=[ToolUse("report_finding", json.dumps(arguments))]), Answer("One defect."))
    assert await editor.prompt(session, "/review a.py") == "end_turn"
    assert "a.py:1` error: x is wrong" in editor.text(session) and "One defect." in editor.text(session)
    places = [call["locations"] for call in editor.calls(session).values() if "x is wrong" in call["title"]]
    assert {"path": str(folder / "a.py"), "line": 1} in [place for one in places for place in one]
    assert "Review a.py" in str(model_server.requests[0].messages)


async def test_images_reach_the_model_as_they_came(start_editor: Editors, folder: Path, model_server: ModelServer) -> None:
    editor = await start_editor()
    session = await editor.new(folder)
    linked = folder / "shot.png"
    linked.write_bytes(png(shade=3))
    blob = schema.BlobResourceContents(blob=encoded(png(shade=2)), uri="clipboard:///b.png", mime_type="image/png")
    blocks = [
        schema.TextContentBlock(type="text", text="What is wrong?"),
        schema.ImageContentBlock(type="image", data=encoded(png(shade=1)), mime_type="image/png", uri="file:///elsewhere/a.png"),
        schema.EmbeddedResourceContentBlock(type="resource", resource=blob),
        link(linked),
    ]
    assert await editor.prompt(session, blocks) == "end_turn"
    content = model_server.requests[0].messages[-1]["content"]
    urls = [part["image_url"]["url"] for part in content if part["type"] == "image_url"]
    assert urls == [f"data:image/png;base64,{encoded(png(shade=shade))}" for shade in (1, 2, 3)]
    named = str([part.get("text") for part in content])
    assert all(f'name="{name}"' in named for name in ("a.png", "b.png", "shot.png"))


async def test_images_are_replayed_and_seen_by_other_clients_in_the_order_of_the_session(
    start_editor: Editors, folder: Path
) -> None:
    here, there = await start_editor(), await start_editor()
    session = await here.new(folder)
    await there.agent.resume_session(session, str(folder))
    image = schema.ImageContentBlock(type="image", data=encoded(png(shade=1)), mime_type="image/png", uri="file:///x/a.png")
    await here.prompt(session, [*texts("say: seen"), image])
    await there.until(lambda: "seen" in there.text(session))
    again = await start_editor()
    await again.agent.load_session(str(folder), session)
    for client in (there, again):
        kinds = [update["sessionUpdate"] for update in client.of(session, "user_message_chunk", "agent_message_chunk")]
        assert kinds[:2] == ["user_message_chunk"] * 2 and kinds[2] == "agent_message_chunk"
        [shown] = [each["content"] for each in client.of(session, "user_message_chunk") if each["content"]["type"] == "image"]
        assert (shown["data"], shown["mimeType"]) == (image.data, "image/png")
    assert not here.of(session, "user_message_chunk")


async def test_an_image_without_text_is_a_prompt(start_editor: Editors, folder: Path, model_server: ModelServer) -> None:
    editor = await start_editor()
    session = await editor.new(folder)
    image = schema.ImageContentBlock(type="image", data=encoded(png()), mime_type="image/png")
    assert await editor.prompt(session, [image]) == "end_turn"
    content = model_server.requests[0].messages[-1]["content"]
    assert [part["type"] for part in content if part["type"] == "image_url"] == ["image_url"]
    assert "Look at the image." in str(content)
    await editor.prompt(session, [*texts("@review "), image, image])
    assert "Look at the images." in str(model_server.requests[1].messages[-1])


@pytest.mark.parametrize(
    ("block", "words"),
    [
        (schema.AudioContentBlock(type="audio", data="AAAA", mime_type="audio/wav"), "Audio"),
        (
            schema.EmbeddedResourceContentBlock(
                type="resource", resource=schema.BlobResourceContents(blob="AAAA", uri="file:///x.bin")
            ),
            "binary",
        ),
        (
            schema.EmbeddedResourceContentBlock(
                type="resource", resource=schema.TextResourceContents(text="KEY=1", uri="file:///project/.env")
            ),
            "withheld",
        ),
        (schema.TextContentBlock(type="text", text="  "), "empty"),
    ],
)
async def test_an_unsupported_prompt_is_refused_and_changes_nothing(
    start_editor: Editors, folder: Path, model_server: ModelServer, block: Any, words: str
) -> None:
    editor = await start_editor()
    session = await editor.new(folder)
    with pytest.raises(RequestError, match=words):
        await editor.prompt(session, [block])
    false = schema.ImageContentBlock(type="image", data="AAAA", mime_type="image/png")
    with pytest.raises(RequestError, match="not an image"):
        await editor.prompt(session, [*texts("look"), false])
    await editor.agent.load_session(str(folder), session)
    assert editor.text(session, "user_message_chunk") == "" and not model_server.requests


async def test_a_client_that_leaves_out_the_last_line_end_has_no_unsaved_changes(
    start_editor: Editors, folder: Path, model_server: ModelServer
) -> None:
    file = folder / "a.py"
    file.write_bytes(b"x = 1\r\ny = 1\r\n")
    editor = await start_editor()
    session = await editor.new(folder)
    editor.permit = "once"
    editor.buffers[str(file)] = "x = 1\ny = 1"
    edit = ToolUse("edit_file", json.dumps({"path": "a.py", "edits": [{"old": "x = 1", "new": "x = 2"}]}))
    model_server.script(Answer(tools=[edit]), Answer("Done."))
    await editor.prompt(session, [*texts("Edit "), link(file)])
    assert editor.written == {str(file): "x = 2\r\ny = 1\r\n"}


@pytest.mark.parametrize("trusted", [True, False])
async def test_servers_from_a_client_run_only_if_the_folder_is_trusted(
    start_editor: Editors, folder: Path, model_server: ModelServer, *, trusted: bool
) -> None:
    editor = await start_editor(*(["--trust"] if trusted else []))
    (Path(os.environ["XDG_CONFIG_HOME"]) / "sessionls" / "agents").mkdir(parents=True)
    agent = Path(os.environ["XDG_CONFIG_HOME"]) / "sessionls" / "agents" / "adder.md"
    agent.write_text("---\ndescription: Adds.\ntools: [workshop/*]\npermissions:\n  workshop/*: allow\n---\nAdd.\n")
    server = schema.McpServerStdio(name="workshop", **mcp_server(), env=[])
    session = (await editor.agent.new_session(str(folder), mcp_servers=[server])).session_id
    await editor.prompt(session, "@adder say: hello")
    if trusted:
        # A reply does not wait long for a server that is still starting; a later one has its tools.
        while not model_server.requests[-1].tools:
            await editor.prompt(session, "@adder say: hello")
        model_server.script(Answer(tools=[ToolUse("workshop__add", '{"a": 2, "b": 3}')]), Answer("Done."))
        await editor.prompt(session, "@adder add")
        assert "5" in str(model_server.requests[-1].messages[-1])
        assert "not trusted" not in editor.text(session)
    else:
        assert model_server.requests[0].tools == []
        await editor.until(lambda: "not used, because the folder is not trusted: workshop" in editor.text(session))
