"""The baseline of a first reply: a script that asks the model at the address in `sys.argv` with httpx, and reads the response.

It prints a line when it has the whole response, and ends when its stdin is closed.
"""

from __future__ import annotations

import json
import sys

import httpx

if __name__ == "__main__":
    asked = {"model": "bench", "stream": True, "messages": [{"role": "user", "content": "bench:reply 1"}]}
    with httpx.Client(trust_env=False).stream("POST", f"{sys.argv[1]}/chat/completions", json=asked) as answer:
        texts = [json.loads(line[6:]) for line in answer.iter_lines() if line.startswith("data: {")]
    print(len(texts), flush=True)
    sys.stdin.read()
