"""Runs batches: the engine, its run loop, the actors of a run, and what executes passes."""
