"""What the person allowed for good: kept from a question, listed, and taken back."""

from __future__ import annotations

from collections.abc import Awaitable, Callable

from sessionls.domain.errors import NotPermitted
from sessionls.domain.ids import new_id, now
from sessionls.domain.results import KeptPermission, KeptPermissionList
from sessionls.domain.state import State
from sessionls.ports.permissions import KeptPermissions

__all__ = ["PermissionBook"]


class PermissionBook:
    """`state` gives a session as it is."""

    def __init__(self, kept: KeptPermissions | None, state: Callable[[str], Awaitable[State]]) -> None:
        self._kept = kept
        self._state = state

    async def keep(self, session_id: str, request_id: str, *, everywhere: bool) -> KeptPermission:
        """Keep what a yes to an open question would cover in its session: for sessions of its folder, or `everywhere`.

        This answers nothing. Raises `NotPermitted` where the question is not open, or each call of it is asked for.
        """
        session = (await self._state(session_id)).session
        question = next((one for one in session.asking or () if one.request_id == request_id), None)
        if question is None:
            raise NotPermitted("The question is not open any more.", hint="There is nothing left to do.")
        if not question.scope:
            raise NotPermitted("This is asked for each time.", hint="Allow it once, or deny it.")
        folder = next(iter(session.workspace_folders), None)
        if folder is None and not everywhere:
            raise NotPermitted("The session belongs to no folder.", hint="Allow it in all sessions, or for this one alone.")
        permission = KeptPermission(
            id=new_id(),
            tool=question.tool,
            risk=question.risk,
            scope=question.scope,
            folder=None if everywhere else folder,
            created_at=now(),
        )
        await self._file().keep(permission)
        return permission

    async def list(self) -> KeptPermissionList:
        return KeptPermissionList(permissions=await self._file().all())

    async def remove(self, permission_id: str) -> None:
        """Raises `NotPermitted` where there is none of that id."""
        if not await self._file().remove(permission_id):
            raise NotPermitted("There is no such permission any more.", hint="List them anew.")

    def _file(self) -> KeptPermissions:
        if self._kept is None:
            raise NotPermitted("Permissions are not kept here.", hint="Answer each question by itself.")
        return self._kept
