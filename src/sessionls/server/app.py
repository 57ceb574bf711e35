"""The program `sessionls serve`: the wire is claimed first, then the imports are paid for, then the server runs."""

from __future__ import annotations

import logging
import os
import sys

from sessionls.importing import gc_paused

__all__ = ["main"]


def main() -> int:
    """Serve one client on stdin and stdout. Gives the exit code, or ends the process with it."""
    from sessionls.stdio import claim_stdio

    source, sink = claim_stdio()
    logging.basicConfig(stream=sys.stderr, level=logging.WARNING, format="sessionls: %(levelname)s: %(message)s")
    with gc_paused():
        import asyncio

        from sessionls.server.lsp_types import import_lsp_types

        import_lsp_types()
        from sessionls.server.server import SessionServer

        server = SessionServer()
    # The interpreter would wait for threads (one that still imports litellm, one that reads stdin). All is closed: just end.
    runner = asyncio.Runner()
    code = runner.run(server.run(source, sink))
    logging.shutdown()
    os._exit(code)
