"""The heart: what a session is and what can be done with one. No LSP, no SQL, no HTTP in here."""
