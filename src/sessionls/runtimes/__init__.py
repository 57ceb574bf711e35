"""Who writes a reply: an adapter of `ports/runtime.py` for each kind of writer."""
