"""No input of a repository, a model or a client takes more than about linear time or memory in the server's process."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from hostile_inputs import CASES

SCRIPT = Path(__file__).with_name("hostile_inputs.py")
# Each case takes a second or two. Without protection it would take so long that even a slow machine can tell the difference.
SECONDS = 60
MEMORY = 2 << 30  # bytes


@pytest.mark.parametrize("name", CASES)
def test_every_input_is_processed_in_bounded_time(name: str) -> None:
    limited = (
        f"import resource; resource.setrlimit(resource.RLIMIT_AS, ({MEMORY}, {MEMORY})); " if sys.platform == "linux" else ""
    )
    code = f"{limited}import runpy, sys; sys.argv = [{str(SCRIPT)!r}, {name!r}]; runpy.run_path(sys.argv[0], run_name='__main__')"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=SECONDS, check=False)
    assert (done.returncode, done.stdout) == (0, '"done"'), done.stderr
