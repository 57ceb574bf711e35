"""No input of a repository, a model or a client takes more than about linear time or memory in the server's process."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from hostile_inputs import CASES

SCRIPT = Path(__file__).with_name("hostile_inputs.py")
# Most cases take a second or two, all less than half of this. Without protection they would take many times as long.
SECONDS = 60  # of processor time where that can be limited, so that a busy machine does not matter
PATIENCE = 600  # seconds
MEMORY = 2 << 30  # bytes


@pytest.mark.timeout(PATIENCE + 60)
@pytest.mark.parametrize("name", CASES)
def test_every_input_is_processed_in_bounded_time(name: str) -> None:
    limited = (
        f"import resource; resource.setrlimit(resource.RLIMIT_AS, ({MEMORY}, {MEMORY})); "
        f"resource.setrlimit(resource.RLIMIT_CPU, ({SECONDS}, {SECONDS})); "
        if sys.platform == "linux"
        else ""
    )
    patience = PATIENCE if limited else SECONDS
    code = f"{limited}import runpy, sys; sys.argv = [{str(SCRIPT)!r}, {name!r}]; runpy.run_path(sys.argv[0], run_name='__main__')"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=patience, check=False)
    assert (done.returncode, done.stdout) == (0, '"done"'), done.stderr
