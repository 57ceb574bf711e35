"""The small model that needs no key and no network: SmolLM2-135M in a child process of our own."""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import secrets
import subprocess
import sys
import threading
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from sessionls.domain.errors import ModelUnavailable
from sessionls.environment import child_environment
from sessionls.models import weights

__all__ = ["WINDOW", "Address", "Embedded"]

WINDOW = 8192  # tokens: what SmolLM2 was trained with
_LOAD_TIMEOUT = 90.0  # seconds to load 100 MB on a slow machine
_THREADS = 8  # more do not help a model of this size


@dataclass(frozen=True, slots=True)
class Address:
    """Where the running model answers (`base` ends in /v1), and the key it wants."""

    base: str
    key: str


class Embedded:
    """Starts the model on first use, once for all callers, and again if it died. Belongs to one event loop."""

    def __init__(self, data_dir: Path | None = None, environ: Mapping[str, str] = os.environ) -> None:
        self._data_dir = data_dir
        self._environ = environ
        self._process: subprocess.Popen[bytes] | None = None
        self._address: Address | None = None
        self._starting: asyncio.Task[Address] | None = None
        self._closed = False

    @property
    def model(self) -> str:
        """Its name: `embedded/smollm2-135m`, or `embedded/` and the name of the file that SESSIONLS_EMBEDDED_MODEL names."""
        named = self._environ.get("SESSIONLS_EMBEDDED_MODEL")
        return f"embedded/{Path(named).stem.lower()}" if named else "embedded/smollm2-135m"

    def problem(self) -> ModelUnavailable | None:
        """What the model lacks before it can answer. Reads the file system: call it in a thread."""
        if not weights.has_engine():
            return self._unavailable(
                "The embedded model's engine is not installed.", 'Install it: pip install "sessionls[local]"', reason="noModel"
            )
        if weights.find_weights(self._data_dir, self._environ) is None:
            if self._environ.get("SESSIONLS_EMBEDDED_MODEL"):
                hint = "Correct or unset SESSIONLS_EMBEDDED_MODEL: the file does not exist."
            else:
                hint = "Get them (93 MB): sessionls doctor --fetch-model"
            return self._unavailable("The embedded model's weights are missing.", hint, reason="noModel")
        return None

    async def address(self) -> Address:
        """The model's address; starts the model if it is not running. Raises `ModelUnavailable`."""
        if self._address is not None and self._process is not None and self._process.poll() is None:
            return self._address
        if self._starting is None:
            self._starting = asyncio.create_task(self._start(), name="embedded model")
            self._starting.add_done_callback(self._started)
        return await asyncio.shield(self._starting)

    async def close(self) -> None:
        """End the model."""
        self._closed = True
        if self._starting is not None:
            await asyncio.gather(self._starting, return_exceptions=True)
        await asyncio.to_thread(self._end)

    def _started(self, starting: asyncio.Task[Address]) -> None:
        self._starting = None
        if not starting.cancelled():
            starting.exception()  # callers that wait get the error; without a caller nobody needs it

    async def _start(self) -> Address:
        address = await asyncio.to_thread(self._launch)
        if self._closed:
            await asyncio.to_thread(self._end)
            raise self._unavailable("The embedded model was stopped.", "Send the message again.")
        self._address = address
        return address

    def _launch(self) -> Address:
        """Start the child and wait until it answers. Blocks."""
        self._end()
        if (problem := self.problem()) is not None:
            raise problem
        path = weights.find_weights(self._data_dir, self._environ)
        key = secrets.token_urlsafe(24)
        threads = min(_THREADS, max(1, (os.cpu_count() or 2) - 1))
        options = {"path": str(path), "key": key, "window": WINDOW, "threads": threads}
        try:
            # -P: a file in the current folder, which may be untrusted, must not shadow a module.
            process = subprocess.Popen(
                [sys.executable, "-P", "-m", "sessionls.models.embedded_server"],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=subprocess.DEVNULL,
                env=child_environment(),
                creationflags=getattr(subprocess, "CREATE_NO_WINDOW", 0),
            )
        except OSError as error:
            raise self._unavailable("The embedded model could not be started.", "Choose another model.") from error
        self._process = process
        answer = self._ask(process, options)
        if not isinstance(answer.get("url"), str):
            self._end()
            raise self._failed(str(answer.get("error", "")))
        return Address(answer["url"].rstrip("/") + "/v1", key)

    def _ask(self, process: subprocess.Popen[bytes], options: Mapping[str, Any]) -> dict[str, Any]:
        """Send the child what to load and read its address; an empty object if it ends or takes too long."""
        assert process.stdin is not None and process.stdout is not None
        kill_timer = threading.Timer(_LOAD_TIMEOUT, process.kill)
        kill_timer.daemon = True
        kill_timer.start()
        try:
            process.stdin.write(json.dumps(options).encode() + b"\n")
            process.stdin.flush()
            answer = json.loads(process.stdout.readline() or b"{}")
        except (OSError, ValueError):
            return {}
        finally:
            kill_timer.cancel()
        return answer if isinstance(answer, dict) else {}

    def _end(self) -> None:
        process, self._process, self._address = self._process, None, None
        if process is None:
            return
        with contextlib.suppress(OSError):
            process.kill()
        process.wait()
        for pipe in (process.stdin, process.stdout):
            if pipe is not None:
                with contextlib.suppress(OSError):
                    pipe.close()

    def _failed(self, error: str) -> ModelUnavailable:
        hint = "Try again, or choose another model: set a provider's key, or start Ollama."
        if "libgomp" in error:
            hint = "Install the OpenMP runtime: libgomp1 on Debian and Ubuntu, libgomp on Fedora."
        elif "ImportError" in error or "ModuleNotFoundError" in error:
            hint = 'Reinstall its engine: pip install --force-reinstall "sessionls[local]"'
        return self._unavailable("The embedded model could not be loaded.", hint)

    def _unavailable(self, message: str, hint: str, *, reason: str = "provider") -> ModelUnavailable:
        return ModelUnavailable(message, hint=hint, reason=reason, model=self.model)
