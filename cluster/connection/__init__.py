"""Finds a Ray cluster, asks whether it can be used, and says in one line why not."""
