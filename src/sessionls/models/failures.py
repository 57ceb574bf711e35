"""Turns failures of models into errors that say what is wrong and what to do, without secrets.

A provider's refusal is read from its message. litellm raises many classes for one failure (a refused connection is an
`InternalServerError` with status 500, a broken stream a `MidStreamFallbackError`), so the chain of causes is read before the
class of the error itself.
"""

from __future__ import annotations

import json
import math
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import Any

from sessionls.domain import uris
from sessionls.domain.errors import ModelUnavailable
from sessionls.models.http import Refused
from sessionls.models.overflow import is_overflow
from sessionls.models.provider_errors import ProviderError, read_error
from sessionls.secret_patterns import without_secrets

__all__ = ["RequestInfo", "cut", "explain", "is_passing", "stalled"]


@dataclass(frozen=True, slots=True)
class RequestInfo:
    """What error messages need to know about a request. `key` is the name of the variable with the provider's key, `base` the
    address that a person set, and `secrets` must not appear in a message.
    """

    model: str
    provider: str
    key: str | None = None
    base: str | None = None
    secrets: Sequence[str] = ()

    @property
    def where(self) -> str:
        """The provider, and its address where a person set one (without secrets in it)."""
        if self.base is None or self.provider == "embedded":
            return "the embedded model" if self.provider == "embedded" else self.provider
        return f"{self.provider} at {uris.public(self.base)}"


_REFUSED = {
    "ConnectionRefusedError",
    "ConnectError",
    "ClientConnectorError",
    "ClientConnectorDNSError",
    "gaierror",
    "ConnectTimeout",
}
_NO_ADDRESS = {"InvalidURL", "UnsupportedProtocol", "InvalidUrlClientError", "NonHttpUrlClientError"}
_BROKEN_CONNECTION = {
    "ServerDisconnectedError",
    "ClientPayloadError",
    "TransferEncodingError",
    "ConnectionResetError",
    "BrokenPipeError",
    "RemoteProtocolError",
    "ReadError",
    "IncompleteReadError",
    "ClientOSError",
}
_STALLED = {"Timeout", "APITimeoutError", "ReadTimeout", "WriteTimeout", "PoolTimeout", "SocketTimeoutError", "TimeoutError"}
_QUOTA = re.compile(
    r"insufficient_quota|current quota|credit balance|billing|insufficient.{0,10}(credit|balance|funds)", re.IGNORECASE
)
_CONTENT = re.compile(
    r"content.?(policy|filter|management|moderation)|ContentPolicyViolation|data_inspection_failed|safety (system|policy)",
    re.IGNORECASE,
)
# The status of a failure by litellm's class, for when litellm gives no status or a wrong one.
_LITELLM_STATUS = {
    "RateLimitError": 429,
    "AuthenticationError": 401,
    "PermissionDeniedError": 403,
    "NotFoundError": 404,
}
_LONGEST_WAIT = 24 * 3600.0
_ASK_AGAIN = "Ask again, or choose another model."


def explain(error: BaseException, info: RequestInfo, *, started: bool) -> ModelUnavailable:
    """The error for the person. `started` says whether the model had begun to answer."""
    if isinstance(error, ModelUnavailable):
        return error
    if isinstance(error, Refused):
        provider_error = read_error(error.body, error.status)
        return _refusal(provider_error, info, provider_error.searchable_text, _retry_after([error]), started=started)
    chain = list(_chain(error))
    names = {cls.__name__ for link in chain for cls in type(link).__mro__}
    if names & _NO_ADDRESS:
        return _unavailable(info, "refused", f"The address of {info.where} is invalid.", _address_hint(info))
    if names & _REFUSED:
        return _unavailable(info, "refused", f"Could not connect to {info.where}.", _connection_hint(info))
    if names & _BROKEN_CONNECTION:
        return cut(info, started=started)
    if names & _STALLED and (started or "APITimeoutError" in names or _status(chain) in (None, 408)):
        return stalled(info, started=started)
    text = " ".join(str(link) for link in chain) + " ".join(str(getattr(link, "body", "")) for link in chain)
    if "provider not provided" in text.lower():
        return _unavailable(
            info,
            "unknownModel",
            f"There is no model {info.model!r}.",
            "Put the provider before the name, as in openai/gpt-4.1. `sessionls doctor` lists the models that can be used.",
        )
    status = _status(chain)
    for name, litellm_status in _LITELLM_STATUS.items():
        if name in names and (status is None or status in (400, 500)):
            status = litellm_status
    if started and status not in (401, 402, 403, 413, 429):
        status = None  # litellm makes up a status for an error in a stream
    provider_error = ProviderError(status, _provider_message(chain))
    if "ContextWindowExceededError" in names:
        return _overflow(info)
    return _refusal(provider_error, info, text, _retry_after(chain), started=started)


