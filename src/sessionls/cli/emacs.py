"""Installs the Emacs package, which is part of this package."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

from sessionls.cli.terminal import UsageError

__all__ = ["install", "package_file"]

_SECONDS = 120.0
# A package's dependencies come with Emacs, or from the archives that the user has set up.
_INSTALL = """(progn (require 'package) (package-initialize)
  (let ((old (assq 'sessionls package-alist)))
    (when old (mapc (lambda (one) (package-delete one t)) (cdr old))))
  (package-install-file {file}))"""


def package_file() -> Path:
    """The package's file, in the installed package or in the checkout. Raises `UsageError` if there is none."""
    package = Path(__file__).resolve().parent.parent
    for folder in (package / "editors" / "emacs", package.parent.parent / "editors" / "emacs"):
        if (folder / "sessionls.el").is_file():
            return folder / "sessionls.el"
    raise UsageError("This installation does not include the Emacs package.", "Reinstall sessionls from a wheel.")


def install(file: Path) -> None:
    """Have Emacs install the package, in place of an older version. Raises `UsageError` if it cannot."""
    emacs = shutil.which("emacs")
    if emacs is None:
        raise UsageError(
            "There is no program emacs.",
            f"Install Emacs, or put {file.parent} on its load-path (see sessionls editor emacs --print).",
        )
    name = '"' + str(file).replace("\\", "\\\\").replace('"', '\\"') + '"'
    try:
        done = subprocess.run(  # noqa: S603  # the arguments are ours
            [emacs, "--batch", "--eval", _INSTALL.format(file=name)],
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            errors="replace",
            timeout=_SECONDS,
            check=False,
        )
    except (OSError, subprocess.TimeoutExpired) as error:
        raise UsageError(f"Emacs did not install the package: {error}", "Try it again.") from None
    if done.returncode != 0:
        reason = "\n".join(done.stderr.strip().splitlines()[-3:])
        raise UsageError(f"Emacs did not install the package: {reason}", f"Put {file.parent} on its load-path instead.")
