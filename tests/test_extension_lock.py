"""The VS Code extension installs the same packages that this repository is tested with."""

from __future__ import annotations

import re
import tomllib
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
LOCK = ROOT / "requirements.lock"
EXTENSION = ROOT / "editors" / "vscode" / "server" / "requirements.txt"
RENEW = "Renew it with `make lock`."


def pins(file: Path) -> dict[str, tuple[str, frozenset[str]]]:
    """The version and the hashes of each package, by its normalized name."""
    text = file.read_text(encoding="utf-8").replace("\\\n", " ")
    found = re.finditer(r"^([\w.-]+)==(\S+)(.*)$", text, re.MULTILINE)
    return {
        normal(name): (version, frozenset(re.findall(r"--hash=(\S+)", rest)))
        for name, version, rest in (m.groups() for m in found)
    }


def normal(name: str) -> str:
    return re.sub(r"[-_.]+", "-", name).lower()


def test_the_lock_file_pins_the_same_releases() -> None:
    locked = pins(LOCK)
    differ = {
        name: (pin[0], locked.get(name, ("nothing",))[0]) for name, pin in pins(EXTENSION).items() if locked.get(name) != pin
    }
    assert not differ, f"{EXTENSION.name} of the extension differs from requirements.lock: {differ}. {RENEW}"


def test_every_pin_has_a_hash() -> None:
    assert all(hashes for _, hashes in pins(EXTENSION).values())


def test_no_runtime_dependency_is_missing() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    wanted = {normal(re.split(r"[^\w.-]", requirement, maxsplit=1)[0]) for requirement in project["dependencies"]}
    missing = wanted - pins(EXTENSION).keys()
    assert wanted and not missing, f"{EXTENSION.name} of the extension lacks {sorted(missing)}. {RENEW}"
