"""The person's permanent permissions: a JSON file in their configuration directory, which no agent may write."""

from __future__ import annotations

import asyncio
import contextlib
import os
import tempfile
from collections.abc import Callable
from pathlib import Path

from pydantic import ValidationError

from sessionls.domain.errors import NotPermitted
from sessionls.domain.results import KeptPermission, KeptPermissionList

__all__ = ["PermissionFile"]

_LOCK_SECONDS = 10.0  # longest wait in seconds for another process's change


class PermissionFile:
    """`ports.permissions.KeptPermissions` in a file. It is read each time: other processes write it too."""

    def __init__(self, path: Path) -> None:
        self._path = path

    async def all(self) -> list[KeptPermission]:
        return await asyncio.to_thread(self._read)

    async def keep(self, permission: KeptPermission) -> None:
        def add(known: list[KeptPermission]) -> list[KeptPermission]:
            return known if any(_key(other) == _key(permission) for other in known) else [*known, permission]

        await asyncio.to_thread(self._change, add)

    async def remove(self, permission_id: str) -> bool:
        def remove(known: list[KeptPermission]) -> list[KeptPermission]:
            return [permission for permission in known if permission.id != permission_id]

        return await asyncio.to_thread(self._change, remove)

    def _change(self, change: Callable[[list[KeptPermission]], list[KeptPermission]]) -> bool:
        """Returns whether anything changed. A lock prevents changes by other processes meanwhile."""
        from filelock import FileLock, Timeout

        try:
            self._path.parent.mkdir(parents=True, exist_ok=True)
            with FileLock(self._path.with_name(f"{self._path.name}.lock"), timeout=_LOCK_SECONDS):
                known = self._read()
                changed = change(known)
                if changed == known:
                    return False
                self._write(changed)
                return True
        except (OSError, Timeout) as error:
            reason = "another process has locked them" if isinstance(error, Timeout) else error.strerror
            raise NotPermitted(
                f"The permissions in {self._path} cannot be written: {reason}.",
                hint="Make sure that you can write in that folder, and try again.",
            ) from None

    def _read(self) -> list[KeptPermission]:
        try:
            return KeptPermissionList.model_validate_json(self._path.read_bytes()).permissions
        except FileNotFoundError:
            return []
        except (OSError, ValidationError) as error:
            raise NotPermitted(
                f"The permissions in {self._path} cannot be read ({type(error).__name__}), so none of them is used.",
                hint="Correct the file, or delete it.",
            ) from None

    def _write(self, permissions: list[KeptPermission]) -> None:
        text = KeptPermissionList(permissions=permissions).model_dump_json(by_alias=True, exclude_none=True, indent=2)
        handle, temporary = tempfile.mkstemp(dir=self._path.parent, prefix=f".{self._path.name}.")
        try:
            with os.fdopen(handle, "w", encoding="utf-8") as file:
                file.write(f"{text}\n")
            Path(temporary).replace(self._path)
        except OSError:
            with contextlib.suppress(OSError):
                Path(temporary).unlink()
            raise


def _key(permission: KeptPermission) -> tuple[str, str, str | None]:
    return permission.tool, permission.scope, permission.folder
