"""A client's prompt as a message: its text, the agent that it invokes, and its resources as contexts."""

from __future__ import annotations

import os
import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import SplitResult, parse_qs, urlsplit, urlunsplit

from acp import schema

from sessionls.domain import uris
from sessionls.domain.errors import AgentNotFound, InvalidParams, NotPermitted
from sessionls.domain.model import Agent, Context, FileContext, ImageContext, Position, Range, SelectionContext, TextContext
from sessionls.sessions.workspace.files import begins_as_image
from sessionls.sessions.workspace.secret_files import is_withheld

__all__ = ["Prompt", "read_prompt"]

_AGENT = re.compile(r"\s*@([\w.-]+)(?:\s+|$)")
_LINES = re.compile(r"L?(\d+)(?:[:-]L?(\d+))?")
_LINE_END = 2**31 - 1  # LSP's largest character


@dataclass(frozen=True, slots=True)
class Prompt:
    """`agent` is the agent named by the first word of the prompt, for this message alone."""

    text: str
    agent: str | None
    context: list[Context]


def read_prompt(blocks: Sequence[Any], agents: Sequence[Agent], folders: Sequence[str], *, reads_files: bool) -> Prompt:
    """`reads_files`: the client lets us read its files, so an embedded text of a file is not needed.

    Reads from disk, so do not call it in the event loop. Raises `InvalidParams` for content that messages cannot contain,
    `AgentNotFound`, and `NotPermitted` for a file that may hold secrets.
    """
    texts: list[str] = []
    context: list[Context] = []
    for index, block in enumerate(blocks):
        match block:
            case schema.TextContentBlock():
                texts.append(block.text)
            case schema.ResourceContentBlock():
                texts.append(_mention(block.name, block.uri))
                if (found := _file(block.uri)) is not None and not _is_folder(block):
                    path = uris.to_path(found.uri)
                    is_image = path is not None and begins_as_image(Path(path))
                    context.append(ImageContext(uri=found.uri) if is_image else found)
            case schema.EmbeddedResourceContentBlock(resource=schema.TextResourceContents() as resource):
                context.append(_embedded(resource, folders, reads_files=reads_files))
            case schema.EmbeddedResourceContentBlock(
                resource=schema.BlobResourceContents(mime_type=str() as mime_type, blob=data, uri=uri)
            ) if mime_type.startswith("image/"):
                context.append(ImageContext(data=data, mime_type=mime_type[:100], title=_file_name(uri)))
            case schema.EmbeddedResourceContentBlock():
                raise _unsupported(index, "A binary resource that is not an image")
            case schema.ImageContentBlock():
                context.append(_image(block))
            case schema.AudioContentBlock():
                raise _unsupported(index, "Audio")
            case _:
                raise _unsupported(index, "This kind of content")
    text = "".join(texts)
    agent = None
    if (match := _AGENT.match(text)) is not None:
        agent = _known(match[1], agents)
        text = text[match.end() :]
    images = sum(isinstance(item, ImageContext) for item in context)
    if not text.strip() and images:
        text = "Look at the image." if images == 1 else "Look at the images."
    if not text.strip():
        raise InvalidParams("The message is empty.", fields=["prompt"], hint="Write what the agent should do.")
    return Prompt(text, agent, context)


def _known(name: str, agents: Sequence[Agent]) -> str:
    names = [agent.name for agent in agents]
    found = [candidate for candidate in names if candidate.casefold() == name.casefold()]
    if not found:
        raise AgentNotFound(name, names)
    return name if name in found else found[0]


def _unsupported(index: int, what: str) -> InvalidParams:
    return InvalidParams(
        f"{what} cannot be sent here: messages can contain text, images, files and parts of files.",
        fields=[f"prompt.{index}"],
        hint="Leave it out, or describe it in words.",
    )


def _image(block: schema.ImageContentBlock) -> ImageContext:
    """The image data itself: its URI may refer to any location."""
    return ImageContext(data=block.data, mime_type=block.mime_type[:100], title=_file_name(block.uri))


def _file_name(uri: str | None) -> str | None:
    return (uris.path_of(uri).rpartition("/")[2][:300] or None) if uri else None


def _mention(name: str, uri: str) -> str:
    return f"@{name}" if _split(uri).scheme == "file" else f"[{name}]({uri})"


def _split(uri: str) -> SplitResult:
    """The parts of a URI; all are empty if it is invalid."""
    try:
        return urlsplit(uri)
    except ValueError:
        return SplitResult("", "", "", "", "")


def _is_folder(block: schema.ResourceContentBlock) -> bool:
    path = uris.to_path(block.uri)
    return block.mime_type == "inode/directory" or (path is not None and os.path.isdir(path))  # noqa: PTH112 (the path may be invalid)


def _file(uri: str) -> FileContext | SelectionContext | None:
    """A file, or the lines of it that the URI names; None if the URI is not a file."""
    parts = _split(uri)
    if parts.scheme != "file":
        return None
    file = urlunsplit((parts.scheme, parts.netloc, parts.path, "", ""))
    match = _LINES.fullmatch(parts.fragment)
    if match is None:
        named = parse_qs(parts.query).get("line", [""])[0]
        match = _LINES.fullmatch(named)
    if match is None:
        return FileContext(uri=file)
    first = max(1, int(match[1]))
    last = max(first, int(match[2] or first))
    if last > 10_000_000:
        return FileContext(uri=file)
    start, end = Position(line=first - 1, character=0), Position(line=last - 1, character=_LINE_END)
    return SelectionContext(uri=file, range=Range(start=start, end=end))


def _embedded(resource: schema.TextResourceContents, folders: Sequence[str], *, reads_files: bool) -> Context:
    """The file itself if the client lets us read it, so that the agent can edit it. Otherwise the embedded text."""
    found = _file(resource.uri)
    if found is not None:
        if _withheld(found.uri):
            raise NotPermitted(
                f"{uris.display(found.uri, folders)} is withheld: files that hold keys or passwords are never read or sent.",
                hint="Copy the part that matters into the message itself.",
                uri=found.uri,
            )
        if reads_files and _inside(found.uri, folders):
            return found
        title = uris.display(found.uri, folders)
        if isinstance(found, SelectionContext):
            title += f", lines {found.range.start.line + 1} to {found.range.end.line + 1}"
        return TextContext(title=title, text=resource.text)
    return TextContext(title=resource.uri[:300], text=resource.text)


def _withheld(uri: str) -> bool:
    path = uris.to_path(uri) or uris.path_of(uri)
    return is_withheld(path.replace("\\", "/").strip("/"))


def _inside(uri: str, folders: Sequence[str]) -> bool:
    return uris.display(uri, folders) != uri
