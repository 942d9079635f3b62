"""Batches that are handed to a server, from Python and by whoever works for it."""
