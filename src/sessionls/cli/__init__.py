"""The terminal commands: `sessionls serve`, `ask`, `sessions`, `show`, `doctor` and others.

Nothing is imported at the top, so that `serve` does not wait for the terminal libraries.
"""

from __future__ import annotations

import sys

__all__ = ["main"]

_HELP = frozenset({"--help", "-h"})


def main() -> None:
    """The entry point of `sessionls`. A language client starts it with `serve` or `--stdio`."""
    arguments = sys.argv[1:]
    if arguments[:1] in (["serve"], ["--stdio"]) and not _HELP.intersection(arguments):
        from sessionls.server.app import main as serve

        sys.exit(serve())
    if arguments[:1] == ["acp"] and not _HELP.intersection(arguments) and set(arguments[1:]) <= {"--trust"}:
        from sessionls.acp_agent.app import main as serve_acp

        sys.exit(serve_acp(trust="--trust" in arguments))
    if arguments[:1] == ["mcp"] and not _HELP.intersection(arguments):
        from sessionls.cli.mcp_relay import main as relay

        sys.exit(relay())
    try:
        from sessionls.cli.commands import run

        run(arguments)
    except KeyboardInterrupt:  # still importing: there is nothing to cancel or to report
        sys.exit(130)
