"""The coordinator, what is in flight, and clients of a run's actors."""
