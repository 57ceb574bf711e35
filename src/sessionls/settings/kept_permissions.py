"""What the person allowed for good: a JSON file in their configuration directory, which no agent may write."""

from __future__ import annotations

import asyncio
import contextlib
import os
import tempfile
from pathlib import Path

from pydantic import ValidationError

from sessionls.domain.errors import NotPermitted
from sessionls.domain.results import KeptPermission, KeptPermissionList

__all__ = ["PermissionFile"]


class PermissionFile:
    """`ports.permissions.KeptPermissions` in a file. It is read each time: other processes write it too."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._writing = asyncio.Lock()

    async def all(self) -> list[KeptPermission]:
        return await asyncio.to_thread(self._read)

    async def keep(self, permission: KeptPermission) -> None:
        async with self._writing:
            known = await self.all()
            if not any(_covers(one) == _covers(permission) for one in known):
                await asyncio.to_thread(self._write, [*known, permission])

    async def remove(self, permission_id: str) -> bool:
        async with self._writing:
            known = await self.all()
            left = [one for one in known if one.id != permission_id]
            if len(left) == len(known):
                return False
            await asyncio.to_thread(self._write, left)
            return True

    def _read(self) -> list[KeptPermission]:
        try:
            return KeptPermissionList.model_validate_json(self._path.read_bytes()).permissions
        except FileNotFoundError:
            return []
        except (OSError, ValidationError) as error:
            raise NotPermitted(
                f"The permissions in {self._path} cannot be read ({type(error).__name__}), so none of them counts.",
                hint="Correct the file, or delete it.",
            ) from None

    def _write(self, permissions: list[KeptPermission]) -> None:
        text = KeptPermissionList(permissions=permissions).model_dump_json(by_alias=True, exclude_none=True, indent=2)
        made: str | None = None
        try:
            self._path.parent.mkdir(parents=True, exist_ok=True)
            handle, made = tempfile.mkstemp(dir=self._path.parent, prefix=f".{self._path.name}.")
            with os.fdopen(handle, "w", encoding="utf-8") as file:
                file.write(f"{text}\n")
            Path(made).replace(self._path)
        except OSError as error:
            if made is not None:
                with contextlib.suppress(OSError):
                    Path(made).unlink()
            raise NotPermitted(
                f"The permissions in {self._path} cannot be written: {error.strerror}.", hint="Make that folder writable."
            ) from None


def _covers(permission: KeptPermission) -> tuple[str, str, str | None]:
    return permission.tool, permission.scope, permission.folder
