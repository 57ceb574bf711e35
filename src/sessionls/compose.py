"""The composition root: the only module that imports every package and connects them, for the server and the terminal."""

from __future__ import annotations

import asyncio
import contextlib
import os
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

from sessionls.domain import uris
from sessionls.domain.errors import SessionlsError
from sessionls.domain.model import Participant
from sessionls.domain.permission import Bounds, Policy
from sessionls.ports.editor import Editor
from sessionls.sessions.context.other_sessions import OtherSessions
from sessionls.sessions.prompt.builder import PromptBuilder
from sessionls.sessions.replies.timing import DEFAULT_TIMING, Timing
from sessionls.sessions.service import Defaults, Sessions
from sessionls.sessions.workspace.identity import OlderIdentities
from sessionls.sessions.workspace.workspace import Workspace
from sessionls.settings.kept_permissions import PermissionFile
from sessionls.settings.settings import Settings, config_dir, config_file

if TYPE_CHECKING:
    from sessionls.agents.catalog import Catalog
    from sessionls.models.embedded import Embedded
    from sessionls.models.gateway import Gateway
    from sessionls.runtimes.acp.runtime import ExternalAgents
    from sessionls.store.store import SqlStore
    from sessionls.tools.mcp import McpServers

__all__ = ["Composition", "compose", "identify", "open_store", "preload"]


@dataclass
class Composition:
    """`sessions` and its dependencies. Call `start` before using it, and `close` at the end, also after an error.

    `bounds` belong to the caller, which may change them and then calls `follow`.
    """

    sessions: Sessions
    editor: Editor
    catalog: Catalog
    models: Gateway
    store: SqlStore
    bounds: Bounds
    data_dir: Path
    servers: McpServers | None = None
    external: ExternalAgents | None = None
    _tasks: list[asyncio.Task[None]] = field(default_factory=list)

    async def start(self) -> None:
        """Read the definitions of agents, and open the store in the background: each operation reports its problems itself."""
        self._tasks.append(asyncio.create_task(self._open_store(), name="open store"))
        await self.catalog.reload()

    async def _open_store(self) -> None:
        with contextlib.suppress(SessionlsError):
            await self.store.lapsed_claims()

    def watch_agents(self, changed: Callable[[], None]) -> None:
        """From now on follow changes of definitions on disk, and report each of them."""
        self._tasks.append(asyncio.create_task(self.catalog.watch(changed), name="watch agents"))

    async def follow(self) -> None:
        """The editor's folders or the bounds have changed: update agents and MCP servers."""
        updates = [self.catalog.set_workspace(_folders(self.editor), trusted=self.bounds.trusted)]
        if self.servers is not None:
            updates.append(self.servers.follow())
        if self.external is not None:
            updates.append(self.external.follow(trusted=self.bounds.trusted))
        # One failed update must not prevent the others: what is no longer trusted has to end now.
        for problem in await asyncio.gather(*updates, return_exceptions=True):
            if isinstance(problem, BaseException):
                raise problem

    async def close(self) -> None:
        """Interrupt replies in progress (they can be resumed), then close the rest, the store last."""
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        async with contextlib.AsyncExitStack() as closing:
            closing.push_async_callback(self.store.close)
            closing.push_async_callback(self.models.close)
            if self.servers is not None:
                closing.push_async_callback(self.servers.close)
            if self.external is not None:
                closing.push_async_callback(self.external.close)
            await self.sessions.close_down()


def preload() -> None:
    """Import everything, which takes most of a second. With a running event loop, call it in a thread and before `compose`."""
    import sessionls.agents.catalog
    import sessionls.models.gateway
    import sessionls.runtimes.loop.runtime
    import sessionls.runtimes.scanner
    import sessionls.store.backend
    import sessionls.store.store
    import sessionls.tools.findings
    import sessionls.tools.scan
    import sessionls.tools.toolbox  # noqa: F401


def open_store(settings: Settings) -> SqlStore:
    """The store of the settings. Nothing is opened yet."""
    from sessionls.store.store import SqlStore

    return SqlStore(settings.url, durable=settings.durability == "full")


async def identify(store: SqlStore, local: Participant, *, renames: bool) -> Participant:
    """The participant who uses the store: its login if it has logins, otherwise `local`. Closes the store if this fails.

    `renames`: the name of `local` comes from the settings, and becomes the name of the login.
    """
    try:
        return await store.participant(local, renames=renames)
    except BaseException:
        await store.close()
        raise


