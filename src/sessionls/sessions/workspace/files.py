"""Reads text files: only regular files inside a given folder, even while others change the disk."""

from __future__ import annotations

import codecs
import contextlib
import errno
import hashlib
import os
import re
import stat
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO, Final

from sessionls.domain.errors import InvalidParams, NotPermitted, SessionlsError
from sessionls.domain.images import looks_like_image
from sessionls.domain.text import cut_bytes

__all__ = ["LARGEST", "FileText", "begins_as_image", "matches_editor_text", "read_bytes", "read_file"]

LARGEST: Final = 64 << 20
"""Bytes: a larger file is not read at all, not even to be cut."""

_SNIFFED = 8192  # bytes in which a NUL marks a file as binary, as in git
_CHUNK = 1 << 20
_LINE_END = re.compile(r"\r\n|\r|\n")
# Encodings that editors detect or are set to.
_NARROW = ("utf-8", "cp1252", "latin-1", "cp1251", "cp932", "gb18030", "big5", "euc_kr")
_WIDE = ("utf-16", "utf-16-le", "utf-16-be")
_CAN_WALK = os.open in os.supports_dir_fd and hasattr(os, "O_NOFOLLOW")


@dataclass(frozen=True, slots=True)
class FileText:
    """A file's text, without its byte order mark (`bom` says that it has one).

    `sha256` is the hash of the whole text in UTF-8, even if `notice` says that the text was cut.
    """

    text: str
    sha256: str
    bom: bool
    notice: str | None


def read_file(root: Path, name: str, *, what: str, limit: int, walk: bool = _CAN_WALK) -> FileText:
    """The text of the file `name` (real path from the real path `root`, with `/`), cut to `limit` bytes at the end of a line.

    Errors call the file `what`. Raises `InvalidParams` if it does not exist, is not UTF-8 text or is larger than `LARGEST`;
    `NotPermitted` if it is not a regular file, or no longer inside `root`. `walk`: open each folder from the one before it.
    """
    with _regular_file(root, name, what, walk=walk) as (file, size):
        if size > LARGEST:
            raise _too_large(what)
        return _read(file, what, limit)


def read_bytes(root: Path, name: str, *, what: str, limit: int) -> bytes | None:
    """The bytes of the file, with the errors of `read_file`; None if they are more than `limit`."""
    with _regular_file(root, name, what) as (file, size):
        data = file.read(limit + 1) if size <= limit else b""
    return data if size <= limit and len(data) <= limit else None


def matches_editor_text(root: Path, name: str, text: str, *, line_ends: bool) -> bool:
    """Whether an editor may show the file `name`, as it is on disk, as that text: then nothing in it is unsaved.

    Editors read other encodings, leave a byte order mark out or in, and make one kind of line end of several. Without
    `line_ends` the text may also have line feeds where the file has others.
    """
    try:
        opened = _open(root, name)
        try:
            status = os.fstat(opened)
            if not stat.S_ISREG(status.st_mode) or status.st_size > LARGEST:
                return False
            with os.fdopen(opened, "rb", closefd=False) as file:
                data = file.read(LARGEST)
        finally:
            os.close(opened)
    except OSError:
        return False
    expected = _LINE_END.sub("\n", text.removeprefix("\ufeff"))
    for encoding in _WIDE if b"\0" in data else _NARROW:
        try:
            decoded = data.decode(encoding).removeprefix("\ufeff")
        except UnicodeError:
            continue
        if _LINE_END.sub("\n", decoded) == expected:
            ends = set(_LINE_END.findall(decoded))
            return not line_ends or len(ends) > 1 or ends == {"\r"} or ends == set(_LINE_END.findall(text))
        if encoding == "utf-8":  # other encodings do not have such bytes by chance
            return False
    return False


def begins_as_image(path: Path) -> bool:
    """Whether the file begins like an image, to choose its kind of context. Whether it may be read is decided later."""
    try:
        if not path.is_file():  # opening a named pipe would wait for a writer
            return False
        with path.open("rb") as file:
            return looks_like_image(file.read(16))
    except OSError:
        return False


