"""Images as context: which are accepted, what models and agents receive, and what is refused before anything is sent."""

from __future__ import annotations

import asyncio
import json
import shlex
import sys
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from external_agents import ExternalAgentScript
from images import GIF, JPEG, WEBP, digest_of, encoded, png
from in_process_app import App, app, write_agent
from model_server import Answer, Hold, ModelServer
from server_client import Connect
from sessionls.domain.errors import AgentUnavailable, InvalidParams, ModelUnavailable, NotPermitted
from sessionls.domain.images import IMAGE_LIMIT, looks_like_image, read_facts
from sessionls.domain.model import Context, ImageContext, Message, Session
from sessionls.sessions.composing import Outgoing
from terminal_commands import Cli, bare, cli

__all__ = ["bare", "cli"]  # fixtures of these tests

SEES = "openai/gpt-4o-mini"
BLIND = "openai/gpt-3.5-turbo"


@pytest.fixture
def folder(folder: Path) -> Path:
    write_agent(folder, "plain", "You are plain.", tools="[]")
    write_agent(folder, "blind", "You are blind.", tools="[]", model=BLIND)
    (folder / "shot.png").write_bytes(png(640, 480))
    return folder


@pytest.fixture
async def home(folder: Path, model_server: ModelServer) -> AsyncIterator[App]:
    async with app(folder, model_server, model=SEES) as home:
        yield home


async def new(home: App, agent: str = "plain") -> Session:
    return await home.sessions.create(agent=agent)


def given_data(data: bytes, **more: Any) -> ImageContext:
    return ImageContext(data=encoded(data), **more)


def images_of(message: Message) -> list[ImageContext]:
    return [context for context in message.context or () if isinstance(context, ImageContext)]


def image_urls(messages: Any) -> list[str]:
    """The data URLs in what a provider with OpenAI's interface was sent, in order."""
    contents = [message["content"] for message in messages if isinstance(message["content"], list)]
    return [part["image_url"]["url"] for content in contents for part in content if part["type"] == "image_url"]


# -- what is an image ------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("data", "mime_type", "size"),
    [(png(7, 5), "image/png", (7, 5)), (JPEG, "image/jpeg", (1, 1)), (WEBP, "image/webp", (1, 1)), (GIF, "image/gif", (3, 2))],
)
async def test_the_type_of_an_image_is_read_from_its_bytes_not_from_its_claimed_type(
    home: App, data: bytes, mime_type: str, size: tuple[int, int]
) -> None:
    session = await new(home)
    claimed = given_data(data, mime_type="image/svg+xml", title="a drawing")
    message = (await home.sessions.message(session.id, Outgoing("look", context=[claimed]))).message
    (image,) = images_of(message)
    assert (image.mime_type, image.width, image.height) == (mime_type, *size)
    assert (image.size, image.sha256, image.title, image.data) == (len(data), digest_of(data), "a drawing", None)


def test_the_size_of_every_kind_of_webp_and_of_a_jpeg_with_other_segments_is_read() -> None:
    lossy = b"RIFF\0\0\0\0WEBPVP8 \0\0\0\0" + b"\0\0\0\x9d\x01\x2a" + (300).to_bytes(2, "little") + (200).to_bytes(2, "little")
    extended = b"RIFF\0\0\0\0WEBPVP8X\x0a\0\0\0\0\0\0\0" + (299).to_bytes(3, "little") + (199).to_bytes(3, "little")
    segment = b"\xff\xe1\x00\x06\xff\xc0\x01\x02"  # what is inside of a segment is none
    progressive = b"\xff\xd8" + segment + b"\xff\xff\xc2\x00\x11\x08\x00\xc8\x01\x2c"
    for data in (lossy, extended, progressive):
        facts = read_facts(data)
        assert facts is not None and (facts.width, facts.height) == (300, 200)


@settings(deadline=None)
@given(st.sampled_from([png(), JPEG, WEBP, GIF]), st.data())
def test_truncated_or_corrupt_images_are_read_or_refused_without_other_errors(data: bytes, draw: st.DataObject) -> None:
    end = draw.draw(st.integers(0, len(data)))
    changed = bytearray(data[:end])
    for at in draw.draw(st.lists(st.integers(0, max(end - 1, 0)), max_size=4)):
        if at < end:
            changed[at] = draw.draw(st.integers(0, 255))
    facts = read_facts(bytes(changed))
    assert facts is None or (looks_like_image(bytes(changed)) and facts.width > 0 and facts.height > 0)


