"""Two people with two editors, two server processes and one database see each other's actions at once."""

from __future__ import annotations

import asyncio

from model_server import Answer, Hold, ModelServer
from server_client import SessionClient
from shared_server import PATIENCE, OpenEditor, text_of


async def two(open_editor: OpenEditor) -> tuple[SessionClient, SessionClient]:
    return await open_editor("Ada"), await open_editor("Ben")


async def test_each_sees_the_other_join_write_and_leave(open_editor: OpenEditor, model_server: ModelServer) -> None:
    ada, ben = await two(open_editor)
    session = await ada.ask("session/create", title="Together")
    await ben.ask("session/list")
    await ada.ask("session/open", sessionId=session["id"])
    opened = await ben.ask("session/open", sessionId=session["id"])
    assert opened["session"]["title"] == "Together"
    await ada.until(lambda: any(e["participant"]["name"] == "Ben" for e in ada.events_of("participantJoined")))
    hold = Hold("Hello ", then=Answer(chunks=["both ", "of ", "you."]))
    model_server.script(hold)
    sending = asyncio.ensure_future(ada.ask("session/message", sessionId=session["id"], text="Greet us"))
    await ben.written("Hello ")  # while it is written
    assert ben.events_of("messageSent")[0]["message"]["author"]["name"] == "Ada"
    hold.go.set()
    reply = (await sending)["reply"]
    for client in (ada, ben):
        await client.until(lambda client=client: client.events_of("replyFinished"))  # type: ignore[misc]
        assert client.text_of(reply["id"]) == text_of(reply) == "Hello both of you."
        numbers = [event["seq"] for event in client.events_of()]
        assert numbers == list(range(numbers[0], numbers[0] + len(numbers)))
    await ben.ask("session/close", sessionId=session["id"])
    await ada.until(lambda: ada.events_of("participantLeft"))


async def test_lists_stay_up_to_date_without_opening(open_editor: OpenEditor) -> None:
    ada, ben = await two(open_editor)
    await ben.ask("session/list")
    session = await ada.ask("session/create", title="New")
    await ben.until(lambda: any(c.get("session", {}).get("id") == session["id"] for c in ben.all_of("session/changed")))
    await ada.ask("session/rename", sessionId=session["id"], title="Renamed")
    await ben.until(lambda: any(c.get("session", {}).get("title") == "Renamed" for c in ben.all_of("session/changed")))
    await ada.ask("session/delete", sessionId=session["id"])
    await ben.until(lambda: {"deleted": session["id"]} in ben.all_of("session/changed"))
    assert not ben.events_of()


async def test_joining_during_a_reply_gives_the_text_so_far_and_everything_after(
    open_editor: OpenEditor, model_server: ModelServer
) -> None:
    ada, ben = await two(open_editor)
    session = await ada.ask("session/create")
    await ada.ask("session/open", sessionId=session["id"])
    hold = Hold("The text so far", then=Answer(chunks=[", and", " the", " rest."]))
    model_server.script(hold)
    sending = asyncio.ensure_future(ada.ask("session/message", sessionId=session["id"], text="Tell me"))
    await ada.written("The text so far")
    opened = await ben.ask("session/open", sessionId=session["id"])
    hold.go.set()
    reply = (await sending)["reply"]
    await ben.until(lambda: ben.events_of("replyFinished"))
    so_far = opened["messages"][-1]
    text = "".join(part["text"] for part in so_far["parts"])
    for delta in ben.all_of("session/delta"):
        assert (delta["messageId"], delta["offset"]) == (so_far["id"], len(text)), "a hole or an overlap"
        text += delta["text"]
    assert text == text_of(reply) == "The text so far, and the rest."
    assert ben.events_of()[0]["seq"] == opened["seq"] + 1


async def test_anyone_may_cancel_a_reply_of_another_process(open_editor: OpenEditor, model_server: ModelServer) -> None:
    ada, ben = await two(open_editor)
    session = await ada.ask("session/create")
    hold = Hold("So far")
    model_server.script(hold)
    sending = asyncio.ensure_future(ada.ask("session/message", sessionId=session["id"], text="Tell me"))
    await hold.reached.wait(PATIENCE)
    await ben.ask("session/cancel", sessionId=session["id"])
    assert (await sending)["reply"]["status"] == "cancelled"
