"""The program `sessionls acp`: takes over stdio first, then imports the rest, then serves one client."""

from __future__ import annotations

import contextlib
import logging
import os
import sys

from sessionls.importing import gc_paused

__all__ = ["main"]


def main(*, trust: bool = False) -> int:
    """Serve one client on stdin and stdout. Returns the exit code, or exits the process with it."""
    from sessionls.stdio import claim_stdio

    source, sink = claim_stdio()
    logging.basicConfig(stream=sys.stderr, level=logging.WARNING, format="sessionls: %(levelname)s: %(message)s")
    with gc_paused():
        import asyncio

        from sessionls.acp_agent.agent import AcpAgent
        from sessionls.acp_agent.transport import LineTransport
        from sessionls.compose import preload
        from sessionls.domain.errors import SessionlsError
        from sessionls.settings.settings import Settings

        preload()
        try:
            settings = Settings.load()
        except SessionlsError as error:
            sys.stderr.write(f"sessionls: {error.message} {error.hint}\n")
            return 1

    async def serve() -> None:
        agent = AcpAgent(settings, LineTransport(source, sink), trust=trust)
        try:
            await agent.run()
        finally:
            await agent.close()

    # Everything is closed. Exit at once: the interpreter would wait for threads (importing litellm, reading stdin).
    runner = asyncio.Runner()
    with contextlib.suppress(KeyboardInterrupt):  # everything is closed in this case, too
        runner.run(serve())
    logging.shutdown()
    os._exit(0)
