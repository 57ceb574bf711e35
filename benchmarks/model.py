"""A model that answers immediately: a minimal HTTP server on loopback that streams like OpenAI's API.

`python benchmarks/model.py` prints its address. The last message of a request says what to answer:

    bench:reply N      N chunks, each written separately, as fast as the client reads them
    bench:clock N MS   N chunks, MS milliseconds apart; the text of each is the time at which it was written
    bench:read NAME    a call of `read_file`; the request with its result is answered with that result and with the time
                       between writing the call and having read that request

Times are from `time.monotonic_ns`, which is the same for all processes of a machine.
"""

from __future__ import annotations

import asyncio
import json
import re
import time
from typing import Any

__all__ = ["main"]

_ORDER = re.compile(r"bench:(reply|clock) (\d+)(?: (\d+))?")
_READ = re.compile(r"bench:read ([\w.-]+)")
_TAIL = 1 << 16  # bytes at the end of a request that contain its last message
_HEAD = b"HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\ntransfer-encoding: chunked\r\n\r\n"

_written: dict[str, int] = {}  # when each call without a result so far was written


def main() -> None:
    """Serve until stdin ends."""
    asyncio.run(_serve())


async def _serve() -> None:
    server = await asyncio.start_server(_connection, "127.0.0.1", 0, limit=1 << 22)
    print(f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}/v1", flush=True)
    # A thread, because asyncio cannot wait for every kind of stdin.
    await asyncio.to_thread(_until_end)
    server.close()


def _until_end() -> None:
    import sys

    while sys.stdin.buffer.read(1024):
        pass


async def _connection(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    try:
        while True:
            head = await reader.readuntil(b"\r\n\r\n")
            length = re.search(rb"(?i)content-length: *(\d+)", head)
            data = await reader.readexactly(int(length[1]) if length else 0)
            at = time.monotonic_ns()
            # Read from the end: a long request costs no more than its transfer.
            last = json.JSONDecoder().raw_decode(data[data.rindex(b'{"role":') :].decode())[0]
            if last["role"] == "tool":
                await _result(writer, last, at)
            elif wanted := _READ.search(json.dumps(last)):
                await _call(writer, wanted[1])
            else:
                await _answer(writer, data)
    except (asyncio.IncompleteReadError, ConnectionError):
        pass
    finally:
        writer.close()


async def _call(writer: asyncio.StreamWriter, name: str) -> None:
    number = f"call_{time.monotonic_ns()}"
    function = {"name": "read_file", "arguments": json.dumps({"path": name})}
    call = {"index": 0, "id": number, "type": "function", "function": function}
    writer.write(_HEAD + _event({"role": "assistant", "content": None}))
    await writer.drain()
    rest = _event({"tool_calls": [call]}) + _event({}, "tool_calls") + _END
    _written[number] = time.monotonic_ns()  # first, because the reader may run before this process does again
    writer.write(rest)
    await writer.drain()


async def _result(writer: asyncio.StreamWriter, message: dict[str, Any], at: int) -> None:
    told = {"took": at - _written.pop(message["tool_call_id"]), "result": message["content"]}
    writer.write(_HEAD + _event({"role": "assistant", "content": ""}) + _event({"content": json.dumps(told)}))
    writer.write(_event({}, "stop") + _END)
    await writer.drain()


async def _answer(writer: asyncio.StreamWriter, data: bytes) -> None:
    orders = _ORDER.findall(data[-_TAIL:].decode(errors="replace"))
    kind, count, gap = orders[-1] if orders else ("reply", "1", "")
    writer.write(_HEAD)
    writer.write(_event({"role": "assistant", "content": ""}))
    for number in range(int(count)):
        if kind == "clock":
            await asyncio.sleep(int(gap) / 1000)
        # No two chunks are the same: litellm ends a stream that repeats itself.
        writer.write(_event({"content": f"{time.monotonic_ns()} " if kind == "clock" else f"word-{number} "}))
        await writer.drain()
    writer.write(_event({}, "stop") + _END)
    await writer.drain()


def _event(delta: dict[str, Any], reason: str | None = None) -> bytes:
    choice = {"index": 0, "delta": delta, "finish_reason": reason}
    usage = {"prompt_tokens": 100, "completion_tokens": 10, "total_tokens": 110} if reason else None
    whole = {"id": "b", "object": "chat.completion.chunk", "created": 0, "model": "b", "choices": [choice], "usage": usage}
    return _chunk(b"data: %b\n\n" % json.dumps(whole).encode())


def _chunk(data: bytes) -> bytes:
    return b"%x\r\n%b\r\n" % (len(data), data)


_END = _chunk(b"data: [DONE]\n\n") + b"0\r\n\r\n"


if __name__ == "__main__":
    main()
