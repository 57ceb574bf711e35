"""Converts all errors to JSON-RPC errors with our own messages."""

from __future__ import annotations

import logging
from typing import Any

from acp.exceptions import RequestError
from pydantic import ValidationError

from sessionls.domain.errors import InternalError, InvalidParams, SessionlsError

__all__ = ["invalid_params", "request_error"]

log = logging.getLogger("sessionls")


def request_error(error: Exception) -> RequestError:
    """The error for the client. Its message includes the hint, because most clients show nothing else."""
    if isinstance(error, RequestError):
        return error
    if isinstance(error, ValidationError):
        return request_error(invalid_params(error))
    if not isinstance(error, SessionlsError):
        log.error("unexpected", exc_info=error)
        error = InternalError()
    data: dict[str, Any] = error.wire()
    return RequestError(error.code, f"{error.message} {error.hint}".strip(), data)


def invalid_params(error: ValidationError) -> InvalidParams:
    """Names the invalid fields, but not their values, which may be long or secret."""
    problems = error.errors(include_url=False, include_input=False, include_context=False)
    fields = [".".join(map(str, problem["loc"])) for problem in problems[:10]]
    words = "; ".join(f"{field or 'params'}: {problem['msg']}" for field, problem in zip(fields, problems, strict=False))
    return InvalidParams(f"Invalid parameters: {words}.", fields=fields)
