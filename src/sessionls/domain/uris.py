"""URIs of documents and their paths (RFC 3986; the `file` scheme is RFC 8089)."""

from __future__ import annotations

import os
import re
from collections.abc import Sequence
from urllib.parse import quote, unquote_to_bytes, urlsplit

from sessionls.domain.visible import in_one_line

__all__ = [
    "display",
    "from_path",
    "is_uri",
    "labels",
    "path_of",
    "printable",
    "public",
    "public_text",
    "spellings",
    "to_path",
    "uri_key",
]

_SCHEME = re.compile(r"[A-Za-z][A-Za-z0-9+.-]+:")  # two letters at least: one letter is a Windows drive
_DRIVE = re.compile(r"/([A-Za-z]):(?=/|$)")
_WINDOWS = os.name == "nt"
_ADDRESS = re.compile(r"\b(?:https?|wss?)://[^\s\"'<>]+", re.IGNORECASE)
# Characters besides letters, digits and `_.-~` that editors leave unescaped in a path: none in VS Code, more in Neovim and
# others.
_UNESCAPED = ("/", "/!*'()", "/!$&'()*+,;=:@")


def is_uri(text: str) -> bool:
    """Whether the text is a URI and not a path. A relative path with a colon in its name must be written as `./a:b`."""
    return _SCHEME.match(text) is not None


def to_path(uri: str, *, windows: bool = _WINDOWS) -> str | None:
    """The absolute path of a `file` URI, on Windows also with drive letters and shares (`file://server/share/…`).

    None for another scheme, another host, or an invalid path.
    """
    try:
        parts = urlsplit(uri)
        host = parts.hostname or ""
    except ValueError:
        return None
    raw = unquote_to_bytes(parts.path)
    if parts.scheme.lower() != "file" or b"\0" in raw:
        return None
    host = "" if host == "localhost" else host
    if not windows:
        path = os.fsdecode(raw)
        return path if path.startswith("/") and not host else None
    path = raw.decode("utf-8", "replace")
    if host:
        return f"\\\\{host}{path}".replace("/", "\\")
    if not _DRIVE.match(path):
        return None
    return path[1:].replace("/", "\\")


def path_of(text: str) -> str:
    """The path in a URI of any scheme, with `/`, or the path itself. Only for names: the file may not be on disk."""
    if not is_uri(text):
        return text.replace("\\", "/")
    try:
        return unquote_to_bytes(urlsplit(text).path).decode("utf-8", "replace")
    except ValueError:
        return text


def from_path(path: str | os.PathLike[str], *, windows: bool = _WINDOWS) -> str:
    """The `file` URI of an absolute path, spelled as in VS Code (and as in Python, except for Windows drives)."""
    return spellings(path, windows=windows)[0]


def spellings(path: str | os.PathLike[str], *, windows: bool = _WINDOWS) -> list[str]:
    """All `file` URIs that editors use for that path, ours first."""
    text = os.fspath(path)
    host, drives = "", [""]
    if windows:
        text = text.replace("\\", "/")
        if text.startswith("//"):
            host, _, text = text[2:].partition("/")
            text = f"/{text}"
        elif text[1:2] == ":":
            letter, text = text[0], text[2:]
            drives = [f"/{letter.lower()}%3A", f"/{letter.lower()}:", f"/{letter.upper()}:", f"/{letter.upper()}%3A"]
    raw = text.encode("utf-8", "surrogatepass") if windows else os.fsencode(text)
    return list(dict.fromkeys(f"file://{host}{drive}{quote(raw, safe=safe)}" for safe in _UNESCAPED for drive in drives))


def display(uri: str, folders: Sequence[str]) -> str:
    """The name of a document for people and models: its path in its folder, after the folder's label if there are several.

    Uses only the text of the URIs, so the result is the same later and on another machine. Returns the URI itself for documents
    outside the folders and other schemes.
    """
    parts = _components(uri)
    best: tuple[int, str] | None = None
    for folder, label in zip(folders, labels(folders), strict=True):
        root = _components(folder)
        if parts is None or root is None or parts[: len(root)] != root or (best is not None and best[0] >= len(root)):
            continue
        inside = "/".join(parts[len(root) :])
        best = (len(root), inside or "." if len(folders) == 1 else f"{label}/{inside}".rstrip("/"))
    return printable(uri if best is None else best[1])


def uri_key(uri: str) -> str:
    """The same text for all spellings of a document's URI. For comparing, not for display."""
    parts = _components(uri)
    return uri if parts is None else "file:///" + "/".join(parts).encode("utf-8", "replace").decode()


def labels(folders: Sequence[str]) -> list[str]:
    """A name for each folder: the last part of its path, with as many parts before it as make it unique."""
    paths = [_components(folder) or (folder,) for folder in folders]
    depth = 1
    while True:
        names = ["/".join(path[-depth:]) or "/" for path in paths]
        if len(set(names)) == len(names) or depth >= max(map(len, paths)):
            return [printable(name) for name in names]
        depth += 1


def _components(uri: str) -> tuple[str, ...] | None:
    """Host and path of a `file` URI in normalized parts; None for another scheme."""
    try:
        split = urlsplit(uri)
        host = split.netloc.lower()
    except ValueError:
        return None
    if split.scheme.lower() != "file":
        return None
    path = _DRIVE.sub(lambda drive: f"/{drive[1].lower()}:", unquote_to_bytes(split.path).decode("utf-8", "replace"), count=1)
    parts: list[str] = []
    for part in path.split("/"):
        if part == "..":
            del parts[-1:]
        elif part not in ("", "."):
            parts.append(part)
    return (host, *parts) if host not in ("", "localhost") else tuple(parts)


def printable(text: str) -> str:
    """The text as it is shown in one line (see `visible.py`), since a file name may contain anything."""
    return in_one_line(text)


def public(address: str, *, path: bool = True) -> str:
    """A web address without parts that may be secret: user, query, fragment and, if `path` is false, the path."""
    scheme, separator, rest = address.partition("://")
    if not separator:
        return address
    rest, *query = re.split(r"[?#]", rest, maxsplit=1)
    host, slash, path_text = rest.partition("/")
    if "@" in path_text or "@" in "".join(query):  # possibly a password that contains `/`, `?` or `#`
        return f"{scheme}://…"
    host = host.rpartition("@")[2]
    return f"{scheme}://{host}{slash}{path_text if path or not path_text else '…'}"


def public_text(text: str, *, path: bool = True) -> str:
    """The text with `public` applied to each web address in it."""
    return _ADDRESS.sub(lambda match: public(match[0], path=path), text)