def _refusal(
    provider_error: ProviderError, info: RequestInfo, text: str, retry_after: float | None, *, started: bool
) -> ModelUnavailable:
    """The error for a provider's refusal. `text` is its message with its codes."""
    reason, status = _short_message(provider_error.message, info), provider_error.status
    if is_overflow(status, text):
        return _overflow(info)
    if status == 402 or (status in (None, 400, 403, 429) and _QUOTA.search(text)):
        return _unavailable(
            info,
            "quota",
            f"The account at {info.where} has no quota left: {reason}",
            "Check the account's plan and billing, or choose another model.",
        )
    if status == 429:
        when = f"Wait {retry_after:g} seconds" if retry_after is not None else "Wait a moment"
        return _unavailable(
            info,
            "rateLimited",
            f"{info.where} is limiting requests: {reason}",
            f"{when} and resume the reply.",
            retry_after,
            alone=f"{when} and ask again.",
        )
    if status in (401, 403):
        hint = f"Check {info.key}: it is set, but was not accepted." if info.key else "Check the provider's key."
        return _unavailable(info, "unauthorized", f"{info.where} did not accept the key: {reason}", hint)
    if status is not None and 300 <= status < 400:
        hint = _address_hint(info) if info.base is not None else "Check the network and the proxy settings."
        return _unavailable(info, "badRequest", f"{info.where} redirected the request to another address.", hint)
    if provider_error.is_page and (status is None or status < 500):
        return _unavailable(
            info,
            "badRequest",
            f"{info.where} sent {reason} instead of an answer.",
            _address_hint(info) if info.base is not None else "Check the network and the proxy settings.",
        )
    if status == 404:
        return _unavailable(info, "unknownModel", f"{info.where} has no model {info.model!r}: {reason}", _model_hint(info))
    if status == 408:
        return stalled(info, started=started)
    if _CONTENT.search(text) and status in (400, 403, 422):
        return _unavailable(
            info,
            "badRequest",
            f"{info.where} refused the content: {reason}",
            "Rephrase the message, or choose another model.",
        )
    if status is not None and 400 <= status < 500:
        return _unavailable(
            info,
            "badRequest",
            f"{info.where} refused the request: {reason}",
            "Choose another model, or correct the agent's configuration.",
            alone="Choose another model, or send it something else.",
        )
    if started:
        message = f"{info.model} stopped with an error: {reason}"
        return _unavailable(
            info, "provider", message, "Resume the reply, or choose another model.", retry_after, alone=_ASK_AGAIN
        )
    return _unavailable(
        info,
        "provider",
        f"{info.where} failed: {reason}",
        "Resume the reply later, or choose another model.",
        retry_after,
        alone="Ask again later, or choose another model.",
    )


def _unavailable(
    info: RequestInfo, reason: str, message: str, hint: str, retry_after: float | None = None, alone: str | None = None
) -> ModelUnavailable:
    return ModelUnavailable(message, hint=hint, reason=reason, model=info.model, retry_after=retry_after, alone=alone)


def _overflow(info: RequestInfo) -> ModelUnavailable:
    return _unavailable(
        info,
        "overflow",
        f"The request is too long for the context window of {info.model}.",
        "Compact the session, send less context, or choose a model with a larger context window.",
        alone="Send less, or choose a model with a larger context window.",
    )


def cut(info: RequestInfo, *, started: bool) -> ModelUnavailable:
    """The error for a lost connection, or an answer that ended too early."""
    return ModelUnavailable(
        f"The connection to {info.where} was lost{' in the middle of the reply' if started else ''}.",
        hint="Resume the reply: it continues from its last completed step.",
        reason="cut",
        model=info.model,
        alone="Ask again.",
    )


def stalled(info: RequestInfo, *, started: bool) -> ModelUnavailable:
    """The error for a model that sent nothing for too long."""
    what = "stopped responding in the middle of the reply" if started else "did not begin to answer"
    return ModelUnavailable(
        f"{info.model} {what}.",
        hint="Resume the reply, or choose another model.",
        reason="stalled",
        model=info.model,
        alone=_ASK_AGAIN,
    )