@contextlib.contextmanager
def _regular_file(root: Path, name: str, what: str, *, walk: bool = _CAN_WALK) -> Iterator[tuple[BinaryIO, int]]:
    """The file, open for reading, and its size in bytes."""
    try:
        opened = _open(root, name, walk=walk)
        try:
            status = os.fstat(opened)
            if not stat.S_ISREG(status.st_mode):
                raise _not_regular(what)
            with os.fdopen(opened, "rb", closefd=False) as file:
                yield file, status.st_size
        finally:
            os.close(opened)
    except OSError as error:
        raise _error_for(error, what) from None


def _open(root: Path, name: str, *, walk: bool = _CAN_WALK) -> int:
    """Open the file for reading without following a symbolic link: the path was resolved before, so that a link is an attack.

    With `walk`, if the system can, each folder is opened from the one before it, so that no change in between can lead outside.
    """
    # Without O_NONBLOCK, opening a named pipe would wait for a writer.
    flags = os.O_RDONLY | getattr(os, "O_NONBLOCK", 0) | getattr(os, "O_NOFOLLOW", 0) | getattr(os, "O_NOCTTY", 0)
    flags |= getattr(os, "O_BINARY", 0) | getattr(os, "O_NOINHERIT", 0)
    if not walk:
        return _open_and_compare(str(root.joinpath(*name.split("/"))), flags)
    *folders, last = name.split("/")
    step = getattr(os, "O_PATH", os.O_RDONLY) | os.O_DIRECTORY | os.O_NOFOLLOW
    descriptor = os.open(root, step)
    try:
        for folder in folders:
            child = os.open(folder, step, dir_fd=descriptor)
            os.close(descriptor)
            descriptor = child
        return os.open(last, flags, dir_fd=descriptor)
    finally:
        os.close(descriptor)


def _open_and_compare(path: str, flags: int) -> int:
    """For systems without `dir_fd`: open, then check that the path is still its own real path and leads to the opened file."""
    opened = os.open(path, flags)
    try:
        same = os.path.normcase(os.path.realpath(path)) == os.path.normcase(path)
        if not same or not os.path.samestat(os.fstat(opened), os.lstat(path)):
            raise OSError(errno.ELOOP, "changed")  # noqa: TRY301
    except OSError:
        os.close(opened)
        raise
    return opened


def _read(file: BinaryIO, what: str, limit: int) -> FileText:
    head = file.read(_SNIFFED)
    if b"\0" in head:
        raise _not_text(what, "a binary file")
    bom = head.startswith(codecs.BOM_UTF8)
    data = bytearray(head[3:] if bom else head)
    while chunk := file.read(_CHUNK):
        data += chunk
        if len(data) > LARGEST:
            raise _too_large(what)
    whole = bytes(data)
    try:
        text, notice = cut_bytes(whole, limit)
    except UnicodeDecodeError:
        raise _not_text(what, "not UTF-8 text") from None
    return FileText(text, hashlib.sha256(whole).hexdigest(), bom, notice)


def _error_for(error: OSError, what: str) -> SessionlsError:
    if error.errno in (errno.ENOENT, errno.ENOTDIR, errno.ENAMETOOLONG, errno.EINVAL):
        return InvalidParams(f"There is no file {what}.", fields=["uri"], hint="Check the name, or save the document first.")
    if error.errno in (errno.ELOOP, errno.EMLINK):
        return NotPermitted(f"{what} changed while it was being read.", hint="Try again.", uri=what)
    if error.errno in (errno.ENXIO, errno.EISDIR, errno.ENODEV):
        return _not_regular(what)
    if error.errno in (errno.EACCES, errno.EPERM):
        # Windows also raises this for a folder.
        return NotPermitted(f"{what} may not be read.", hint="Check that it is a file, and its permissions.", uri=what)
    reason = os.strerror(error.errno) if error.errno is not None else "unknown error"
    return InvalidParams(f"{what} cannot be read: {reason}.", fields=["uri"])


def _not_regular(what: str) -> NotPermitted:
    return NotPermitted(f"{what} is not a regular file.", hint="Name a file: folders, pipes and devices are not read.", uri=what)


def _too_large(what: str) -> InvalidParams:
    hint = "Copy the part that matters into a smaller file, or into the message."
    return InvalidParams(f"{what} is larger than {LARGEST >> 20} MiB.", fields=["uri"], hint=hint)


def _not_text(what: str, kind: str) -> InvalidParams:
    return InvalidParams(f"{what} is {kind}: only text can be read.", fields=["uri"], hint="Name a text file in UTF-8.")
