"""Real editors with our packages, driven against the tests' model server: `make test-editors`.

Not a part of the tests: it needs Emacs 28 or newer with eglot 1.9. As root on Debian it installs them; elsewhere it says what is
missing. Neovim is a part of the tests.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
PACKAGES = ("emacs-nox", "elpa-eglot")
_HAS_EGLOT = "(kill-emacs (if (require 'eglot nil t) 0 1))"


def has_emacs() -> bool:
    if shutil.which("emacs") is None:
        return False
    folders = Path("/usr/share/emacs/site-lisp/elpa-src").glob("*-[0-9]*")
    paths = [word for folder in folders for word in ("-L", str(folder))]
    return (
        subprocess.run(["emacs", "-Q", "--batch", *paths, "--eval", _HAS_EGLOT], capture_output=True, check=False).returncode == 0
    )


def main() -> int:
    if not has_emacs() and shutil.which("apt-get") and hasattr(os, "geteuid") and os.geteuid() == 0:
        command = ["apt-get", "install", "--yes", "--no-install-recommends", *PACKAGES]
        subprocess.run(command, check=False, env={**os.environ, "DEBIAN_FRONTEND": "noninteractive"})
    if not has_emacs():
        print(f"Emacs with eglot is missing. On Debian: apt-get install {' '.join(PACKAGES)}", file=sys.stderr)
        return 1
    version = subprocess.run(["emacs", "--version"], capture_output=True, text=True, check=True).stdout.splitlines()[0]
    print(version, flush=True)
    tests = ROOT / "editors" / "emacs" / "test"
    return subprocess.run([sys.executable, "-m", "pytest", "-q", str(tests), *sys.argv[1:]], cwd=ROOT, check=False).returncode


if __name__ == "__main__":
    sys.exit(main())
