"""Kills the server processes whose environment names a folder, or suspends or resumes them, and prints how many there were."""

from __future__ import annotations

import sys

import psutil


def main(folder: str, action: str = "kill") -> None:
    count = 0
    for process in psutil.process_iter():
        try:
            serves = "serve" in process.cmdline() and "sessionls" in " ".join(process.cmdline())
            if serves and folder in process.environ().get("SESSIONLS_DATA_DIR", ""):
                {"kill": process.kill, "suspend": process.suspend, "resume": process.resume}[action]()
                count += 1
        except psutil.Error:  # gone meanwhile, or another person's
            continue
    print(count)


if __name__ == "__main__":
    main(*sys.argv[1:])
