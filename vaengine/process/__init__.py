"""Processes of a command: supervision of a run, signals, the environment of child processes."""
