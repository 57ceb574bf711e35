"""The baseline of a language server in Python: unmodified pygls with one request that does nothing."""

from __future__ import annotations

from pygls.lsp.server import LanguageServer

server = LanguageServer("bare", "0")


@server.feature("bench/nothing")
def nothing(_server: LanguageServer, _params: object) -> dict[str, str]:
    return {"nothing": "done"}


if __name__ == "__main__":
    server.start_io()
