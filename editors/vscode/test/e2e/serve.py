"""Runs `sessionls serve` with the environment in a JSON file: `serve.py ENVIRONMENT_FILE`.

The file's name stays in VS Code's settings, so that a test file can restart the server with another environment.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path


def main(file: str) -> None:
    environment = {**os.environ, **json.loads(Path(file).read_text(encoding="utf-8"))}
    command = [sys.executable, "-m", "sessionls", "serve"]
    if os.name == "nt":  # no exec there: the caller would think that the server ended
        sys.exit(subprocess.run(command, env=environment, check=False).returncode)
    os.execve(sys.executable, command, environment)


if __name__ == "__main__":
    main(sys.argv[1])