REFUSED: dict[str, tuple[ImageContext, str]] = {
    "text": (given_data(b"not an image", mime_type="image/png"), "not an image"),
    "svg": (given_data(b"<svg xmlns='http://www.w3.org/2000/svg'/>"), "not an image"),
    "only a beginning": (given_data(png()[:12]), "not an image"),
    "no pixels": (given_data(png(0, 5)), "not an image"),
    "too large": (given_data(png(extra=IMAGE_LIMIT)), "larger than 5 MiB"),
    "no base64": (ImageContext(data="%%%"), "not base64"),
    "two of them": (ImageContext(data=encoded(png()), uri="file:///x.png"), "has a uri or data, not both"),
    "nothing": (ImageContext(title="x"), "needs a uri"),
    "an unknown hash": (ImageContext(sha256="0" * 64), "no image with that hash"),
}


@pytest.mark.parametrize("name", REFUSED)
async def test_data_that_is_not_an_image_or_is_too_large_is_refused_without_effect(home: App, name: str) -> None:
    session = await new(home)
    context, words = REFUSED[name]
    with pytest.raises(InvalidParams, match=words) as refused:
        await home.sessions.message(session.id, Outgoing("look", context=[context]))
    assert refused.value.data["fields"][0].startswith("context.0")
    assert (await home.sessions.get(session.id)).message_count == 0


async def test_the_number_of_images_in_a_message_is_limited(home: App) -> None:
    session = await new(home)
    with pytest.raises(InvalidParams, match="at most 20 images with 20 MiB"):
        await home.sessions.message(session.id, Outgoing("look", context=[given_data(png(shade=n)) for n in range(21)]))
    heavy = [given_data(png(shade=n, extra=IMAGE_LIMIT - 200)) for n in range(5)]
    with pytest.raises(InvalidParams, match="at most 20 images with 20 MiB"):
        await home.sessions.message(session.id, Outgoing("look", context=heavy))
    await home.sessions.message(session.id, Outgoing("look", context=[given_data(png(shade=n)) for n in range(20)]))


async def test_files_are_read_only_inside_of_the_workspace(home: App, folder: Path, tmp_path: Path) -> None:
    outside = tmp_path / "outside.png"
    outside.write_bytes(png())
    (folder / "link.png").symlink_to(outside)
    (folder / ".ssh").mkdir()
    (folder / ".ssh" / "key.png").write_bytes(png())
    (folder / "big.png").write_bytes(png(extra=IMAGE_LIMIT))
    session = await new(home)
    for path, error, words in (
        (outside, NotPermitted, "outside of the workspace"),
        (folder / "link.png", NotPermitted, "outside of the workspace"),
        (folder / ".ssh" / "key.png", NotPermitted, "withheld"),
        (folder, NotPermitted, "not a regular file"),
        (folder / "missing.png", InvalidParams, "no file"),
        (folder / "big.png", InvalidParams, "larger than 5 MiB"),
    ):
        with pytest.raises(error, match=words):
            await home.sessions.message(session.id, Outgoing("look", context=[ImageContext(uri=path.as_uri())]))
    assert (await home.sessions.get(session.id)).message_count == 0
    message = (
        await home.sessions.message(session.id, Outgoing("look", context=[ImageContext(uri=(folder / "shot.png").as_uri())]))
    ).message
    assert images_of(message)[0].uri == (folder / "shot.png").as_uri()


# -- what is kept ----------------------------------------------------------------------------------------------------


