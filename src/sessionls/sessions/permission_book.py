"""The person's permanent permissions: adds them from questions, lists and removes them."""

from __future__ import annotations

from collections.abc import Awaitable, Callable

from sessionls.domain.errors import NotPermitted
from sessionls.domain.ids import new_id, now
from sessionls.domain.results import KeptPermission, KeptPermissionList
from sessionls.domain.state import State
from sessionls.ports.permissions import KeptPermissions

__all__ = ["PermissionBook"]


class PermissionBook:
    """`state` returns the current state of a session."""

    def __init__(self, kept: KeptPermissions | None, state: Callable[[str], Awaitable[State]]) -> None:
        self._kept = kept
        self._state = state

    async def keep(self, session_id: str, request_id: str, *, everywhere: bool) -> KeptPermission:
        """Allow permanently what the answer "for this session" would allow: in sessions of the same folder, or `everywhere`.

        This does not answer the question. Raises `NotPermitted` if it is not open, or if its calls always need a new answer.
        """
        session = (await self._state(session_id)).session
        question = next((question for question in session.asking or () if question.request_id == request_id), None)
        if question is None:
            raise NotPermitted("The question is no longer open.", hint="There is nothing left to do.")
        if not question.scope:
            raise NotPermitted("This needs permission each time.", hint="Allow it once, or deny it.")
        folder = next(iter(session.workspace_folders), None)
        if folder is None and not everywhere:
            raise NotPermitted("The session belongs to no folder.", hint="Allow it in all sessions, or only in this one.")
        permission = KeptPermission(
            id=new_id(),
            tool=question.tool,
            risk=question.risk,
            scope=question.scope,
            folder=None if everywhere else folder,
            created_at=now(),
        )
        await self._available().keep(permission)
        return permission

    async def list(self) -> KeptPermissionList:
        return KeptPermissionList(permissions=await self._available().all())

    async def remove(self, permission_id: str) -> None:
        """Raises `NotPermitted` if no permission has that id."""
        if not await self._available().remove(permission_id):
            raise NotPermitted("This permission no longer exists.", hint="Refresh the list.")

    def _available(self) -> KeptPermissions:
        if self._kept is None:
            raise NotPermitted("Permanent permissions are not available here.", hint="Answer each question separately.")
        return self._kept
