"""Messages on a byte stream: the base protocol of LSP (a header section, an empty line, a JSON body).

Reading is bounded: a header section or a body that is larger than the limits, or a header that cannot be read, ends the
stream with `BrokenStream`. Memory is taken only for bytes that have arrived, whatever a header claims.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator

from sessionls.stdio import BrokenStream

__all__ = ["MAX_BODY", "MAX_HEADER", "BrokenStream", "frame", "frames"]

MAX_HEADER = 8 << 10
MAX_BODY = 64 << 20
_CHUNK = 1 << 16


def frame(body: bytes) -> bytes:
    """A message as it is written."""
    return b"Content-Length: %d\r\n\r\n%b" % (len(body), body)


def frames(read: Callable[[int], bytes]) -> Iterator[bytes]:
    """The bodies of the messages that `read` returns, until its end. `read(n)` returns 1 to n bytes, and none at the end.

    Raises `BrokenStream`.
    """
    buffer = bytearray()
    while True:
        while (end := buffer.find(b"\r\n\r\n")) < 0:
            if len(buffer) > MAX_HEADER:
                raise BrokenStream(f"The header section is longer than {MAX_HEADER} bytes.")
            if not (data := read(_CHUNK)):
                if buffer.strip():
                    raise BrokenStream("The stream ended inside a header section.")
                return
            buffer += data
        if end > MAX_HEADER:
            raise BrokenStream(f"The header section is longer than {MAX_HEADER} bytes.")
        length = _content_length(bytes(buffer[:end]))
        del buffer[: end + 4]
        while len(buffer) < length:
            if not (data := read(max(_CHUNK, min(length - len(buffer), 1 << 20)))):
                raise BrokenStream(f"The stream ended after {len(buffer)} of the {length} bytes of a message.")
            buffer += data
        body = bytes(buffer[:length])
        del buffer[:length]
        yield body


def _content_length(header: bytes) -> int:
    """Field names are compared without regard to case, as in HTTP; other fields than Content-Length are ignored."""
    length: int | None = None
    for line in header.split(b"\r\n"):
        name, colon, value = line.partition(b":")
        if not colon:
            raise BrokenStream("A header line has no colon.")
        if name.strip().lower() != b"content-length":
            continue
        digits = value.strip()
        if not digits.isdigit() or len(digits) > 12:
            raise BrokenStream("Content-Length is not a number of bytes.")
        if length is not None:
            raise BrokenStream("Content-Length appears twice.")
        length = int(digits)
    if length is None:
        raise BrokenStream("The header section has no Content-Length.")
    if length > MAX_BODY:
        raise BrokenStream(f"Content-Length is {length}; a message has at most {MAX_BODY} bytes.")
    return length
