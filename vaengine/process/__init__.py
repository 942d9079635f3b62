"""Processes of our own: supervision, signals, their environment."""
