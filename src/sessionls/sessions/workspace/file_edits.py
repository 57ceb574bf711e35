"""Changes files on disk that no editor has open: atomically, only inside the folders, and only if their text has not changed.

If the system can, every folder on the way is opened from the one before it and no symbolic link is followed: swapping one in
between leads nowhere. A text is written to a temporary file beside its file, and replaces it in one step.
"""

from __future__ import annotations

import codecs
import contextlib
import os
import secrets
import stat
from collections.abc import Iterator, Sequence
from pathlib import Path

from sessionls.domain import uris
from sessionls.domain.errors import SessionlsError
from sessionls.ports.editor import DocumentChange, EditOutcome
from sessionls.sessions.workspace.files import LARGEST, read_file
from sessionls.sessions.workspace.positions import Encoding, Lines
from sessionls.sessions.workspace.secret_files import is_withheld

__all__ = ["edited_text", "write_changes"]

_WALKS = os.open in os.supports_dir_fd and os.rename in os.supports_dir_fd and hasattr(os, "O_NOFOLLOW")


class _Refused(Exception):
    """The change is not made; says why."""


def write_changes(folders: Sequence[Path], changes: Sequence[DocumentChange], encoding: Encoding) -> EditOutcome:
    """Make the changes, one after the other, to files of those folders. The first that cannot be made ends it."""
    try:
        roots = [Path(os.path.realpath(folder)) for folder in folders]
        for change in changes:
            root = _root(roots, change.uri)
            _write(root, _name(root, change.uri), change, encoding)
    except _Refused as refused:
        return EditOutcome(applied=False, reason=str(refused))
    except SessionlsError as error:
        return EditOutcome(applied=False, reason=error.message)
    except OSError as error:
        reason = os.strerror(error.errno) if error.errno else "unknown error"
        return EditOutcome(applied=False, reason=f"It could not be written: {reason}.")
    return EditOutcome(applied=True)


def _root(roots: Sequence[Path], uri: str) -> Path:
    """The innermost folder that contains the file."""
    path = uris.to_path(uri)
    real = None if path is None else Path(os.path.realpath(path))
    containing = [root for root in roots if real is not None and real.is_relative_to(root)]
    if not containing:
        raise _Refused("It is outside of the workspace folders.")
    return max(containing, key=lambda root: len(root.parts))


def _name(root: Path, uri: str) -> str:
    path = uris.to_path(uri)
    real = None if path is None else Path(os.path.realpath(path))
    if real is None or not real.is_relative_to(root) or real == root:
        raise _Refused("It is outside of the folder.")
    name = real.relative_to(root).as_posix()
    if is_withheld(name):
        raise _Refused("It is withheld.")
    return name


def _write(root: Path, name: str, change: DocumentChange, encoding: Encoding) -> None:
    *folders, last = name.split("/")
    with _open_folder(root, folders, make=change.kind == "create") as folder:
        if change.kind == "create":
            folder.put(last, change.text.encode(), None)
            return
        status = folder.status(last)
        if not stat.S_ISREG(status.st_mode):
            raise _Refused("It is not a regular file.")
        if change.kind == "delete" and change.sha256 is None:
            folder.remove(last)
            return
        file = read_file(root, name, what=last, limit=LARGEST)
        if change.sha256 is not None and file.sha256 != change.sha256:
            raise _Refused("The file changed meanwhile: read it again.")
        if change.kind == "delete":
            folder.remove(last)
            return
        text = edited_text(file.text, change, encoding)
        folder.put(last, (codecs.BOM_UTF8 if file.bom else b"") + text.encode(), status)


def edited_text(text: str, change: DocumentChange, encoding: Encoding) -> str:
    """The text with the change's edits made, which do not overlap."""
    lines = Lines(text, encoding)
    spans = sorted(((*lines.span(range_), new) for range_, new in change.edits), reverse=True)
    for start, end, new in spans:
        text = text[:start] + new + text[end:]
    return text


class _Folder:
    """A folder, by its descriptor if the system can, else by its path."""

    def __init__(self, path: Path, descriptor: int | None) -> None:
        self._path = path
        self._fd = descriptor

    def status(self, name: str) -> os.stat_result:
        return os.stat(self._at(name), dir_fd=self._fd, follow_symlinks=False)

    def remove(self, name: str) -> None:
        os.unlink(self._at(name), dir_fd=self._fd)

    def put(self, name: str, data: bytes, status: os.stat_result | None) -> None:
        """Write a whole file. `status` is that of the file that it replaces; None for a new file."""
        flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | getattr(os, "O_NOFOLLOW", 0) | getattr(os, "O_BINARY", 0)
        temporary = f".{name[:100]}.{secrets.token_hex(6)}.tmp"
        opened = os.open(self._at(temporary), flags, 0o666 if status is None else 0o600, dir_fd=self._fd)
        try:
            with os.fdopen(opened, "wb") as file:
                file.write(data)
                file.flush()
                os.fsync(file.fileno())
                if status is not None and hasattr(os, "fchmod"):
                    os.fchmod(file.fileno(), stat.S_IMODE(status.st_mode))
            if status is None:
                self._link_new(temporary, name)
            elif not _same(self.status(name), status):
                raise _Refused("The file changed meanwhile: read it again.")
            else:
                os.replace(self._at(temporary), self._at(name), src_dir_fd=self._fd, dst_dir_fd=self._fd)
        finally:
            with contextlib.suppress(FileNotFoundError):
                self.remove(temporary)

    def _link_new(self, temporary: str, name: str) -> None:
        try:
            if self._fd is None:
                Path(self._at(temporary)).rename(self._at(name))  # Windows refuses this where there is a file
            else:
                os.link(temporary, name, src_dir_fd=self._fd, dst_dir_fd=self._fd, follow_symlinks=False)
        except FileExistsError:
            raise _Refused("The file exists already.") from None

    def _at(self, name: str) -> str:
        return name if self._fd is not None else str(self._path / name)


@contextlib.contextmanager
def _open_folder(root: Path, folders: Sequence[str], *, make: bool) -> Iterator[_Folder]:
    path = root.joinpath(*folders)
    if not _WALKS:
        if make:
            path.mkdir(parents=True, exist_ok=True)
        if os.path.normcase(os.path.realpath(path)) != os.path.normcase(path):
            raise _Refused("The folder changed meanwhile.")
        yield _Folder(path, None)
        return
    step = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW
    descriptor = os.open(root, step)
    try:
        for folder in folders:
            if make:
                with contextlib.suppress(FileExistsError):
                    os.mkdir(folder, dir_fd=descriptor)
            child = os.open(folder, step, dir_fd=descriptor)
            os.close(descriptor)
            descriptor = child
        yield _Folder(path, descriptor)
    finally:
        os.close(descriptor)


def _same(now: os.stat_result, status: os.stat_result) -> bool:
    return (now.st_ino, now.st_dev, now.st_size, now.st_mtime_ns) == (
        status.st_ino,
        status.st_dev,
        status.st_size,
        status.st_mtime_ns,
    )