async def test_messages_and_events_name_an_image_and_a_request_reads_its_bytes(home: App) -> None:
    session = await new(home)
    await home.sessions.open(session.id)
    data = png(50, 40)
    await home.sessions.message(session.id, Outgoing("look", context=[given_data(data, title="a chart")]))
    history = (await home.sessions.history(session.id)).messages
    events = await home.built.store.events(session.id, after=0)
    for words in (history[0].model_dump_json(), *(event.model_dump_json() for event in events)):
        assert encoded(data)[20:60] not in words
    (image,) = images_of(history[0])
    assert image.sha256 is not None
    found = await home.sessions.image(session.id, image.sha256)
    assert (found.data, found.mime_type, found.width, found.height) == (encoded(data), "image/png", 50, 40)
    with pytest.raises(InvalidParams, match="no image with that hash"):
        await home.sessions.image(session.id, "0" * 64)
    with pytest.raises(InvalidParams):
        await home.sessions.image((await new(home)).id, image.sha256)  # of another session


async def test_a_waiting_message_is_replaced_by_one_with_the_same_image(home: App, model_server: ModelServer) -> None:
    hold = Hold("one", Answer("."))
    model_server.script(hold, Answer("I see."))
    session = await new(home)
    first = asyncio.create_task(home.sessions.message(session.id, "wait"))
    await hold.reached.wait()
    second = asyncio.create_task(
        home.sessions.message(session.id, Outgoing("what is it", context=[given_data(png())], message_id="m2"))
    )
    await home.queued(session.id, 1)
    (image,) = images_of((await home.sessions.history(session.id)).messages[-1])
    kept = ImageContext(sha256=image.sha256, title=image.title)
    third = asyncio.create_task(home.sessions.message(session.id, Outgoing("what is this", context=[kept], replaces="m2")))
    await asyncio.gather(second, return_exceptions=True)
    hold.go.set()
    await first
    assert (await third).reply.text == "I see."
    assert len(image_urls(model_server.requests[-1].messages)) == 1


# -- what models are sent --------------------------------------------------------------------------------------------


@pytest.mark.parametrize("lane", ["direct", "litellm"])
async def test_every_model_interface_gets_the_image_after_its_name(
    folder: Path, model_server: ModelServer, monkeypatch: pytest.MonkeyPatch, lane: str
) -> None:
    monkeypatch.setenv("ANTHROPIC_API_KEY", "sk-ant-test")
    monkeypatch.setenv("ANTHROPIC_API_BASE", model_server.url)
    if lane == "litellm":
        monkeypatch.setenv("SESSIONLS_MODEL_LANE", "litellm")
    async with app(folder, model_server, model=SEES) as home:
        for model in (SEES, "anthropic/claude-sonnet-4-5"):
            session = await new(home)
            context = ImageContext(uri=(folder / "shot.png").as_uri())
            await home.sessions.message(session.id, Outgoing("What is wrong?", model=model, context=[context]))
    openai, anthropic = model_server.requests
    data = encoded(png(640, 480))
    named, image, text = openai.messages[-1]["content"]
    assert 'name="shot.png"' in named["text"] and "image/png, 640 by 480" in named["text"]
    assert image["image_url"]["url"] == f"data:image/png;base64,{data}"
    assert text["text"] == "What is wrong?"
    named, image, text = anthropic.body["messages"][-1]["content"]
    assert image["source"] == {"type": "base64", "media_type": "image/png", "data": data}
    assert (named["type"], text["text"]) == ("text", "What is wrong?")


async def test_later_requests_still_contain_the_image_and_its_bytes_do_not_count_as_text(
    home: App, model_server: ModelServer
) -> None:
    session = await new(home)
    await home.sessions.message(session.id, Outgoing("look", context=[given_data(png(extra=1 << 20))]))
    await home.sessions.message(session.id, "and now?")
    assert len(image_urls(model_server.requests[1].messages)) == 1
    assert model_server.requests[1].messages[-1]["content"] == "and now?"
    # A megabyte as text would not fit, and the session would have been compacted.
    assert "compacted" not in [event.kind for event in await home.built.store.events(session.id, after=0)]


async def test_image_tokens_count_when_the_prompt_is_fitted_to_the_window(folder: Path, model_server: ModelServer) -> None:
    from sessionls.sessions.prompt.transcript import estimate_tokens

    def size(width: int, height: int) -> int:
        part = {"type": "image", "name": "x", "sha256": "0" * 64, "mime_type": "image/png", "size": 1}
        return estimate_tokens([{"role": "user", "content": [{**part, "width": width, "height": height}]}])

    assert size(1500, 1000) - size(150, 100) >= 1_400
    assert size(15_000, 10_000) - size(1500, 1000) < 10  # larger ones are scaled down


