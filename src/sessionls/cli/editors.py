"""Installs the Neovim plugin, which is part of this package."""

from __future__ import annotations

import os
import re
import shutil
import sys
from collections.abc import Mapping
from pathlib import Path

from sessionls.cli.terminal import UsageError

__all__ = ["install", "plugin_folder", "target_folder"]

_MARK = Path("plugin") / "sessionls.lua"


def plugin_folder() -> Path:
    """The folder of the plugin in the installed package or in the checkout. Raises `UsageError` if there is none."""
    package = Path(__file__).resolve().parent.parent
    for folder in (package / "editors" / "nvim", package.parent.parent / "editors" / "nvim"):
        if (folder / _MARK).is_file():
            return folder
    raise UsageError("This installation does not include the Neovim plugin.", "Reinstall sessionls from a wheel.")


def target_folder(env: Mapping[str, str] = os.environ) -> Path:
    """The folder from which Neovim loads the user's plugins without a plugin manager (`:help packages`)."""
    name = env.get("NVIM_APPNAME") or "nvim"
    if env.get("XDG_DATA_HOME"):
        data = Path(env["XDG_DATA_HOME"])
    elif sys.platform == "win32":
        data = Path(env.get("LOCALAPPDATA") or Path.home() / "AppData" / "Local")
    else:
        data = Path.home() / ".local" / "share"
    return data / (f"{name}-data" if sys.platform == "win32" else name) / "site" / "pack" / "sessionls" / "start" / "sessionls"


def install(source: Path, target: Path) -> None:
    """Copy the plugin and replace an older one. Raises `UsageError` if the target is something else."""
    if target.is_symlink() or (target.exists() and not (target / _MARK).is_file()):
        raise UsageError(f"{target} is not a plugin that this command installed.", "Remove it first, then install the plugin.")
    fresh = target.with_name(".sessionls-new")
    shutil.rmtree(fresh, ignore_errors=True)
    shutil.copytree(source, fresh)
    page = fresh / "doc" / "sessionls.txt"
    tags = sorted(set(re.findall(r"\*([^*\s]+)\*(?=\s|$)", page.read_text(encoding="utf-8"))))
    lines = (f"{tag}\tsessionls.txt\t/*{tag}*\n" for tag in tags)
    (fresh / "doc" / "tags").write_text("".join(lines), encoding="utf-8", newline="\n")
    shutil.rmtree(target, ignore_errors=True)
    fresh.rename(target)
