"""Asks the client to report changes of files on disk (LSP 3.17, `workspace/didChangeWatchedFiles`)."""

from __future__ import annotations

import asyncio
import logging
import re
from collections.abc import Iterable
from typing import TYPE_CHECKING

from lsprotocol import types as lsp
from pygls.exceptions import JsonRpcException

from sessionls.domain import uris
from sessionls.domain.ids import new_id

if TYPE_CHECKING:
    from sessionls.server.transport.protocol import SessionProtocol

__all__ = ["FileWatchers"]

log = logging.getLogger("sessionls")
_PLAIN = re.compile(r"[\w.-]+")


class FileWatchers:
    """Registers watchers for the files that matter: by kind of file, so that the registration seldom changes."""

    def __init__(self, protocol: SessionProtocol) -> None:
        self._protocol = protocol
        self._patterns: frozenset[str] = frozenset()
        self._id: str | None = None
        self._job: asyncio.Task[None] | None = None

    def __call__(self, wanted: Iterable[str]) -> None:
        """Watch files of the same kind as these URIs, in addition to what is watched already."""
        patterns = self._patterns | {_pattern(uri) for uri in wanted}
        if patterns == self._patterns:
            return
        self._patterns = patterns
        if self._job is None or self._job.done():
            self._job = asyncio.create_task(self._register())

    def close(self) -> None:
        if self._job is not None:
            self._job.cancel()

    async def _register(self) -> None:
        registered: frozenset[str] = frozenset()
        try:
            while registered != self._patterns:
                registered, previous_id, self._id = self._patterns, self._id, new_id()
                watchers = [lsp.FileSystemWatcher(glob_pattern=pattern) for pattern in sorted(registered)]
                options = lsp.DidChangeWatchedFilesRegistrationOptions(watchers=watchers)
                registration = lsp.Registration(
                    id=self._id, method=lsp.WORKSPACE_DID_CHANGE_WATCHED_FILES, register_options=options
                )
                await self._protocol.send_request_async(
                    lsp.CLIENT_REGISTER_CAPABILITY, lsp.RegistrationParams(registrations=[registration])
                )
                if previous_id is not None:
                    unregistration = lsp.Unregistration(id=previous_id, method=lsp.WORKSPACE_DID_CHANGE_WATCHED_FILES)
                    await self._protocol.send_request_async(
                        lsp.CLIENT_UNREGISTER_CAPABILITY, lsp.UnregistrationParams(unregisterations=[unregistration])
                    )
        except JsonRpcException as error:
            log.warning("The client does not watch files: %s", error.message)


def _pattern(uri: str) -> str:
    """All files with the same suffix; without a suffix, those with the same name."""
    name = uris.path_of(uri).rpartition("/")[2]
    stem, dot, ending = name.rpartition(".")
    if dot and stem and _PLAIN.fullmatch(ending):
        return f"**/*.{ending}"
    return f"**/{name}" if _PLAIN.fullmatch(name) else "**/*"