def is_passing(error: ModelUnavailable) -> bool:
    """Whether the same request may succeed a moment later."""
    return error.reason in ("refused", "cut", "rateLimited", "provider")


def _chain(error: BaseException) -> Iterator[BaseException]:
    seen: set[int] = set()
    waiting: list[Any] = [error]
    while waiting:
        link = waiting.pop(0)
        if isinstance(link, BaseException) and id(link) not in seen:
            seen.add(id(link))
            yield link
            waiting += [getattr(link, "original_exception", None), link.__cause__, link.__context__]


def _status(chain: Sequence[BaseException]) -> int | None:
    """The HTTP status behind the error. Errors without a response have a made-up 500 or 408, so another status is preferred."""
    statuses = [
        value
        for link in chain
        for value in (getattr(link, "status_code", None), getattr(getattr(link, "response", None), "status_code", None))
        if isinstance(value, int)
    ]
    return next((value for value in statuses if value != 500), statuses[0] if statuses else None)


def _retry_after(chain: Sequence[BaseException]) -> float | None:
    """Seconds, from `retry-after` (RFC 9110, section 10.2.3) or OpenAI's `retry-after-ms`."""
    for link in chain:
        for headers in (
            getattr(link, "headers", None),
            getattr(link, "litellm_response_headers", None),
            getattr(getattr(link, "response", None), "headers", None),
        ):
            if not isinstance(headers, Mapping):
                continue
            found = {str(name).lower(): str(value) for name, value in headers.items()}
            seconds = _seconds(found.get("retry-after-ms"), 0.001) or _seconds(found.get("retry-after"), 1)
            if seconds is not None:
                return seconds
    return None


def _seconds(value: str | None, unit: float) -> float | None:
    if value is None:
        return None
    try:
        seconds = float(value) * unit
    except ValueError:
        try:
            seconds = (parsedate_to_datetime(value) - datetime.now(UTC)).total_seconds()
        except (TypeError, ValueError):
            return None
    return round(min(max(seconds, 0.0), _LONGEST_WAIT), 3) if math.isfinite(seconds) else None


def _provider_message(chain: Sequence[BaseException]) -> str:
    """The provider's message in litellm's errors."""
    for link in chain:
        if (body := getattr(link, "body", None)) is not None and (message := read_error(body).message):
            return message
    return _message_from_text(str(chain[0]))


def _short_message(message: str, info: RequestInfo) -> str:
    """The provider's message in one short line without secrets."""
    for secret in info.secrets:
        message = message.replace(secret, "…")
    message = " ".join(without_secrets(uris.public_text(message)).split())
    message = message[:240] + "…" if len(message) > 240 else message
    return message if message.endswith((".", "…", "!", "?")) else f"{message or 'no reason given'}."


def _message_from_text(text: str) -> str:
    """The provider's message in the text of litellm's error: `litellm.X: X: YException - b'{"error": …}'`."""
    text = text.partition(" Original exception:")[0]
    start, end = text.find("{"), text.rfind("}")
    if 0 <= start < end:
        raw = text[start : end + 1]
        for candidate in (raw, raw.replace("\\'", "'").replace('\\\\"', '\\"')):
            try:
                if message := read_error(json.loads(candidate)).message:
                    return message
            except ValueError:
                continue
    text = re.sub(r"^(\s*(litellm\.)?\w*(Error|Exception|Timeout)\b\s*[:-]+\s*)+", "", text)
    return read_error(re.sub(r"\.? Handle with `litellm\.\w+`\.?", "", text)).message


def _connection_hint(info: RequestInfo) -> str:
    if info.provider == "ollama":
        return "Start Ollama (`ollama serve`), or correct OLLAMA_API_BASE."
    return "Check the network and the proxy settings." if info.base is None else _address_hint(info)


def _address_hint(info: RequestInfo) -> str:
    return f"Check that a server runs there, and the variable that names the address ({info.provider.upper()}_API_BASE)."


def _model_hint(info: RequestInfo) -> str:
    if info.provider == "ollama":
        return f"Get it with `ollama pull {info.model.partition('/')[2]}`, or choose another model."
    return "Correct the model's name, or choose one that this key may use" + (", and check the address." if info.base else ".")
