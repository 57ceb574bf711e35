"""Parts of responses."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from acp import schema
from pydantic import BaseModel

from sessionls.domain import uris
from sessionls.domain.model import Message, Session, Usage

__all__ = ["dumped", "info", "stop_reason", "usage"]


def dumped(model: BaseModel) -> dict[str, Any]:
    return model.model_dump(mode="json", by_alias=True, exclude_none=True)


def info(session: Session, folder: Path | None) -> schema.SessionInfo:
    paths = [path for uri in session.workspace_folders if (path := uris.to_path(uri)) is not None]
    cwd = paths[0] if paths else str(folder or Path.home())
    return schema.SessionInfo(
        session_id=session.id,
        cwd=cwd,
        additional_directories=paths[1:] or None,
        title=session.title,
        updated_at=session.updated_at,
    )


def stop_reason(reply: Message) -> Any:
    if reply.status == "cancelled":
        return "cancelled"
    reasons = {"length": "max_tokens", "refusal": "refusal", "content_filter": "refusal"}
    return reasons.get(reply.stop_reason or "", "end_turn")


def usage(usage: Usage | None) -> schema.Usage | None:
    if usage is None:
        return None
    return schema.Usage(
        total_tokens=usage.input_tokens + usage.output_tokens,
        input_tokens=usage.input_tokens,
        output_tokens=usage.output_tokens,
        cached_read_tokens=usage.cached_tokens,
    )
