"""Checks a store, counts what is in it, and backs it up."""
