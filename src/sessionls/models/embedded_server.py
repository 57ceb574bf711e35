"""The child process of the embedded model: an OpenAI-compatible server on loopback, as long as its parent lives.

Run as `python -m sessionls.models.embedded_server`. The first line of stdin is `{"path", "key", "window", "threads"}`, the one
line of stdout `{"url"}` or `{"error"}`. It ends when stdin does, which is also when the parent dies.
"""

from __future__ import annotations

import json
import os
import sys
from typing import Any

__all__ = ["main"]

_LONGEST_REPLY = 2048  # tokens: a small model may never find an end


def main() -> None:
    options = json.loads(sys.stdin.buffer.readline())
    # The engine writes to stdout: its output is dropped, our one line goes to the parent.
    out = os.fdopen(os.dup(1), "w", encoding="utf-8")
    nowhere = os.open(os.devnull, os.O_WRONLY)
    os.dup2(nowhere, 1)
    try:
        server = _start(options)
        answer = {"url": str(server.listening_address)}
    except Exception as error:  # noqa: BLE001 (whatever it is, the parent is told)
        answer = {"error": f"{type(error).__name__}: {error}"}
    out.write(json.dumps(answer) + "\n")
    out.flush()
    if "error" not in answer:
        sys.stdin.buffer.read()
    os._exit(0)  # at once: the engine's own shutdown waits for the answer it is writing


def _start(options: dict[str, Any]) -> Any:
    import xllamacpp

    params = xllamacpp.CommonParams()
    params.model.path = options["path"]
    params.hostnames = ["127.0.0.1"]
    params.port = 0
    params.api_keys = [options["key"]]
    params.offline, params.ui, params.verbosity = True, False, 0
    params.n_ctx, params.n_parallel, params.ctx_shift = options["window"], 1, False
    # Long messages are read in small batches: a caller that disconnects is noticed between two of them.
    params.n_batch = params.n_ubatch = 128
    params.n_predict = _LONGEST_REPLY
    params.n_gpu_layers = 0
    # Such a small model tends to loop: use a low temperature and a repetition penalty.
    params.sampling.temp, params.sampling.penalty_repeat, params.sampling.penalty_last_n = 0.3, 1.15, 256
    params.cpuparams.n_threads = params.cpuparams_batch.n_threads = options["threads"]
    return xllamacpp.Server(params)


if __name__ == "__main__":
    main()
