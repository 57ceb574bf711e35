"""The requests of a long session: each sends the whole session, but only new messages are converted."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sessionls.models import direct, openai_request
from sessionls.models.kept_messages import KeptMessages
from sessionls.models.naming import Naming
from sessionls.models.openai_request import openai_body
from sessionls.models.targets import Target
from sessionls.ports.models import ModelRequest, tool_call, tool_definition
from sessionls.sessions.prompt.transcript import Prompt, estimate_tokens, may_have_images

TARGET = Target(lane="openai", provider="openai", model="test", base="http://127.0.0.1:9")
TOOL = tool_definition("read_file", "Read a file", {"type": "object"})


def session(length: int) -> list[dict[str, Any]]:
    """A system message, and so many more."""
    roles = ("user", "assistant")
    return [{"role": "system", "content": "You review."}, *({"role": roles[n % 2], "content": f"m{n}"} for n in range(length))]


def called(number: int) -> list[dict[str, Any]]:
    """A step with a tool."""
    call = tool_call(f"call_{number}", "read_file", {"path": "a.py"})
    return [
        {"role": "assistant", "content": "", "tool_calls": [call]},
        {"role": "tool", "tool_call_id": f"call_{number}", "content": "print(1)"},
    ]


@pytest.fixture
def kept() -> KeptMessages:
    return KeptMessages()


def sent(kept: KeptMessages, messages: Sequence[dict[str, Any]], target: Target = TARGET, **options: Any) -> Any:
    naming = Naming(ModelRequest("openai/test", messages, tools=[TOOL], **options))
    return json.loads(direct._encoded_body(naming, target, [], kept))


def whole(messages: Sequence[dict[str, Any]], target: Target = TARGET, **options: Any) -> Any:
    """What the request must be, made without anything that was kept."""
    return openai_body(Naming(ModelRequest("openai/test", messages, tools=[TOOL], **options)).request, target)


def test_a_step_converts_only_the_messages_that_are_new(kept: KeptMessages, monkeypatch: pytest.MonkeyPatch) -> None:
    converted: list[str] = []
    convert = openai_request._message

    def counted(message: Any, target: Target) -> dict[str, Any]:
        converted.append(message["content"])
        return convert(message, target)

    monkeypatch.setattr(openai_request, "_message", counted)
    messages = session(10_000)
    sent(kept, messages)
    assert len(converted) == 10_001
    converted.clear()
    messages = [*session(10_000), *called(1)]  # equal messages, but not the same objects
    sent(kept, messages)
    sent(kept, [*messages, *called(2), {"role": "user", "content": "go on"}])
    assert converted == ["", "print(1)", "", "print(1)", "go on"]


lines = st.text(alphabet='aé"\\\n ', max_size=3)
words = st.builds(lambda role, text: {"role": role, "content": text}, st.sampled_from(["user", "assistant"]), lines)


@given(
    st.lists(st.tuples(st.integers(0, 40), st.lists(words, max_size=4), st.sampled_from([None, "low", "high"]), st.booleans()))
)
def test_whatever_was_sent_before_a_request_is_what_it_would_be_alone(
    changes: list[tuple[int, list[dict[str, Any]], str | None, bool]],
) -> None:
    """A session is cut at a random position and continues differently, with and without reasoning, for two models."""
    kept = KeptMessages()
    messages = session(40)
    for cut, added, effort, deep in changes:
        messages = [*messages[: max(len(messages) - cut, 1)], *added, *called(cut)]
        target = replace(TARGET, provider="deepseek", row={"supports_reasoning": True}) if deep else TARGET
        assert sent(kept, messages, target, reasoning_effort=effort) == whole(messages, target, reasoning_effort=effort)


def test_what_json_cannot_express_is_sent_as_a_question_mark(kept: KeptMessages) -> None:
    messages = [*session(40), {"role": "user", "content": "half a pair: \ud83d"}]
    assert sent(kept, messages)["messages"][-1]["content"] == "half a pair: ?"
    assert sent(kept, [*messages, *called(1)])["messages"][-1]["content"] == "print(1)"


def test_what_is_kept_is_bounded(kept: KeptMessages) -> None:
    for n in range(50):
        sent(kept, [{"role": "system", "content": f"Agent {n}"}, *session(40)])
    assert len(kept._kept) == 8
    kept = KeptMessages(total_bytes=1)
    for n in range(2):
        sent(kept, [{"role": "system", "content": f"Agent {n}"}, *session(40)])
    assert len(kept._kept) == 1
    kept = KeptMessages(request_bytes=100)
    sent(kept, session(60))
    assert kept._kept == []


contents = st.one_of(lines, st.lists(st.builds(lambda text: {"type": "text", "text": text}, lines), min_size=1, max_size=2))
mixed = st.builds(lambda role, content: {"role": role, "content": content}, st.sampled_from(["user", "assistant"]), contents)


@given(st.lists(st.lists(mixed, max_size=4), max_size=4))
def test_a_prompt_that_grows_knows_its_size_and_whether_it_may_have_images(pieces: list[list[dict[str, Any]]]) -> None:
    prompt = Prompt()
    for piece in pieces:
        prompt = prompt.followed_by(piece)
    prompt = prompt.preceded_by({"role": "system", "content": "Be brief."})
    assert estimate_tokens(prompt) == estimate_tokens(list(prompt))
    assert may_have_images(prompt) == may_have_images(list(prompt))
