"""The composition root: the only module that knows every package and puts them together, for server and terminal."""

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
from sessionls.sessions.workspace.identity import OlderPlaces
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
    """`sessions`, and what it needs. Call `start` before using it, and `close` at the end, also after an error.

    `bounds` belong to the caller, who changes them and then calls `follow`.
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
    _jobs: list[asyncio.Task[None]] = field(default_factory=list)

    async def start(self) -> None:
        """Read the definitions of agents, and open the store in the background: each operation reports its problems itself."""
        self._jobs.append(asyncio.create_task(self._open_store(), name="open store"))
        await self.catalog.reload()

    async def _open_store(self) -> None:
        with contextlib.suppress(SessionlsError):
            await self.store.lapsed_claims()

    def watch_agents(self, changed: Callable[[], None]) -> None:
        """From now on follow changes of definitions on disk, and report each of them."""
        self._jobs.append(asyncio.create_task(self.catalog.watch(changed), name="watch agents"))

    async def follow(self) -> None:
        """The editor's folders or the bounds have changed: update agents and MCP servers."""
        jobs = [self.catalog.set_workspace(_folders(self.editor), trusted=self.bounds.trusted)]
        if self.servers is not None:
            jobs.append(self.servers.follow())
        if self.external is not None:
            jobs.append(self.external.follow(trusted=self.bounds.trusted))
        # Both run independently of each other: what is no longer trusted ends now.
        for problem in await asyncio.gather(*jobs, return_exceptions=True):
            if isinstance(problem, BaseException):
                raise problem

    async def close(self) -> None:
        """Interrupt replies in progress (they can be resumed), then close the rest, the store last."""
        for job in self._jobs:
            job.cancel()
        await asyncio.gather(*self._jobs, return_exceptions=True)
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
    """Who works with the store: its login, where it has logins, else `local`. The store is closed where that fails.

    `renames`: the local name was set by hand, and is the login's from now on.
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

    What a workspace defines (agents, their permissions, servers) counts only within the current `bounds`.
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
    own, home = config_dir() / "agents", Path.home()
    catalog = Catalog(_folders(editor), trusted=bounds.trusted, user_dir=own, home=home, external=settings.agents)
    workspace = Workspace(editor, trusted=lambda: bounds.trusted, older=_older(store))
    servers = McpServers(
        settings.mcp,
        folders=lambda: _folders(editor),
        trusted=lambda: bounds.trusted,
        read_only=lambda: bounds.read_only,
    )
    scanners = {scanner.name: scanner for scanner in builtin_scanners()}
    scanners |= {name: user_scanner(name, one.command, one.globs) for name, one in settings.scanners.items()}
    seen, saving = ReadTracker(), Saving(workspace, editor)
    policy = Policy(settings.permissions, bounds)
    protected = [config_dir(), config_file(), *(place.directory for place in source_directories((), own, home))]
    writer = WriteFile(
        workspace,
        editor,
        seen,
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
                seen=seen,
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
        seen=seen,
        saving=saving,
        nearby=Nearby(workspace, catalog.instructions_near),
    )
    prompts = PromptBuilder(store=store, models=models, agents=catalog)
    commands = RunCommand(workspace, variables=settings.command_environment)
    external = ExternalAgents(
        store,
        editor,
        policy,
        EditorFiles(workspace, writer, seen),
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


def _older(store: SqlStore) -> OlderPlaces:
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
