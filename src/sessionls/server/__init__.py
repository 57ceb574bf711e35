"""The language server: sessions over the Language Server Protocol. Only this package imports pygls and lsprotocol."""