async def test_of_many_images_the_newest_are_sent_and_the_others_only_named(home: App, model_server: ModelServer) -> None:
    session = await new(home)
    for n in range(3):
        contexts = [given_data(png(shade=10 * n + i), title=f"shot {n}-{i}") for i in range(8)]
        reply = (await home.sessions.message(session.id, Outgoing("look", context=contexts))).reply
    sent = model_server.requests[-1].messages
    assert len(image_urls(sent)) == 20
    assert image_urls(sent)[-1] == f"data:image/png;base64,{encoded(png(shade=27))}"
    assert "The image shot 0-3 is not shown to you: it is left out to save room." in json.dumps(sent)
    assert "shot 0-4 is not shown" not in json.dumps(sent)
    assert reply.notices == ["4 images of earlier messages were left out to save room."]


async def test_a_model_without_image_support_gets_a_note_about_an_earlier_image(home: App, model_server: ModelServer) -> None:
    session = await new(home)
    await home.sessions.message(session.id, Outgoing("look", context=[given_data(png(), title="a chart")]))
    reply = (await home.sessions.message(session.id, Outgoing("and you?", agent="blind"))).reply
    sent = model_server.requests[-1].messages
    assert image_urls(sent) == [] and all(isinstance(message["content"], str) for message in sent)
    assert "The image a chart is not shown to you: it accepts no images." in json.dumps(sent)
    assert reply.notices == [f"1 image of this session was not sent to {BLIND}, which does not take it."]


# -- who cannot see --------------------------------------------------------------------------------------------------


