"""Two people with two logins share a session from editors that speak the Agent Client Protocol, and from Neovim."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest
from acp.core import RequestError

from acp_client import AcpEditor, Editors, start_editor
from logins import TeamDatabase
from model_server import ModelServer
from neovim import Neovim, start
from nvim_session import new_session, send
from shared_server import environment, key_for, make_workspace

__all__ = ["start_editor"]  # a fixture of these tests

_KEY = "AKIA" + "IOSFODNN7EXAMPLQ"  # (what looks like a key must not stand in a file as one)


@pytest.fixture
def database(tmp_path: Path) -> TeamDatabase:
    return TeamDatabase.make(tmp_path, "ann", "ben")


# -- the Agent Client Protocol ----------------------------------------------------------------------------------------


async def opened(start_editor: Editors, database: TeamDatabase, name: str) -> AcpEditor:
    return await start_editor(SESSIONLS_DATABASE_URL=database.of(name), SESSIONLS_PARTICIPANT_NAME=name.title())


async def titles(editor: AcpEditor, folder: Path) -> list[str | None]:
    return [one.title for one in (await editor.agent.list_sessions(cwd=str(folder))).sessions]


async def test_share_in_an_editor_that_speaks_acp(
    start_editor: Editors, database: TeamDatabase, tmp_path: Path, model_server: ModelServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name, value in key_for(model_server).items():
        monkeypatch.setenv(name, value)
    monkeypatch.setenv("SESSIONLS_MODEL", "openai/gpt-4o-mini")
    folder = tmp_path / "project"
    folder.mkdir()
    ann, ben = [await opened(start_editor, database, name) for name in ("ann", "ben")]
    session = await ann.new(folder)
    await ann.prompt(session, "say: hello")
    assert await titles(ben, folder) == []
    await ann.prompt(session, f"/comment The key is {_KEY}")
    await ann.prompt(session, "/share Ben commenter")
    assert "They see 1 key or token in it." in ann.text(session)
    assert f"- {database.login('ben')} (Ben): commenter" in ann.text(session)
    assert await titles(ben, folder) == ["say: hello"]
    await ben.agent.load_session(str(folder), session)
    assert "hello" in ben.text(session)
    with pytest.raises(RequestError, match="You are a commenter"):
        await ben.prompt(session, "say: no")
    await ben.prompt(session, "/comment Looks right")
    await ann.prompt(session, "/share Ben writer")
    await ben.prompt(session, "say: from Ben")
    await ann.until(lambda: "from Ben" in ann.text(session))
    with pytest.raises(RequestError, match="You are a writer"):
        await ben.prompt(session, "/share team owner")
    with pytest.raises(RequestError, match="no login 'carl'"):
        await ann.prompt(session, "/share carl")
    await ann.prompt(session, "/share Ben nobody")
    assert await titles(ben, folder) == []
    with pytest.raises(RequestError):
        await ben.prompt(session, "say: still here")


# -- Neovim -----------------------------------------------------------------------------------------------------------

_ROLE = """
for _, one in ipairs(require('sessionls.view').current().state.session.people) do
  if one.name == 'Ben' then return one.role end
end
"""
_SESSIONS = "return vim.tbl_count(require('sessionls.client').of().sessions)"


@pytest.fixture
def editors(tmp_path: Path, database: TeamDatabase, model_server: ModelServer) -> Iterator[tuple[Neovim, Neovim]]:
    """Ann's Neovim and Ben's, in the same folder."""
    folder = make_workspace(tmp_path)
    (folder / "app.py").write_text("x = 1\n", encoding="utf-8")
    (folder / ".git").mkdir()
    with ExitStack() as open_:

        def enter(name: str) -> Neovim:
            env = environment(tmp_path / name) | key_for(model_server)
            env |= {"SESSIONLS_DATABASE_URL": database.of(name), "SESSIONLS_PARTICIPANT_NAME": name.title()}
            return open_.enter_context(start(tmp_path / f"nvim-{name}", folder, env, trust=True))

        yield enter("ann"), enter("ben")


def test_share_in_neovim(editors: tuple[Neovim, Neovim]) -> None:
    ann, ben = editors
    ben.keys(":Sessionls list<CR>")
    ben.until("return require('sessionls.client').of().ready ~= false")
    new_session(ann)
    send(ann, "say: hello")
    ann.shows("\nhello\n")
    ann.keys("<Esc>:Sessionls share Ben writer<CR>")
    ben.until(_SESSIONS, lambda count: count == 1)
    ann.until("return vim.fn.getcompletion('Sessionls handover B', 'cmdline')", lambda names: names == ["Ben"])
    ben.keys("<Esc>:Sessionls open say: hello<CR>")
    ben.shows("\nhello\n")
    ben.keys("<Esc>:Sessionls ask say: from Ben<CR>")
    ann.shows("## Ben", "\nfrom Ben\n")
    ann.keys(f"<Esc>:Sessionls comment The key is {_KEY}<CR>")
    ann.shows(_KEY)
    ann.keys("<Esc>:Sessionls share Ben commenter<CR>")
    ann.until("return _G.told", lambda told: any("sees 1 key or token in it" in one for one in told))
    ben.until(_ROLE, lambda role: role == "commenter")
    ben.keys("<Esc>:Sessionls ask say: no<CR>")
    ben.until("return _G.told", lambda told: any("You are a commenter" in one for one in told))
    ben.keys("<Esc>:Sessionls comment Looks right<CR>")
    ann.shows("Looks right")
    ann.keys("<Esc>:Sessionls share Ben reader<CR>")
    ben.until(_ROLE, lambda role: role == "reader")
    ben.keys("<Esc>:Sessionls ask say: no<CR>")
    ben.until("return _G.told", lambda told: any("You are a reader" in one for one in told))
    ann.keys("<Esc>:Sessionls share Ben nobody<CR>")
    ben.until(_SESSIONS, lambda count: count == 0)
    ann.keys("<Esc>:Sessionls share carl reader<CR>")
    ann.until("return _G.told", lambda told: any("no login 'carl'" in one for one in told))
