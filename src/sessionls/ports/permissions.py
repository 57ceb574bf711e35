"""The port for a person's permanent permissions on this machine."""

from __future__ import annotations

from typing import Protocol

from sessionls.domain.results import KeptPermission

__all__ = ["KeptPermissions"]


class KeptPermissions(Protocol):
    """Permissions that outlive their session. All methods raise `NotPermitted` if they cannot be read or written."""

    async def all(self) -> list[KeptPermission]:
        """All permissions, oldest first."""
        ...

    async def keep(self, permission: KeptPermission) -> None:
        """Add a permission, unless one with the same scope exists."""
        ...

    async def remove(self, permission_id: str) -> bool:
        """Remove a permission. Returns whether it existed."""
        ...
