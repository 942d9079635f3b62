"""The rivals of the engine: programs that do the same work, for comparison."""
