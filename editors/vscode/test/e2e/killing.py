"""Kills the server processes whose environment names a folder, or suspends them, and prints how many there were."""

from __future__ import annotations

import sys

import psutil


def main(folder: str, how: str = "kill") -> None:
    found = 0
    for process in psutil.process_iter():
        try:
            serves = "serve" in process.cmdline() and "sessionls" in " ".join(process.cmdline())
            if serves and folder in process.environ().get("SESSIONLS_DATA_DIR", ""):
                process.suspend() if how == "suspend" else process.kill()
                found += 1
        except psutil.Error:  # gone meanwhile, or another person's
            continue
    print(found)


if __name__ == "__main__":
    main(*sys.argv[1:])
