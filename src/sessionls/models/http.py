"""HTTP requests to models: reused connections, and reading refusals.

A proxy and certificates are taken from the environment (HTTPS_PROXY, NO_PROXY, SSL_CERT_FILE …). An address on this machine is
reached directly, whatever proxy is set.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any
from urllib.parse import urljoin, urlsplit

from sessionls.models.providers import is_local

if TYPE_CHECKING:
    import httpx2

__all__ = ["Connections", "Refused", "get_json"]

_CONNECT = 30.0  # seconds; how long a model may take to answer is watched elsewhere
_KEPT = 60.0  # seconds for which an idle connection is kept
_LONGEST_REFUSAL = 1 << 20  # bytes


@dataclass
class Refused(Exception):
    """The provider answered with an error: as an HTTP status, or as an error object inside an answer (`status` is
    then None, or taken from that object). `body` is JSON where it was JSON, else text.
    """

    status: int | None
    body: Any
    headers: Mapping[str, str] = field(default_factory=dict)

    def __str__(self) -> str:
        return f"refused with status {self.status}"


class Connections:
    """One HTTP client for each proxy, created when it is first needed. Belongs to one event loop."""

    def __init__(self) -> None:
        self._clients: dict[tuple[bool, bool], asyncio.Task[httpx2.AsyncClient]] = {}

    @asynccontextmanager
    async def post(self, url: str, body: bytes, headers: Mapping[str, str]) -> AsyncIterator[httpx2.Response]:
        """Post JSON and return the response, whose body is not read yet. Raises `Refused` for any status but success, and what
        httpx2 raises. The connection is reused if the body was read to its end, else closed.
        """
        sent = {"content-type": "application/json", **headers}
        response = await self._send(url, body, sent)
        try:
            if (redirect := _redirect_target(response)) is not None:
                await response.aclose()
                response = await self._send(redirect, body, sent)
            if not response.is_success:
                raise Refused(response.status_code, await _read_refusal(response), dict(response.headers))
            yield response
        finally:
            # In a separate task: a cancelled reader must not leave the connection half closed.
            await asyncio.shield(asyncio.ensure_future(_close(response)))

    async def _send(self, url: str, body: bytes, headers: Mapping[str, str]) -> httpx2.Response:
        """Send it again if a kept connection turns out to be closed: the server closed it while the request was on its way."""
        client = await self._client(url)
        import httpx2  # late, but already imported by `_make_client`

        for last in (False, True):
            connected = False

            async def trace(event: str, _: Mapping[str, Any]) -> None:
                nonlocal connected
                connected = connected or event.startswith("connection.connect")

            request = client.build_request("POST", url, content=body, headers=headers, extensions={"trace": trace})
            try:
                return await client.send(request, stream=True)
            except (httpx2.RemoteProtocolError, httpx2.ReadError, httpx2.WriteError):
                if connected or last:
                    raise
        raise AssertionError

    async def warm(self, url: str) -> None:
        """Create the client for that address."""
        with contextlib.suppress(Exception):
            await self._client(url)

    async def close(self) -> None:
        clients, self._clients = self._clients, {}
        for creating in clients.values():
            with contextlib.suppress(Exception):
                await (await creating).aclose()

    async def _client(self, url: str) -> httpx2.AsyncClient:
        key = (is_local(url), urlsplit(url).scheme == "http")
        creating = self._clients.get(key)
        if creating is None:
            creating = self._clients[key] = asyncio.ensure_future(asyncio.to_thread(_make_client, *key))
        try:
            return await asyncio.shield(creating)
        except asyncio.CancelledError:
            raise
        except BaseException:
            self._clients.pop(key, None)
            raise


def _make_client(local: bool, plain: bool) -> httpx2.AsyncClient:
    """Imports httpx2 and reads certificates, which takes 0.1 s or more: call it in a thread."""
    import anyio
    import httpx2

    # The client would import this with its first request, on the event loop.
    _ = anyio.connect_tcp
    anyio.run(anyio.sleep, 0)
    return httpx2.AsyncClient(
        # Certificates need not be read where nothing is encrypted.
        verify=_no_certificates() if local and plain else httpx2.create_ssl_context(),
        trust_env=not local,
        timeout=httpx2.Timeout(None, connect=_CONNECT),
        limits=httpx2.Limits(max_connections=None, max_keepalive_connections=20, keepalive_expiry=_KEPT),
        headers={"user-agent": "sessionls"},
    )


def _no_certificates() -> Any:
    """A TLS context that trusts no certificate."""
    import ssl

    return ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)


def get_json(
    url: str, timeout: float, *, headers: Mapping[str, str] | None = None, through_proxies: bool = False, body: Any = None
) -> Any:
    """The JSON that a server returns to a GET, or to a POST of `body`. Proxies are used only with `through_proxies`. Blocks.

    Raises what httpx2 raises, and ValueError.
    """
    import httpx2

    plain = urlsplit(url).scheme == "http"
    verify = _no_certificates() if plain else httpx2.create_ssl_context()
    method = "GET" if body is None else "POST"
    answer = httpx2.request(method, url, json=body, timeout=timeout, trust_env=through_proxies, verify=verify, headers=headers)
    answer.raise_for_status()
    return answer.json()


def _redirect_target(response: httpx2.Response) -> str | None:
    """The address of a redirect, if it may be followed.

    The request has a key, so only the same host is allowed, and never a change from HTTPS to HTTP.
    """
    if response.status_code not in (307, 308):
        return None
    here = str(response.request.url)
    there = urljoin(here, response.headers.get("location", ""))
    old, new = urlsplit(here), urlsplit(there)
    same = old.hostname == new.hostname and (old.netloc == new.netloc or (old.scheme, new.scheme) == ("http", "https"))
    return there if same and new.scheme in ("https", old.scheme) and there != here else None


async def _read_refusal(response: httpx2.Response) -> Any:
    import json

    read = bytearray()
    with contextlib.suppress(Exception):  # then the error has less detail
        async for piece in response.aiter_bytes():
            read += piece
            if len(read) > _LONGEST_REFUSAL:
                break
    text = read[:_LONGEST_REFUSAL].decode("utf-8", "replace")
    try:
        return json.loads(text)
    except (ValueError, RecursionError):
        return text


async def _close(response: httpx2.Response) -> None:
    with contextlib.suppress(Exception):
        await response.aclose()
