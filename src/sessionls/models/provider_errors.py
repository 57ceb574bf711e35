"""Reads a provider's error, whatever its shape."""

from __future__ import annotations

import html
import json
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

__all__ = ["ProviderError", "error_in", "read_error"]

_LONGEST = 4000  # characters of a message that are read


@dataclass(frozen=True, slots=True)
class ProviderError:
    """`status` is the equivalent HTTP status, if that is known. `codes` are its machine-readable fields: code, type, the
    name of the parameter. `is_page`: the server answered with an HTML page.
    """

    status: int | None
    message: str
    codes: str = ""
    is_page: bool = False

    @property
    def searchable_text(self) -> str:
        """The message and the codes, for searching."""
        return f"{self.message} {self.codes}"


# Providers' codes by the HTTP status that they mean.
_STATUS = {
    400: "invalid_request_error invalid_request bad_request badrequest invalid_argument invalid_parameter invalidparameter",
    401: "invalid_api_key authentication_error unauthorized unauthenticated invalid_authentication invalidapikey invalid_token "
    "incorrect_api_key authenticationerror unauthorizederror expired_api_key invalid_authentication_error",
    402: "insufficient_quota billing_error payment_required insufficient_balance insufficient_credits "
    "billing_not_active arrearage exceeded_current_quota_error insufficient_funds",
    403: "permission_error permission_denied forbidden access_denied permissiondenied",
    404: "not_found_error model_not_found not_found notfound model_not_exist unknown_model",
    413: "request_too_large payload_too_large",
    429: "rate_limit_error rate_limit_exceeded rate_limited too_many_requests resource_exhausted throttling ratelimit "
    "rate_limit_reached_error throttlingexception rate_limit tokens requests",
    500: "api_error server_error internal_error internal_server_error internal internalservererror",
    503: "service_unavailable unavailable engine_overloaded engine_overloaded_error",
    529: "overloaded_error overloaded",
}
_STATUS_OF = {word: status for status, words in _STATUS.items() for word in words.split()}
_TITLE = re.compile(r"<title[^>]*>(.{0,300}?)</title", re.IGNORECASE | re.DOTALL)
_HEADING = re.compile(r"<h1[^>]*>(.{0,300}?)</h1", re.IGNORECASE | re.DOTALL)


def error_in(data: Any, name: str = "") -> bool:
    """Whether this JSON, of a stream or of a whole answer, is an error. `name` is that of its event."""
    if not isinstance(data, dict):
        return name == "error"
    if name == "error" or data.get("error") or data.get("object") == "error" or data.get("type") == "error":
        return True
    base = data.get("base_resp")
    if isinstance(base, dict) and base.get("status_code") not in (None, 0, "0"):
        return True
    if any(part in data for part in ("choices", "content", "message_id", "usage", "delta", "output", "response", "done")):
        return False
    if "type" in data and "detail" not in data:
        return False  # an event of some interface
    has_message = any(isinstance(data.get(part), str) and data[part] for part in ("message", "msg", "detail"))
    return bool(data.get("detail") or data.get("errors")) or (
        has_message and any(part in data for part in ("code", "status", "success"))
    )


def read_error(body: Any, status: int | None = None) -> ProviderError:
    """The error. `body` is JSON, or text if it was not JSON; `status` is that of the HTTP response."""
    try:
        return _read_text(body, status) if isinstance(body, str) else _read_object(body, status)
    except RecursionError:
        return ProviderError(status, "it sent an error that is nested too deeply to be read")


def _read_object(body: Any, status: int | None) -> ProviderError:
    levels = list(_levels(body))
    message = next((text for level in levels if (text := _message(level))), "")
    for level in levels:  # a router adds the error of the provider behind it
        metadata = level.get("metadata")
        raw = metadata.get("raw") if isinstance(metadata, Mapping) else None
        behind = read_error(_json(raw)).message if raw else ""
        if behind and behind not in message:
            message = f"{message.rstrip('.')}: {behind}" if message else behind
    codes = [
        str(value)
        for level in levels
        for name in ("code", "type", "param", "status", "status_code")
        if (value := level.get(name))
    ]
    from_codes = next(filter(None, map(_status_of, codes)), None)
    # 200 and 500 say nothing about the cause, so a code with a more specific status wins.
    status = from_codes if status is None or status in (200, 500) else status
    return ProviderError(status, message[:_LONGEST], " ".join(codes)[:_LONGEST])


def _read_text(text: str, status: int | None) -> ProviderError:
    text = text.strip()
    nested = _json(text) if text[:1] in ("{", "[") else text
    if not isinstance(nested, str):
        return read_error(nested, status)
    if not text.startswith("<"):
        return ProviderError(status, " ".join(text.split())[:_LONGEST])
    found = _TITLE.search(text[:4096]) or _HEADING.search(text[:4096])
    title = " ".join(html.unescape(re.sub(r"<[^<>]*>", " ", found[1])).split()) if found else ""
    return ProviderError(status, f"a web page ({title})" if title else "a web page", is_page=True)


def _levels(body: Any) -> Iterator[Mapping[str, Any]]:
    """The objects that describe the error, the innermost first."""
    if isinstance(body, Sequence) and not isinstance(body, str):
        body = next((one for one in body if isinstance(one, Mapping)), {})
    if not isinstance(body, Mapping):
        return
    choices, response = body.get("choices"), body.get("response")
    choice = choices[0] if isinstance(choices, list) and choices else None
    within = [outer.get("error") for outer in (choice, response) if isinstance(outer, Mapping)]
    for inner in (body.get("error"), body.get("base_resp"), *within):
        found = _json(inner)
        if isinstance(found, Mapping):
            yield from _levels(found)
    yield body


def _message(level: Mapping[str, Any]) -> str:
    for name in ("message", "msg", "status_msg", "detail", "error_description", "error", "errors", "Message", "title", "reason"):
        value = level.get(name)
        if isinstance(value, Sequence) and not isinstance(value, str):
            value = "; ".join(filter(None, map(_validation, value[:5])))
        if isinstance(value, Mapping):
            value = _message(value)
        if isinstance(value, str) and value.strip():
            nested = _json(value)
            inner = read_error(nested).message if isinstance(nested, Mapping) else ""
            return inner or " ".join(value[:_LONGEST].split())
    return ""


def _validation(one: Any) -> str:
    """One entry of a list of errors, as FastAPI writes them: `{"loc": ["body", "tools"], "msg": …}`. Never what was sent."""
    if not isinstance(one, Mapping):
        return one if isinstance(one, str) else ""
    where = ".".join(str(part) for part in one.get("loc") or () if part != "body")
    return f"{where}: {one.get('msg') or one.get('message') or ''}".removeprefix(": ").removesuffix(": ")


def _json(value: Any) -> Any:
    if isinstance(value, str) and value.lstrip()[:1] in ("{", "["):
        try:
            return json.loads(value)
        except (ValueError, RecursionError):
            return value
    return value


def _status_of(code: str) -> int | None:
    if code.isdecimal() and len(code) == 3 and code[0] in "45":
        return int(code)
    return _STATUS_OF.get(code.strip().lower())
