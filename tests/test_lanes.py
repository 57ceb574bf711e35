"""`make test` runs its parts in parallel, and its last lines say what failed."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

SCRIPTS = Path(__file__).resolve().parent.parent / "scripts"
RUN = """
import sys
sys.path.insert(0, sys.argv[1])
from pathlib import Path
from lanes import run_lanes
passes = [sys.executable, "-c", "print('all is well')"]
fails = [sys.executable, "-c", "for n in range(100): print('line', n)\\nraise SystemExit('FAILED test_one')"]
sys.exit(run_lanes({"good": passes, "bad": fails}, Path.cwd()))
"""


def test_the_summary_repeats_the_last_lines_of_what_failed(tmp_path: Path) -> None:
    done = subprocess.run([sys.executable, "-c", RUN, str(SCRIPTS)], cwd=tmp_path, capture_output=True, text=True, check=False)
    assert done.returncode == 1
    assert "bad  | line 0\n" in done.stdout and "good | all is well\n" in done.stdout
    summary = done.stdout.partition("The last lines of bad:\n")[2]
    assert summary.startswith("line 71\n") and "line 99\nFAILED test_one\n" in summary
    assert "all is well" not in summary
    assert "ok     good" in summary and "FAILED bad" in summary
    assert done.stderr.startswith("\nFailed: bad.")
