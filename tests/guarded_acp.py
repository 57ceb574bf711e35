"""`sessionls acp`, in which sessionls blocking its event loop is an error."""

import sys

from blockbuster import BlockBuster

from sessionls.acp_agent.app import main

if __name__ == "__main__":
    guard = BlockBuster("sessionls")
    # litellm asks whether SSL_CERT_FILE, where it is set, exists.
    guard.functions["os.stat"].can_block_in(
        "litellm/llms/custom_httpx/http_handler.py", {"get_ssl_configuration", "get_ssl_verify"}
    )
    guard.activate()
    main(trust="--trust" in sys.argv)
