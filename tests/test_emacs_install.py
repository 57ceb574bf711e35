"""`sessionls editor emacs`: Emacs installs the package that comes with sessionls. (`make test-editors` works in it.)"""

from __future__ import annotations

import os
import stat
import subprocess
import sys
from pathlib import Path

import pytest

PACKAGE = Path(__file__).resolve().parent.parent / "editors" / "emacs"


def sessionls(*words: str, path: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "sessionls", "editor", "emacs", *words]
    return subprocess.run(command, capture_output=True, text=True, check=False, env={**os.environ, "PATH": path})


def fake_emacs(folder: Path, code: str) -> str:
    """A program `emacs`; gives the PATH that finds it alone."""
    program = folder / "emacs"
    program.write_text(f"#!{sys.executable}\nimport sys\n{code}\n", encoding="utf-8")
    program.chmod(program.stat().st_mode | stat.S_IXUSR)
    return str(folder)


def test_the_folder_for_the_load_path_of_emacs_is_printed(tmp_path: Path) -> None:
    assert Path(sessionls("--print", path=str(tmp_path)).stdout.strip()) == PACKAGE


@pytest.mark.skipif(sys.platform == "win32", reason="the fake Emacs is a script")
def test_emacs_installs_the_package(tmp_path: Path) -> None:
    path = fake_emacs(tmp_path, f"open({str(tmp_path / 'told')!r}, 'w').write(sys.argv[-1])")
    done = sessionls("--install", path=path)
    assert done.returncode == 0 and "(require 'sessionls)" in done.stderr
    assert f'(package-install-file "{PACKAGE / "sessionls.el"}")' in (tmp_path / "told").read_text(encoding="utf-8")


@pytest.mark.skipif(sys.platform == "win32", reason="the fake Emacs is a script")
def test_a_failed_installation_in_emacs_is_explained(tmp_path: Path) -> None:
    done = sessionls("--install", path=fake_emacs(tmp_path, "sys.exit('Package eglot-1.9 is unavailable')"))
    assert done.returncode == 2 and "Package eglot-1.9 is unavailable" in " ".join(done.stderr.split())


def test_a_missing_emacs_is_reported(tmp_path: Path) -> None:
    done = sessionls("--install", path=str(tmp_path))
    assert done.returncode == 2 and "There is no program emacs." in done.stderr