def compose(
    settings: Settings,
    editor: Editor,
    *,
    bounds: Bounds,
    participant: Participant,
    store: SqlStore | None = None,
    timing: Timing = DEFAULT_TIMING,
) -> Composition:
    """Everything for one editor and one participant, not started yet.

    Definitions of a workspace (agents, their permissions, servers) are used only within the current `bounds`.
    """
    from sessionls.agents.catalog import Catalog
    from sessionls.agents.prompt_files import PromptFiles
    from sessionls.agents.sources import source_directories
    from sessionls.models.gateway import Gateway
    from sessionls.runtimes.acp.our_tools import OurTools
    from sessionls.runtimes.acp.runtime import ExternalAgents
    from sessionls.runtimes.loop.runtime import LoopRuntime
    from sessionls.runtimes.scanner import ScannerRuntime
    from sessionls.tools.execute import RunCommand
    from sessionls.tools.findings import finding_tools
    from sessionls.tools.hands import EditorFiles, ShellCommands
    from sessionls.tools.mcp import McpServers
    from sessionls.tools.nearby import Nearby
    from sessionls.tools.read_tracker import ReadTracker
    from sessionls.tools.restore import Restorer
    from sessionls.tools.saving import Saving
    from sessionls.tools.scan import Scan
    from sessionls.tools.scanners import builtin_scanners, user_scanner
    from sessionls.tools.search_sessions import SearchSessions
    from sessionls.tools.skill import ReadSkill
    from sessionls.tools.toolbox import Toolbox, all_tools
    from sessionls.tools.write import WriteFile

    store = store or open_store(settings)
    models = Gateway(settings.model, embedded=_embedded(settings))
    user_agents, home = config_dir() / "agents", Path.home()
    catalog = Catalog(_folders(editor), trusted=bounds.trusted, user_dir=user_agents, home=home, external=settings.agents)
    workspace = Workspace(editor, trusted=lambda: bounds.trusted, older=_older(store))
    servers = McpServers(
        settings.mcp,
        folders=lambda: _folders(editor),
        trusted=lambda: bounds.trusted,
        read_only=lambda: bounds.read_only,
    )
    scanners = {scanner.name: scanner for scanner in builtin_scanners()}
    scanners |= {name: user_scanner(name, setting.command, setting.globs) for name, setting in settings.scanners.items()}
    read_tracker, saving = ReadTracker(), Saving(workspace, editor)
    policy = Policy(settings.permissions, bounds)
    protected = [config_dir(), config_file(), *(root.directory for root in source_directories((), user_agents, home))]
    writer = WriteFile(
        workspace,
        editor,
        read_tracker,
        saving,
        confirm=settings.confirm_edits,
        protected=protected,
        read_only=lambda: bounds.read_only,
    )
    tools = Toolbox(
        [
            *all_tools(
                workspace,
                editor,
                confirm=settings.confirm_edits,
                protected=protected,
                read_only=lambda: bounds.read_only,
                seen=read_tracker,
                saving=saving,
                variables=settings.command_environment,
            ),
            SearchSessions(store, OtherSessions(store, lambda: workspace.scope(editor.folders))),
            ReadSkill(catalog.readable_skills, catalog.has_skills),
            *finding_tools(workspace, editor, store.findings),
            # Programs inside a workspace are started only if it is trusted.
            Scan(
                workspace,
                editor,
                [*scanners.values()],
                never_in=lambda: [] if bounds.trusted else _folders(editor),
                variables=settings.command_environment,
            ),
        ],
        servers,
        seen=read_tracker,
        saving=saving,
        nearby=Nearby(workspace, catalog.instructions_near),
    )
    prompts = PromptBuilder(store=store, models=models, agents=catalog)
    commands = RunCommand(workspace, variables=settings.command_environment)
    external = ExternalAgents(
        store,
        editor,
        policy,
        EditorFiles(workspace, writer, read_tracker),
        ShellCommands(commands, saving, variables=settings.command_environment),
        OurTools(tools.offer),
        settings.data_dir / "logs",
    )
    loop = LoopRuntime(store=store, models=models, prompts=prompts, policy=policy)
    sessions = Sessions(
        store=store,
        models=models,
        agents=catalog,
        tools=tools,
        editor=editor,
        workspace=workspace,
        files=Restorer(workspace, editor, saving, protected=protected, read_only=lambda: bounds.read_only),
        participant=participant,
        # The model of the settings is the gateway's default: as a session's model it would override the agent's.
        defaults=Defaults(agent=settings.agent),
        prompts=prompts,
        prompt_files=PromptFiles(
            lambda: _folders(editor), trusted=lambda: bounds.trusted, user_dir=config_dir() / "prompts", home=home
        ),
        runtimes=[loop, ScannerRuntime(policy), external],
        patience=settings.permission_seconds,
        timing=timing,
        answers_for_others=settings.answer_others,
        kept=PermissionFile(config_dir() / "permissions.json"),
    )
    return Composition(sessions, editor, catalog, models, store, bounds, settings.data_dir, servers, external)


def _older(store: SqlStore) -> OlderIdentities:
    async def older() -> Sequence[tuple[str, str]]:
        try:
            return await store.older_places()
        except SessionlsError:  # the next request for sessions gets the error
            return ()

    return older


def _embedded(settings: Settings) -> Embedded | None:
    from sessionls.models.embedded import Embedded

    if not settings.embedded:
        return None
    environ = dict(os.environ)
    if settings.embedded_model is not None:
        environ["SESSIONLS_EMBEDDED_MODEL"] = str(settings.embedded_model)
    return Embedded(settings.data_dir, environ)


def _folders(editor: Editor) -> list[Path]:
    return [Path(path) for uri in editor.folders if (path := uris.to_path(uri)) is not None]
