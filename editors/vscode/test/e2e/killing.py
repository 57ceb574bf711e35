"""Kills the server processes whose environment names a folder, or suspends them, and prints how many there were."""

from __future__ import annotations

import sys

import psutil


def main(folder: str, action: str = "kill") -> None:
    count = 0
    for process in psutil.process_iter():
        try:
            serves = "serve" in process.cmdline() and "sessionls" in " ".join(process.cmdline())
            if serves and folder in process.environ().get("SESSIONLS_DATA_DIR", ""):
                process.suspend() if action == "suspend" else process.kill()
                count += 1
        except psutil.Error:  # gone meanwhile, or another person's
            continue
    print(count)


if __name__ == "__main__":
    main(*sys.argv[1:])
