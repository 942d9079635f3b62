"""Runs batches: the engine, the machines it works on, a run in the foreground or in a process of its own."""
