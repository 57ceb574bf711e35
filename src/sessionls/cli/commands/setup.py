"""Commands that list agents and models, check the set-up, and connect editors and other programs."""

from __future__ import annotations

import asyncio
from typing import Annotated, Literal

import typer

from sessionls.cli.commands.base import Json, Trust, app, do
from sessionls.cli.terminal import Terminal, UsageError


@app.command()
def agents(as_json: Json = False, trust: Trust = False) -> None:
    """List the agents that can be invoked here with their skills, and what is wrong with the others."""

    async def work(terminal: Terminal) -> int:
        from sessionls.cli.context import opened
        from sessionls.cli.render import agent_table, skill_table

        async with opened(terminal, trust=trust) as cli:
            found = await cli.sessions.agents()
            skills = (await cli.sessions.skills()).skills
        if as_json:
            terminal.json({**found.wire(), "skills": [skill.wire() for skill in skills]})
        else:
            terminal.out.print(agent_table(found.agents, found.default))
            terminal.note("* the default of new sessions")
            if found.installable:
                names = ", ".join(one.name for one in found.installable)
                terminal.note(f"External agents that are not installed here: {names}. `sessionls agents --json` says how.")
            if skills:
                terminal.out.print(skill_table(skills))
        return 0

    do(work)


@app.command()
def models(as_json: Json = False) -> None:
    """List the models that could answer now, and why the others cannot."""

    async def work(terminal: Terminal) -> int:
        from sessionls.cli.context import opened
        from sessionls.cli.render import model_table

        async with opened(terminal) as cli:
            with terminal.busy("Looking for models …"):
                found = await cli.sessions.models()
        if as_json:
            terminal.json(found.wire())
        else:
            terminal.out.print(model_table(found.models))
            terminal.note("* the one that answers where no other is named")
        return 0

    do(work)


@app.command()
def doctor(
    fetch_model: Annotated[bool, typer.Option("--fetch-model", help="Fetch the embedded model's weights (about 93 MB).")] = False,
    as_json: Json = False,
) -> None:
    """Say what is set, which model would answer and why, and what is missing."""

    async def work(terminal: Terminal) -> int:
        from sessionls.cli.doctor import examine

        return await examine(terminal, fetch_model=fetch_model, as_json=as_json)

    do(work)


@app.command()
def editor(
    name: Annotated[Literal["nvim"], typer.Argument(metavar="EDITOR", help="The editor: nvim.")],
    install: Annotated[bool, typer.Option("--install", help="Put it where Neovim finds it at its next start.")] = False,
    show: Annotated[bool, typer.Option("--print", help="Print the plugin's folder, for a plugin manager.")] = False,
) -> None:
    """Install the plugin for Neovim that comes with this version, or print where it is."""
    from sessionls.cli import editors

    async def work(terminal: Terminal) -> int:
        if install == show:
            raise UsageError(f"Say what to do with the plugin for {name}.", "Give --install, or --print.")
        folder = editors.plugin_folder()
        if show:
            terminal.out.print(str(folder), markup=False, highlight=False, soft_wrap=True)
            return 0
        target = editors.target_folder()
        await asyncio.to_thread(editors.install, folder, target)
        terminal.note(f"Installed into {target}. Start Neovim again, and see :help sessionls.")
        return 0

    do(work)


@app.command()
def serve(
    stdio: Annotated[bool, typer.Option("--stdio", help="Speak on standard input and output (the default).")] = True,
) -> None:
    """Start the language server; an editor does this."""
    # `main` goes to the server before it comes here: this is the help, and a start from within Python.
    del stdio
    from sessionls.server.app import main

    raise typer.Exit(main())


@app.command("import")
def import_(
    ids: Annotated[
        list[str] | None, typer.Argument(metavar="[SESSION]…", help="Its ids there, or how they begin; else all.")
    ] = None,
    program: Annotated[
        str, typer.Option("--from", metavar="AGENT", help="claude-code, codex, opencode, copilot, or another external agent.")
    ] = "",
    only_list: Annotated[bool, typer.Option("--list", help="Only list them.")] = False,
    as_json: Json = False,
) -> None:
    """Bring this folder's sessions of another program here. Its agent's program runs meanwhile; its model is not asked.

    Doing it again doubles nothing: it adds what is new, and leaves alone what somebody went on with here.
    """

    async def work(terminal: Terminal) -> int:
        from sessionls.cli.context import opened
        from sessionls.cli.imports import bring_all

        if not program:
            raise UsageError("Say whose sessions to bring.", "sessionls import --from codex")
        async with opened(terminal) as cli:
            return await bring_all(cli, program, ids or (), only_list=only_list, as_json=as_json)

    do(work)


@app.command()
def acp(
    trust: Annotated[
        bool, typer.Option("--trust", help="Trust every folder that the editor opens: its own agents and servers run.")
    ] = False,
) -> None:
    """Serve an editor that speaks the Agent Client Protocol, on standard input and output; the editor does this."""
    # As with `serve`: `main` goes there before it comes here.
    from sessionls.acp_agent.app import main

    raise typer.Exit(main(trust=trust))