async def test_an_image_for_a_model_without_image_support_is_refused_with_the_name_of_one_that_has_it(
    folder: Path, model_server: ModelServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with app(folder, model_server, model=SEES) as home:
        session = await new(home, "blind")
        with pytest.raises(ModelUnavailable, match=f"{BLIND} cannot be sent this message: it accepts no images") as refused:
            await home.sessions.message(session.id, Outgoing("look", context=[given_data(png())]))
        assert refused.value.reason == "noImages" and SEES in refused.value.hint
        assert (await home.sessions.get(session.id)).message_count == 0 and model_server.requests == []
        reply = (await home.sessions.message(session.id, Outgoing("look", model=SEES, context=[given_data(png())]))).reply
        assert reply.status == "complete"


async def test_an_image_is_also_refused_while_another_reply_is_written(home: App, model_server: ModelServer) -> None:
    hold = Hold("one", Answer("."))
    model_server.script(hold)
    session = await new(home)
    first = asyncio.create_task(home.sessions.message(session.id, "wait"))
    await hold.reached.wait()
    with pytest.raises(ModelUnavailable, match="accepts no images"):
        await home.sessions.message(session.id, Outgoing("look", agent="blind", context=[given_data(png())]))
    hold.go.set()
    await first
    assert (await home.sessions.get(session.id)).message_count == 2


async def test_claude_gets_no_image_that_its_provider_would_refuse_in_every_request(
    folder: Path, model_server: ModelServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("ANTHROPIC_API_KEY", "sk-ant-test")
    monkeypatch.setenv("ANTHROPIC_API_BASE", model_server.url)
    claude = "anthropic/claude-sonnet-4-5"
    async with app(folder, model_server, model=SEES) as home:
        session = await new(home)
        for large in (png(extra=4 << 20), png(9_000, 1)):
            with pytest.raises(ModelUnavailable, match="accepts images of at most"):
                await home.sessions.message(session.id, Outgoing("look", model=claude, context=[given_data(large)]))
            await home.sessions.message(session.id, Outgoing("look", context=[given_data(large)]))  # another model takes it
        await home.sessions.message(session.id, Outgoing("and you?", model=claude))
    assert "not shown to you: it accepts images of at most" in json.dumps(model_server.requests[-1].body)
    assert '"image"' not in json.dumps(model_server.requests[-1].body)


async def test_ollama_reports_which_models_support_images(
    folder: Path, model_server: ModelServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("OLLAMA_API_BASE", model_server.url)
    model_server.ollama, model_server.seeing = ["llava:latest", "qwen3:latest"], ["llava:latest"]
    async with app(folder, model_server, model=SEES) as home:
        session = await new(home)
        with pytest.raises(ModelUnavailable, match="accepts no images"):
            await home.sessions.message(session.id, Outgoing("look", model="ollama/qwen3:latest", context=[given_data(png())]))
        await home.sessions.message(session.id, Outgoing("look", model="ollama/llava:latest", context=[given_data(png())]))
    assert model_server.requests[-1].body["messages"][-1]["images"] == [encoded(png())]


async def test_the_list_of_models_shows_which_of_them_support_images(home: App) -> None:
    images = {model.name: model.images for model in (await home.sessions.models()).models}
    assert images[SEES] is True
    assert {name for name, takes in images.items() if takes is None and name.startswith("openai/")} == set()


async def test_external_agents_that_support_images_get_them_as_blocks(folder: Path, model_server: ModelServer) -> None:
    announce = {"promptCapabilities": {"image": True}, "sessionCapabilities": {"resume": {}}}
    guest = ExternalAgentScript(folder.parent / "guest.json", {"announce": announce})
    async with app(folder, model_server, model=SEES, agents={"guest": guest.setting()}) as home:
        session = await new(home)
        await home.sessions.message(session.id, Outgoing("earlier", context=[given_data(png(shade=1), title="first")]))
        context: list[Context] = [given_data(png(shade=2), title="second")]
        await home.sessions.message(session.id, Outgoing("now", agent="guest", context=context))
    blocks = guest.prompts[-1]
    images = [block for block in blocks if block["type"] == "image"]
    assert [block["data"] for block in images] == [encoded(png(shade=1)), encoded(png(shade=2))]
    assert {block["mimeType"] for block in images} == {"image/png"}
    assert blocks[-1] == {"type": "text", "text": "now"}
    assert "in order: first." in guest.prompt()


async def test_an_external_agent_without_image_support_gets_no_image(folder: Path, model_server: ModelServer) -> None:
    guest = ExternalAgentScript(folder.parent / "guest.json", {"announce": {"sessionCapabilities": {"resume": {}}}})
    async with app(folder, model_server, model=SEES, agents={"guest": guest.setting()}) as home:
        session = await new(home)
        with pytest.raises(AgentUnavailable, match="it accepts no images"):
            await home.sessions.message(session.id, Outgoing("look", agent="guest", context=[given_data(png())]))
        count = (await home.sessions.get(session.id)).message_count
        with pytest.raises(AgentUnavailable, match="it accepts no images") as refused:  # now it is known
            await home.sessions.message(session.id, Outgoing("look", agent="guest", context=[given_data(png())]))
        assert "another agent" in refused.value.hint
        assert (await home.sessions.get(session.id)).message_count == count
    assert guest.prompts == []


async def test_what_an_external_agent_announced_is_known_after_a_restart_until_its_program_changes(
    folder: Path, model_server: ModelServer
) -> None:
    guest = ExternalAgentScript(folder.parent / "guest.json", {"announce": {"promptCapabilities": {"image": False}}})
    program = folder.parent / "program.py"
    program.write_text("#!/bin/sh\nexec " + shlex.join([sys.executable, *guest.setting()["args"]]))
    program.chmod(0o755)
    agents = {"guest": {"command": str(program)}}
    looking = Outgoing("look", agent="guest", context=[given_data(png())])
    async with app(folder, model_server, model=SEES, agents=agents) as home:
        session = await new(home)
        await home.sessions.message(session.id, Outgoing("Hello", agent="guest"))
    started = len(guest.processes)
    async with app(folder, model_server, model=SEES, agents=agents) as home:
        with pytest.raises(AgentUnavailable, match="it accepts no images"):
            await home.sessions.message(session.id, looking)
        assert (await home.sessions.get(session.id)).message_count == 2 and len(guest.processes) == started
        guest.path.write_text(json.dumps({"announce": {"promptCapabilities": {"image": True}}}))
        program.write_text(program.read_text() + "\n# an update\n")
        assert (await home.sessions.message(session.id, looking)).reply.status == "complete"
    assert [block["type"] for block in guest.prompts[-1] if block["type"] == "image"] == ["image"]


@pytest.mark.parametrize("content", ["[" * 100_000, "[]", '{"a": 1}', "\xff", None])
async def test_a_damaged_file_of_announcements_is_replaced(folder: Path, model_server: ModelServer, content: str | None) -> None:
    guest = ExternalAgentScript(folder.parent / "guest.json", {"announce": {"promptCapabilities": {"image": False}}})
    path = folder.parent / "external-agents.json"
    if content is not None:
        path.write_text(content, encoding="latin-1")
    async with app(folder, model_server, model=SEES, agents={"guest": guest.setting()}) as home:
        session = await new(home)
        await home.sessions.message(session.id, Outgoing("Hello", agent="guest"))
        [entry] = [one for one in json.loads(path.read_text()).values() if isinstance(one, dict)]
        assert entry["images"] is False and str(guest.path) not in path.read_text()


# -- exports, the terminal and the protocol --------------------------------------------------------------------------


async def test_exports_contain_images(home: App, tmp_path: Path) -> None:
    session = await new(home)
    data, odd = png(50, 40), '"><script>![x](y)'
    await home.sessions.message(
        session.id, Outgoing("look", context=[given_data(data, title="a chart"), given_data(GIF, title=odd)])
    )
    markdown = (await home.sessions.export(session.id, "markdown")).content or ""
    assert (
        f"**Image: a chart** (image/png, 50 by 40, {len(data)} bytes)\n\n![](data:image/png;base64,{encoded(data)})" in markdown
    )
    page = (await home.sessions.export(session.id, "html")).content or ""
    assert f'<img src="data:image/png;base64,{encoded(data)}" width="50" height="40" alt="">' in page
    assert page.count("<img ") == 2 and "<script" not in page and "img-src data:;" in page
    await home.sessions.export(session.id, "json", file=tmp_path / "session.json")
    kept = json.loads((tmp_path / "session.json").read_text())["messages"][0]["context"]
    assert [one["data"] for one in kept] == [encoded(data), encoded(GIF)]
    document, _ = await home.sessions.document(session.id)  # what an editor shows names it
    assert "Image: a chart" in document and "base64" not in document


def test_the_terminal_accepts_the_path_of_an_image_and_explains_when_a_model_cannot_see_it(
    cli: Cli, model_server: ModelServer
) -> None:
    (cli.folder / "shot.dat").write_bytes(png(640, 480))
    model_server.script(Answer("A grey square."))
    done = cli("ask", "-m", SEES, "shot.dat", "What is this?")
    assert done.out == "A grey square.\n"
    assert image_urls(model_server.requests[0].messages) == [f"data:image/png;base64,{encoded(png(640, 480))}"]
    shown = cli("show", done.session)
    assert "shot.dat (image/png, 640 by 480," in shown.out
    refused = cli("ask", "-m", BLIND, "shot.dat", "What is this?", code=1)
    assert "accepts no images" in refused.err and "Choose another model" in refused.err
    assert len(model_server.requests) == 1


async def test_a_client_sends_an_image_reads_it_back_and_never_gets_it_unrequested(
    connect: Connect, folder: Path, model_server: ModelServer
) -> None:
    env = {"OPENAI_API_KEY": "sk-test", "OPENAI_API_BASE": model_server.openai, "SESSIONLS_MODEL": SEES}
    client = await connect(env=env, folders=[folder], events=True)
    session = (await client.ask("session/create"))["id"]
    await client.ask("session/open", sessionId=session)
    data = encoded(png(extra=3 << 20))
    handed = [{"kind": "image", "data": data, "title": "pasted"}, {"kind": "image", "uri": (folder / "shot.png").as_uri()}]
    sent = await client.ask("session/message", sessionId=session, text="look", context=handed)
    pasted, file = sent["message"]["context"]
    assert "data" not in pasted and (pasted["title"], pasted["mimeType"]) == ("pasted", "image/png")
    assert (file["width"], file["height"]) == (640, 480)
    await client.until(lambda: client.events_of("replyFinished"))
    assert data[40:90] not in json.dumps(client.all_of("session/event"))
    assert (await client.ask("context/image", sessionId=session, sha256=pasted["sha256"]))["data"] == data
    assert (await client.command("sessionls.image", {"sessionId": session, "sha256": file["sha256"]}))["width"] == 640
