"""The program `sessionls serve`: the wire is claimed first, then the imports are paid for, then the server runs."""

from __future__ import annotations

import gc
import logging
import os
import sys

__all__ = ["main"]


def main() -> int:
    """Serve one client on stdin and stdout. Gives the exit code, or ends the process with it."""
    from sessionls.server.stdio import claim_stdio

    source, sink = claim_stdio()
    logging.basicConfig(stream=sys.stderr, level=logging.WARNING, format="sessionls: %(levelname)s: %(message)s")
    # Thousands of classes are made on the way in, and none of them is garbage: the collector would only cost time.
    gc.disable()
    import asyncio

    from sessionls.server.server import SessionServer

    server = SessionServer()
    gc.freeze()
    gc.enable()
    # The interpreter would wait for threads (one that still imports litellm, one that reads stdin). All is closed: just end.
    runner = asyncio.Runner()
    code = runner.run(server.run(source, sink))
    logging.shutdown()
    os._exit(code)
