"""The editor's door: sessions over the Language Server Protocol. The only room that knows pygls and lsprotocol."""
