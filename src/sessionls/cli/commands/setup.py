"""Commands that list agents and models, check the set-up, and connect editors and other programs."""

from __future__ import annotations

import asyncio
from typing import Annotated, Literal

import typer

from sessionls.cli.commands.base import Json, Trust, app, do
from sessionls.cli.terminal import Terminal, UsageError


@app.command()
def agents(as_json: Json = False, trust: Trust = False) -> None:
    """List the agents and their skills, with the problems of those that cannot be used."""

    async def work(terminal: Terminal) -> int:
        from sessionls.cli.context import open_context
        from sessionls.cli.render import agent_table, skill_table

        async with open_context(terminal, trust=trust) as cli:
            found = await cli.sessions.agents()
            skills = (await cli.sessions.skills()).skills
        if as_json:
            terminal.json({**found.wire(), "skills": [skill.wire() for skill in skills]})
        else:
            terminal.out.print(agent_table(found.agents, found.default))
            terminal.note("* the default for new sessions")
            if found.installable:
                names = ", ".join(one.name for one in found.installable)
                terminal.note(f"External agents that are not installed: {names}. To install them, see `sessionls agents --json`.")
            if skills:
                terminal.out.print(skill_table(skills))
        return 0

    do(work)


@app.command()
def models(as_json: Json = False) -> None:
    """List the available models, and why others are not available."""

    async def work(terminal: Terminal) -> int:
        from sessionls.cli.context import open_context
        from sessionls.cli.render import model_table

        async with open_context(terminal) as cli:
            with terminal.busy("Looking for models …"):
                found = await cli.sessions.models()
        if as_json:
            terminal.json(found.wire())
        else:
            terminal.out.print(model_table(found.models))
            terminal.note("* the default model")
        return 0

    do(work)


@app.command()
def doctor(
    fetch_model: Annotated[bool, typer.Option("--fetch-model", help="Download the embedded model (about 93 MB).")] = False,
    as_json: Json = False,
) -> None:
    """Show the settings, the model that would answer and why, and what is missing."""

    async def work(terminal: Terminal) -> int:
        from sessionls.cli.doctor import run_checks

        return await run_checks(terminal, fetch_model=fetch_model, as_json=as_json)

    do(work)


@app.command()
def editor(
    name: Annotated[Literal["nvim", "emacs"], typer.Argument(metavar="EDITOR", help="The editor: nvim or emacs.")],
    install: Annotated[bool, typer.Option("--install", help="Install it where the editor finds it at its next start.")] = False,
    show: Annotated[bool, typer.Option("--print", help="Print the plugin's folder, for a plugin manager.")] = False,
) -> None:
    """Install the plugin for Neovim or Emacs that comes with this version, or print its folder."""
    from sessionls.cli import editors, emacs

    async def work(terminal: Terminal) -> int:
        if install == show:
            raise UsageError(f"Choose what to do with the plugin for {name}.", "Use --install or --print.")
        folder = editors.plugin_folder() if name == "nvim" else emacs.package_file().parent
        if show:
            terminal.out.print(str(folder), markup=False, highlight=False, soft_wrap=True)
            return 0
        if name == "emacs":
            await asyncio.to_thread(emacs.install, emacs.package_file())
            terminal.note("Installed. Put (require 'sessionls) into your init file, and run M-x sessionls-menu.")
            return 0
        target = editors.target_folder()
        await asyncio.to_thread(editors.install, folder, target)
        terminal.note(f"Installed into {target}. Restart Neovim, then see :help sessionls.")
        return 0

    do(work)


@app.command()
def serve(
    stdio: Annotated[bool, typer.Option("--stdio", help="Use standard input and output (the default).")] = True,
) -> None:
    """Start the language server. Editors run this."""
    # `main` starts the server without calling this, which is used for the help and for calls from Python.
    del stdio
    from sessionls.server.app import main

    raise typer.Exit(main())


@app.command("import")
def import_(
    ids: Annotated[
        list[str] | None,
        typer.Argument(metavar="[SESSION]…", help="Beginnings of ids in the other program (default: all)."),
    ] = None,
    program: Annotated[
        str, typer.Option("--from", metavar="AGENT", help="claude-code, codex, opencode, copilot, or another external agent.")
    ] = "",
    only_list: Annotated[bool, typer.Option("--list", help="Only list them.")] = False,
    as_json: Json = False,
) -> None:
    """Import this folder's sessions from another program. This starts the program, but does not use its model.

    Repeat it to add what is new. Sessions that were continued here stay as they are.
    """

    async def work(terminal: Terminal) -> int:
        from sessionls.cli.context import open_context
        from sessionls.cli.imports import import_sessions

        if not program:
            raise UsageError("The program is missing.", "sessionls import --from codex")
        async with open_context(terminal) as cli:
            return await import_sessions(cli, program, ids or (), only_list=only_list, as_json=as_json)

    do(work)


@app.command()
def acp(
    trust: Annotated[
        bool, typer.Option("--trust", help="Trust every folder that the editor opens: its own agents and servers run.")
    ] = False,
) -> None:
    """Serve an editor over the Agent Client Protocol, on standard input and output. Editors run this."""
    # As for `serve`, `main` starts this without calling the function.
    from sessionls.acp_agent.app import main

    raise typer.Exit(main(trust=trust))
