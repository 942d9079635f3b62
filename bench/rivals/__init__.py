"""The same work without the engine, for comparison."""
