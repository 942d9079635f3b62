"""What connects the workers of a run with its coordinator, its finalizers and its store."""
