"""The same work without the engine."""
