"""The application core: the operations on sessions, and how a reply is written. No LSP, no SQL and no HTTP."""
