"""Runs of the engine and of the command, and terminals around them."""
