"""Errors as JSON-RPC error objects: a code, a message that says what is wrong, and `data = { kind, …, hint }`.

No internals cross the wire: an unexpected exception becomes `internalError`, and its traceback goes to the log.
"""

from __future__ import annotations

import asyncio
import logging
import re
from collections.abc import Iterable, Mapping, Sequence
from itertools import islice
from typing import Any, TypeVar

from cattrs import transform_error
from pydantic import BaseModel, ValidationError
from pygls.exceptions import JsonRpcException

from sessionls.domain.errors import InternalError, InvalidParams, SessionlsError
from sessionls.server.transport.json import oversized_numbers

__all__ = [
    "CANCELLED",
    "INVALID_REQUEST",
    "METHOD_NOT_FOUND",
    "NOT_INITIALIZED",
    "PARSE_ERROR",
    "ProtocolError",
    "describe",
    "invalid_values_error",
    "lsp_params_error",
    "params_error",
    "read_params",
]

# JSON-RPC 2.0, section 5.1, and LSP's ErrorCodes.
PARSE_ERROR, INVALID_REQUEST, METHOD_NOT_FOUND = -32700, -32600, -32601
NOT_INITIALIZED, CANCELLED = -32002, -32800

P = TypeVar("P", bound=BaseModel)
log = logging.getLogger("sessionls")


class ProtocolError(Exception):
    """An error of the protocol itself, not of a session."""

    def __init__(self, code: int, kind: str, message: str, *, hint: str, **data: Any) -> None:
        super().__init__(message)
        self.code = code
        self.message = message
        self.data = {"kind": kind, **data, "hint": hint}


def describe(error: BaseException, method: str) -> dict[str, Any]:
    """The JSON-RPC error object that answers a request for `method`."""
    match error:
        case SessionlsError():
            return {"code": error.code, "message": error.message, "data": error.wire()}
        case ProtocolError():
            return {"code": error.code, "message": error.message, "data": error.data}
        case asyncio.CancelledError():
            return {
                "code": CANCELLED,
                "message": "The request was cancelled.",
                "data": {"kind": "cancelled", "hint": "Send it again."},
            }
        case JsonRpcException():  # the client's own answer to a request of ours
            data = (
                error.data
                if isinstance(error.data, Mapping)
                else {"kind": "clientError", "hint": "The client refused a request."}
            )
            return {"code": error.code, "message": error.message, "data": dict(data)}
        case _:
            log.error("An unexpected error in %s", method, exc_info=error)
            return describe(InternalError(), method)


def params_error(error: ValidationError, method: str, value: Any) -> InvalidParams:
    """The error for params of our methods that pydantic refused."""
    details = error.errors(include_url=False, include_input=False, include_context=False)
    faults = [(_path(item["loc"], value), str(item["msg"])) for item in details[:20]]
    return _invalid_params(faults, method)


def lsp_params_error(error: Exception, method: str) -> InvalidParams:
    """The error for params of LSP's methods that cattrs refused."""
    faults = []
    for line in transform_error(error, path="$")[:20]:
        message, _, path = line.rpartition(" @ $")
        # cattrs may quote the value; the field's name is enough.
        path = re.sub(r"_([a-z])", lambda letter: letter[1].upper(), path.lstrip("."))
        faults.append((path or "params", re.sub(r"\s*\(.*", "", message or "invalid value")))
    return _invalid_params(faults, method)


def invalid_values_error(paths: Iterable[str], method: str) -> InvalidParams:
    """The error for values in the params of LSP's methods that are missing or of another type."""
    return _invalid_params([(path or "params", "it is missing, or not of the type that LSP specifies") for path in paths], method)


def read_params(model: type[P], value: Any, method: str) -> P:
    """The params of one of our methods or commands. Raises `InvalidParams`."""
    try:
        params = model.model_validate(value)
    except ValidationError as error:
        raise params_error(error, method, value) from None
    # Values that are not read may contain any number.
    if any(oversized_numbers(value)) and (found := list(islice(oversized_numbers(params.model_dump(by_alias=True)), 20))):
        raise _invalid_params(found, method)
    return params


def _invalid_params(faults: Iterable[tuple[str, str]], method: str) -> InvalidParams:
    unique = dict(faults)
    summary = "; ".join(f"{path}: {message[:1].lower()}{message[1:]}" for path, message in unique.items())
    return InvalidParams(f"The params of {method} are not valid: {summary}.", fields=unique)


def _path(loc: Sequence[int | str], value: Any) -> str:
    """A path in the params, with the names of the wire and without pydantic's tags of unions."""
    path: list[str] = []
    for number, step in enumerate(loc):
        inside = isinstance(value, Sequence) if isinstance(step, int) else isinstance(value, Mapping) and step in value
        if inside or number == len(loc) - 1:
            path.append(str(step))
            try:
                value = value[step]
            except (LookupError, TypeError):
                value = None
    return ".".join(path) or "params"
