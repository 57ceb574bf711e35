"""Runtimes, which write replies: one adapter of `ports/runtime.py` for each kind."""
