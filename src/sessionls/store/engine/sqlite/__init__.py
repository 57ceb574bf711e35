"""SQLite: one file with a write-ahead log, shared by the processes of one machine."""
