"""What an attacker can make of the tools that change files: nothing outside the workspace, and nothing that starts programs."""

from __future__ import annotations

import os

import pytest

from sessionls.agents.sources import AGENT_DIRECTORIES, source_directories
from sessionls.ports.tools import ToolFailed
from sessionls.sessions.workspace.diffing import patch
from sessionls.tools.mcp import FILES
from writing_editor import Place, place

__all__ = ["place"]  # a fixture of these tests

posix_only = pytest.mark.skipif(os.name == "nt", reason="needs POSIX links and pipes")
ANY = [("x", "y")]


class TestAnAttacker:
    @pytest.mark.parametrize(
        "path", ["../out.txt", "src/../../out.txt", "{outside}/out.txt", "file://{outside}/out.txt", "/etc/hosts"]
    )
    async def test_nothing_outside_the_workspace_is_changed(self, place: Place, path: str) -> None:
        (place.outside / "out.txt").write_text("x", encoding="utf-8")
        path = path.format(outside=place.outside)
        with pytest.raises(ToolFailed, match="outside"):
            await place.edit(path, *ANY)
        with pytest.raises(ToolFailed, match="outside"):
            await place.run("delete_file", path=path)
        with pytest.raises(ToolFailed, match="outside"):
            await place.run("create_file", path=f"{path}.new", text="x")
        assert place.editor.asked_for == []

    @pytest.mark.parametrize(
        "path",
        [
            ".env",
            ".git/hooks/pre-commit",
            ".git/config",
            "keys/server.pem",
            ".GIT/hooks/x",
            "sub/.git/hooks/post-checkout",
            ".env.local",
        ],
    )
    async def test_withheld_files_are_not_written(self, place: Place, path: str) -> None:
        assert "withheld" in await place.refused("create_file", path=path, text="#!/bin/sh\n")
        place.write(path, "x")
        assert "withheld" in await place.edit_refused(path, *ANY)
        assert "withheld" in await place.refused("delete_file", path=path)

    @pytest.mark.parametrize(
        "path",
        [
            *(f"{folder}/me.md" for folder in AGENT_DIRECTORIES),
            *FILES,
            *(".sessionls/more", ".MCP.json", ".Claude/Agents/me.md", "sub/.opencode/agent/deep/me.md", "sub/.vscode/mcp.json"),
            *(".mcp.json. .", ".claude /agents./me.md", ".mcp.json:stream", ".mcp.json::$DATA"),  # the same on Windows
        ],
    )
    async def test_an_agent_cannot_write_its_own_permissions_or_programs(self, place: Place, path: str) -> None:
        assert "only people may change it" in await place.refused("create_file", path=path, text="{}")
        place.write(path, "x")
        await place.run("read_file", path=path)
        assert "only people may change it" in await place.edit_refused(path, *ANY)

    async def test_every_file_that_configures_agents_is_protected(self, place: Place) -> None:
        own = place.folder / "config"
        user_roots = source_directories((), own / "agents", own)
        place.obeying(own / "sessionls", own / "elsewhere.toml", *(root.directory for root in user_roots))
        defining = [one.directory / "me.md" for one in source_directories([place.folder], own / "agents", own)]
        programs = [place.folder / name for name in FILES]
        for path in (*defining, *programs, own / "sessionls" / "config.toml", own / "elsewhere.toml"):
            assert "only people may change it" in await place.refused("create_file", path=str(path), text="{}")

    @pytest.mark.parametrize(
        "path", ["AGENTS.md", ".claude/settings.md", ".github/workflows/agents.yml", "agents/me.md", "mcp.json"]
    )
    async def test_files_with_similar_names_are_not_protected(self, place: Place, path: str) -> None:
        assert "Created" in await place.run("create_file", path=path, text="x")

    @posix_only
    async def test_a_definition_is_protected_at_the_target_of_a_link(self, place: Place) -> None:
        for name in ("shared/one.md", "notes/two.md", "notes/three.md", "tools.json"):
            place.write(name, "x")
        for link, to in (
            (".claude/agents", "../shared"),
            (".sessionls/agents/two.md", "../../notes/two.md"),
            (".mcp.json", "tools.json"),
        ):
            (place.folder / link).parent.mkdir(parents=True, exist_ok=True)
            (place.folder / link).symlink_to(to)
        for name in ("shared/one.md", "notes/two.md", "tools.json"):
            await place.run("read_file", path=name)
            assert "only people may change it" in await place.edit_refused(name, *ANY)
            assert "only people may change it" in await place.refused("delete_file", path=name)
        assert "only people may change it" in await place.refused("create_file", path="shared/new.md", text="x")
        await place.run("read_file", path="notes/three.md")
        await place.edit("notes/three.md", *ANY)

    async def test_nothing_is_changed_if_agents_may_now_only_read(self, place: Place, monkeypatch: pytest.MonkeyPatch) -> None:
        place.write("a.txt", "x")
        await place.run("read_file", path="a.txt")

        def and_bind(name: str, old: str | None, new: str | None) -> str:
            place.read_only = True
            return patch(name, old, new)

        monkeypatch.setattr("sessionls.tools.write.patch", and_bind)
        assert "may now only read here" in await place.edit_refused("a.txt", *ANY)

    @posix_only
    async def test_links_out_of_the_workspace_are_not_followed(self, place: Place) -> None:
        (place.outside / "out.txt").write_text("x", encoding="utf-8")
        (place.folder / "link.txt").symlink_to(place.outside / "out.txt")
        (place.folder / "way").symlink_to(place.outside)
        (place.folder / "hooks").symlink_to(place.folder / ".git")
        for path in ("link.txt", "way/out.txt"):
            assert "outside" in await place.edit_refused(path, *ANY)
            assert "outside" in await place.refused("delete_file", path=path)
        assert "outside" in await place.refused("create_file", path="way/new.txt", text="x")
        assert "withheld" in await place.refused("create_file", path="hooks/pre-commit", text="x")
        assert "outside" in await place.refused("create_file", path="link.txt", text="x")

    @posix_only
    async def test_a_link_inside_the_workspace_is_edited_at_its_target_but_not_deleted(self, place: Place) -> None:
        place.write("real.txt", "x")
        (place.folder / "link.txt").symlink_to("real.txt")
        assert "symbolic link" in await place.refused("delete_file", path="link.txt")
        await place.run("read_file", path="link.txt")
        await place.edit("link.txt", *ANY)
        assert (place.folder / "real.txt").read_text(encoding="utf-8") == "y"
        assert (place.folder / "link.txt").is_symlink()

    @posix_only
    async def test_a_file_replaced_by_a_link_during_the_permission_request_is_not_written(self, place: Place) -> None:
        (place.outside / "out.txt").write_text("x", encoding="utf-8")
        path = place.write("a.txt", "x")
        await place.run("read_file", path="a.txt")
        (tool,) = place.toolbox.offer(["edit_file"])
        arguments = {"path": "a.txt", "edits": [{"old": "x", "new": "y"}]}
        await tool.permission_request(arguments)
        path.unlink()
        path.symlink_to(place.outside / "out.txt")
        assert "outside" in await place.refused("edit_file", **arguments)

    @posix_only
    async def test_a_file_replaced_by_a_link_after_reading_is_not_written(
        self, place: Place, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        (place.outside / "out.txt").write_text("x", encoding="utf-8")
        path = place.write("a.txt", "x")
        await place.run("read_file", path="a.txt")

        def and_swap(name: str, old: str | None, new: str | None) -> str:
            path.unlink()
            path.symlink_to(place.outside / "out.txt")
            return patch(name, old, new)

        monkeypatch.setattr("sessionls.tools.write.patch", and_swap)
        assert "changed" in await place.edit_refused("a.txt", *ANY)

    async def test_a_huge_file_is_not_edited(self, place: Place) -> None:
        place.write("huge.txt", b"x\n" * (9 << 19))
        await place.run("read_file", path="huge.txt", end_line=2)
        assert "too large" in await place.edit_refused("huge.txt", ("x", "y", True))
        assert "text" in await place.refused("create_file", path="new.txt", text="x" * 1_000_001)

    @posix_only
    async def test_pipes_and_devices_are_not_written(self, place: Place) -> None:
        os.mkfifo(place.folder / "pipe")
        assert "not a regular file" in await place.edit_refused("pipe", *ANY)
        assert "is not a file" in await place.refused("delete_file", path="pipe")

    async def test_text_with_a_nul_is_refused(self, place: Place) -> None:
        assert "NUL" in await place.refused("create_file", path="a.txt", text="a\0b")
        assert "no" in await place.refused("create_file", path="a\0.txt", text="a")
