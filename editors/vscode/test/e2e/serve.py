"""Runs `sessionls serve` with the environment in a JSON file: `serve.py ENVIRONMENT_FILE`.

The file's name stays in VS Code's settings, so that a test file can restart the server with another environment.
While there is a file `hold` beside it, the server does not start: a test looks meanwhile at what VS Code shows.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from pathlib import Path


def main(file: str) -> None:
    hold = Path(file).with_name("hold")
    while hold.exists():
        time.sleep(0.05)
    environment = {**os.environ, **json.loads(Path(file).read_text(encoding="utf-8"))}
    command = [sys.executable, "-m", "sessionls", "serve"]
    if os.name == "nt":  # no exec there: the caller would think that the server ended
        sys.exit(subprocess.run(command, env=environment, check=False).returncode)
    os.execve(sys.executable, command, environment)


if __name__ == "__main__":
    main(sys.argv[1])
