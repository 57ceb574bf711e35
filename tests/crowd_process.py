"""A process with several participants: `python crowd_process.py FOLDER LEASE NAME=URL...`.

The model server is in OPENAI_API_BASE. Commands are lines of JSON, which run at the same time. Prints the outcome of each, and
everything that the participants are shown.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import sys
from pathlib import Path
from typing import Any

from in_process_app import App, app
from sessionls.domain.errors import SessionlsError
from sessionls.domain.events import MessageSent
from sessionls.domain.model import Participant
from sessionls.ports.store import EventNotice, Notice, SessionNotice
from sessionls.sessions.replies.timing import Timing
from sessionls.store import SqlStore

_TIMING = Timing(store_retries=(0.05, 0.2, 1.0, 3.0), longest_end_retry=3.0, sweep=1.0)


def tell(**fields: object) -> None:
    sys.stdout.write(json.dumps(fields) + "\n")
    sys.stdout.flush()


class Member:
    def __init__(self, name: str, home: App) -> None:
        self.name, self.home = name, home
        home.sessions.subscribe(self.hear)

    def hear(self, notice: Notice) -> None:
        if isinstance(notice, EventNotice):
            event = notice.event
            text = event.message.text if isinstance(event, MessageSent) else None
            tell(who=self.name, saw=event.session_id, seq=event.seq, kind=event.kind, text=text)
        elif isinstance(notice, SessionNotice):
            if notice.session is None:
                tell(who=self.name, gone=notice.session_id)
            else:
                tell(who=self.name, listed=notice.session_id, seq=notice.session.seq)

    async def run(self, number: int, do: str, session: str, **more: Any) -> None:
        try:
            found = await self.act(do, session, **more)
        except SessionlsError as error:
            tell(who=self.name, number=number, error=error.kind, message=f"{error.message} {error.hint}")
        except Exception as error:  # noqa: BLE001 (the test reports it)
            tell(who=self.name, number=number, error="unexpected", message=repr(error))
        else:
            tell(who=self.name, number=number, ok=found)

    async def act(self, do: str, session: str, text: str = "", to: str = "", role: Any = "reader") -> object:
        sessions = self.home.sessions
        match do:
            case "create":
                return (await sessions.create(agent="plain", title=text)).id
            case "open":
                opened = await sessions.open(session)
                tell(who=self.name, opened=session, seq=opened.session.seq)
            case "message":
                return (await sessions.message(session, text)).reply.status
            case "comment":
                await sessions.comment(session, text)
            case "fork":
                return (await sessions.fork(session)).id
            case "agent":
                await sessions.switch_agent(session, text)
            case "share":
                await sessions.sharing.share(session, to, role)
            case "unshare":
                await sessions.sharing.unshare(session, to)
            case "rename":
                await sessions.rename(session, text)
            case _:
                await getattr(sessions, do)(session)
        return None


async def main(folder: Path, lease: float, people: list[str]) -> None:
    defaults = SqlStore.__init__.__kwdefaults__ or {}
    defaults |= {"lease": lease, "patience": min(lease / 2, defaults["patience"])}  # so that others take over soon
    async with contextlib.AsyncExitStack() as stack:
        members: dict[str, Member] = {}
        for one in people:
            name, _, url = one.partition("=")
            participant = Participant(id=name, name=name.title())
            home = await stack.enter_async_context(app(folder, None, participant=participant, url=url, timing=_TIMING))
            members[name] = Member(name, home)
            tell(who=name, ready=home.sessions.participant.id)
        running: set[asyncio.Task[None]] = set()
        while line := await asyncio.to_thread(sys.stdin.readline):
            command = json.loads(line)
            task = asyncio.create_task(members[command.pop("who")].run(**command))
            running.add(task)
            task.add_done_callback(running.discard)


if __name__ == "__main__":
    asyncio.run(main(Path(sys.argv[1]), float(sys.argv[2]), sys.argv[3:]))
