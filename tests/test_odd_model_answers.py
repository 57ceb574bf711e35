"""Any input from a model server is a response or a named error, however it is split, and within limits."""

from __future__ import annotations

import asyncio
import json
import tracemalloc
from collections.abc import Iterable
from itertools import pairwise
from typing import Any

import httpx2  # noqa: F401 (in a program, a thread loads it before there is an answer)
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from model_answers import READERS, A, Read, delta, piece, read
from sessionls.models.answers import LARGEST

# -- properties --------------------------------------------------------------------------------------------------------

texts = st.text(max_size=20)
NAMES = (
    *("choices", "delta", "message", "content", "tool_calls", "function", "name", "arguments", "index", "id", "finish_reason"),
    *("usage", "error", "type", "text", "reasoning", "reasoning_details", "thinking", "detail", "code", "stop_reason"),
    *("content_block", "partial_json", "done", "done_reason", "item", "output_index", "response", "output", "status"),
)
values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | texts,
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(
            st.sampled_from(NAMES) | texts,
            inner,
            max_size=4,
        )
    ),
    max_leaves=12,
)
call_pieces = st.builds(
    piece,
    st.none() | st.sampled_from(["read", "re", "ad", "write", ""]),
    st.none() | st.sampled_from(["", "{", "}", A, '{"pa', 'th": "a"}', "null"]) | values,
    index=st.none() | st.integers(0, 2),
    id=st.none() | st.sampled_from(["1", "2", ""]),
)
chunks = st.one_of(
    st.builds(delta, content=texts),
    st.builds(delta, reasoning_content=texts),
    st.builds(delta, tool_calls=st.lists(call_pieces, max_size=2)),
    st.builds(delta, st.sampled_from(["stop", "length", "tool_calls", "", None])),
    values,
)


@st.composite
def streams(draw: st.DrawFn) -> bytes:
    """Possible streams and any other input."""
    parts: list[str] = []
    newline = draw(st.sampled_from(["\n", "\r\n", "\r"]))
    for chunk in draw(st.lists(chunks, max_size=6)):
        before = draw(st.sampled_from(["", ": comment\n\n", "id: 1\n", "event: message\n", "\n", "retry: 5\n\n"]))
        ascii_only = draw(st.booleans())
        parts.append(f"{before}data: {json.dumps(chunk, ensure_ascii=ascii_only)}\n\n")
    parts.append(draw(st.sampled_from(["", "data: [DONE]\n\n", "data: [DONE]", "data: ", "junk"])))
    return "".join(parts).replace("\n", newline).encode("utf-8", "replace")


def cut_at(body: bytes, places: Iterable[int]) -> list[bytes]:
    marks = sorted({0, len(body), *(place % (len(body) + 1) for place in places)})
    return [body[begin:end] for begin, end in pairwise(marks)]


def uri_key(found: Read) -> Any:
    error = found.error and (found.error.reason, found.error.message)
    return found.text, found.reasoning, list(found.calls), found.reason, found.native, error


@settings(max_examples=150, deadline=None)
@given(streams(), st.lists(st.integers(0, 5000), max_size=12), st.sampled_from(sorted(READERS)))
def test_the_split_into_chunks_makes_no_difference(body: bytes, places: list[int], kind: str) -> None:
    whole = asyncio.run(read([body], kind))
    assert uri_key(asyncio.run(read(cut_at(body, places), kind))) == uri_key(whole)


@settings(max_examples=150, deadline=None)
@given(
    st.binary(max_size=200) | streams() | values.map(lambda value: json.dumps(value).encode()), st.sampled_from(sorted(READERS))
)
def test_any_input_is_a_response_or_a_named_error(body: bytes, kind: str) -> None:
    found = asyncio.run(read([body], kind))
    assert (found.error is None) == bool(found.reason)
    for _, arguments in found.calls:
        assert arguments.strip()


# -- bounds ------------------------------------------------------------------------------------------------------------


async def endless(begin: bytes, piece: bytes, size: int) -> tuple[Read, int]:
    """The result of a stream of that many bytes, and the maximum memory while reading it."""
    tracemalloc.start()
    try:
        found = await read([begin, *[piece] * (size // len(piece))])
        return found, tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()


@pytest.mark.parametrize(
    ("begin", "piece"),
    [
        pytest.param(b"data: {", b"x" * (1 << 16), id="a line without an end"),
        pytest.param(b": ", b"x" * (1 << 16), id="a comment without an end"),
        pytest.param(b"", b"data: " + b"x" * (1 << 16) + b"\n", id="an event without an end"),
        pytest.param(b"{", b" " * (1 << 16), id="a document without an end"),
    ],
)
async def test_endless_input_is_an_error(begin: bytes, piece: bytes) -> None:
    found, most = await endless(begin, piece, 24 << 20)
    assert found.error is not None and found.error.reason == "provider" and "MiB" in found.error.message
    assert most < 8 * LARGEST


@pytest.mark.parametrize(
    "piece",
    [
        pytest.param(b": comment\n\n" * 256, id="comments"),
        pytest.param(b"data:\n\n" * 256, id="events without data"),
        pytest.param(b'data: {"choices":[{"delta":{}}]}\n\n' * 64, id="chunks without content"),
        pytest.param(b" \n\r" * 256, id="blanks"),
    ],
)
async def test_empty_chunks_use_no_memory(piece: bytes) -> None:
    _, few = await endless(b"", piece, 1 << 16)
    _, many = await endless(b"", piece, 1 << 19)
    assert many < 2 * few + (1 << 17)
