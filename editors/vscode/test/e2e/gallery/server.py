"""Runs `sessionls serve` as a JSON file says: `server.py FILE`.

`environment` in the file (null removes a variable), and `state`: `ready`, `starting` (waits for a change) or `broken` (ends).
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from pathlib import Path


def main(file: str) -> None:
    while (options := json.loads(Path(file).read_text(encoding="utf-8")))["state"] == "starting":
        time.sleep(0.1)
    if options["state"] == "broken":
        sys.exit("This server is broken.")
    changed = {**os.environ, **options["environment"]}
    environment = {name: value for name, value in changed.items() if value is not None}
    command = [sys.executable, "-m", "sessionls", "serve"]
    if os.name == "nt":  # no exec there: the caller would think that the server ended
        sys.exit(subprocess.run(command, env=environment, check=False).returncode)
    os.execve(sys.executable, command, environment)


if __name__ == "__main__":
    main(sys.argv[1])
