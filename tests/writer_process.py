"""A process that writes a reply until it is killed: `python writer_process.py FOLDER`.

Prints the session's id, then `written` once the first text of the reply is in the database.
"""

from __future__ import annotations

import asyncio
import sys
from pathlib import Path

from in_process_app import app


async def main(folder: Path) -> None:
    async with app(folder, None) as home:
        session = await home.sessions.create(agent="plain")
        await home.sessions.open(session.id)
        print(session.id, flush=True)  # noqa: T201
        send = asyncio.create_task(home.sessions.message(session.id, "write"))
        await home.until(lambda: bool(home.deltas))
        await asyncio.sleep(0.25)  # what the design promises of drafts
        print("written", flush=True)  # noqa: T201
        await send


if __name__ == "__main__":
    asyncio.run(main(Path(sys.argv[1])))
