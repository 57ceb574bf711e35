"""Cached prompts: the same from one reply to the next as if they were built again each time."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, cast

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sessionls.domain.model import AgentAuthor, Message, Participant, Steered, TextPart, ToolPart
from sessionls.domain.state import Entry
from sessionls.ports.store import Transcript
from sessionls.sessions.prompt.kept_prompts import Prompts
from sessionls.sessions.prompt.transcript import Prompt, TranscriptOptions, estimate_tokens, for_model, join_adjacent, with_reply
from sessionls.store import SqlStore
from stores import compact, create, exchanges

AT = "2026-01-01T00:00:00.000Z"
PEOPLE = [Participant(id=name, name=name.capitalize()) for name in ("ada", "ben")]
GO = [TextPart(text="Go.")]
AGENTS = [AgentAuthor(agent=name, model="m", definition="d") for name in ("code", "review")]


def message(number: int, **given: Any) -> Message:
    return Message(id=f"m{number}", session_id="s", seq=number, created_at=AT, **given)


@st.composite
def exchange(draw: st.DrawFn, first: int) -> list[Message]:
    """A message, messages that steer its reply, and the reply, with places from `first` on."""
    text = st.sampled_from(["", " ", "a word", "more\nwords"])
    asked = message(
        first, role="participant", author=draw(st.sampled_from(PEOPLE)), parts=[TextPart(text="Go.")], status="complete"
    )
    steering = draw(st.integers(0, 2))
    reply_id = f"m{first + steering + 1}"
    steers = [
        message(
            first + 1 + n,
            role="participant",
            author=draw(st.sampled_from(PEOPLE)),
            parts=[TextPart(text="And this.")],
            status="complete",
            steered=Steered(message_id=reply_id, part=n),
        )
        for n in range(steering)
    ]
    call = ToolPart(call_id="c", name="read_file", arguments={"path": "a"}, status="done", result="text", step=1)
    parts = [part for part in (TextPart(text=draw(text)), call, TextPart(text=draw(text))) if draw(st.booleans())]
    status = draw(st.sampled_from(["complete", "failed", "cancelled", "interrupted"]))
    author = draw(st.sampled_from(AGENTS))
    return [asked, *steers, message(first + steering + 1, role="agent", author=author, parts=parts, status=status)]


@st.composite
def histories(draw: st.DrawFn) -> list[list[Message]]:
    found: list[list[Message]] = []
    for _ in range(draw(st.integers(1, 5))):
        found.append(draw(exchange(1 + sum(map(len, found)))))
    return found


class _Store:
    """The parts of a store that prompts need: entries, of which the first may be summarized."""

    def __init__(self, messages: Sequence[Message]) -> None:
        self.entries = [Entry(one, place, place) for place, one in enumerate(messages, 1)]
        self.begin = 0
        self.read = 0

    async def transcript(self, _session_id: str, *, through: int, after: int = 0) -> Transcript:
        begin = self.begin if self.begin <= through else 0
        entries = [entry for entry in self.entries if max(begin, after) < (entry.place or 0) <= through]
        self.read += len(entries)
        return Transcript(entries, f"Up to {begin}." if begin else None, begin)


@settings(max_examples=150, deadline=None)
@given(exchanges=histories(), data=st.data())
async def test_the_cached_prompt_equals_a_new_one(exchanges: list[list[Message]], data: st.DataObject) -> None:
    messages = [one for each in exchanges for one in each]
    places = [1 + sum(map(len, exchanges[:n])) for n in range(len(exchanges))]  # of the messages that were answered
    store = _Store(messages)
    prompts = Prompts(cast("Any", store))
    for _ in range(data.draw(st.integers(1, 8))):
        place = data.draw(st.sampled_from(places))
        if data.draw(st.integers(0, 3)) == 0:
            store.begin = data.draw(st.sampled_from([store.begin, *[one - 1 for one in places if one - 1 >= store.begin]]))
        options = TranscriptOptions(data.draw(st.sampled_from(["code", "review"])), data.draw(st.booleans()), lambda _: "")
        named = data.draw(st.booleans())
        told = await prompts.get("s", place, options, named=named)
        fresh = await store.transcript("s", through=place)
        assert told == for_model(fresh.entries, options, summary=fresh.summary, named=named)
        assert estimate_tokens(told) == estimate_tokens(list(told))


messages_of_models = st.lists(
    st.fixed_dictionaries({"role": st.sampled_from(["user", "assistant", "tool"]), "content": st.text(max_size=5)}), max_size=6
)


@given(first=messages_of_models, then=messages_of_models)
def test_an_extended_prompt_equals_one_that_is_built_at_once(first: list[dict[str, Any]], then: list[dict[str, Any]]) -> None:
    whole = Prompt.of(first).followed_by(then)
    assert whole == join_adjacent([*first, *then])
    assert estimate_tokens(whole) == estimate_tokens(list(whole))
    system = {"role": "system", "content": "You are."}
    assert (before := whole.preceded_by(system)) == [system, *whole]
    assert estimate_tokens(before) == estimate_tokens(list(before))


@given(exchanges=histories())
def test_a_steps_prompt_has_the_earlier_messages_and_the_reply_so_far(exchanges: list[list[Message]]) -> None:
    *before, (asked, *steers, reply) = exchanges
    entries = [Entry(one, n, n) for n, one in enumerate([*[one for each in before for one in each], asked], 1)]
    options = TranscriptOptions("code", True, lambda _: "")
    told = for_model(entries, options)
    assert with_reply(Prompt.of(told), reply, steers, options, named=False) == with_reply(
        told, reply, steers, options, named=False
    )


async def test_earlier_messages_are_not_read_again(store: SqlStore, monkeypatch: pytest.MonkeyPatch) -> None:
    session_id = await create(store)
    await exchanges(store, session_id, ["An answer."] * 100)
    read: list[int] = []
    transcript = store.transcript

    async def counted(session_id: str, *, through: int, after: int = 0) -> Transcript:
        found = await transcript(session_id, through=through, after=after)
        read.append(len(found.entries))
        return found

    monkeypatch.setattr(store, "transcript", counted)
    prompts = Prompts(store)
    options = TranscriptOptions("code", True, lambda _: "")
    for place in (199, 199, 201):
        if place == 201:
            await exchanges(store, session_id, ["Another."])
        told = await prompts.get(session_id, place, options, named=False)
    assert read == [199, 0, 2]
    assert len(told) == 201
    await compact(store, session_id, 198, "All that was said.")
    told = await prompts.get(session_id, 201, options, named=False)
    assert told[0]["content"].startswith("Summary of the session until here:\n\nAll that was said.")
    assert len(told) == 3
