"""The port to what a person allowed for good, on this machine."""

from __future__ import annotations

from typing import Protocol

from sessionls.domain.results import KeptPermission

__all__ = ["KeptPermissions"]


class KeptPermissions(Protocol):
    """Permissions that outlive their session. All methods may raise `NotPermitted`, where they cannot be read or written."""

    async def all(self) -> list[KeptPermission]:
        """The oldest first."""
        ...

    async def keep(self, permission: KeptPermission) -> None:
        """Add one, unless there is one that covers the same."""
        ...

    async def remove(self, permission_id: str) -> bool:
        """Whether there was one."""
        ...
