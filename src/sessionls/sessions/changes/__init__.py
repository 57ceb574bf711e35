"""Changes that agents made to files, and reverting them."""
