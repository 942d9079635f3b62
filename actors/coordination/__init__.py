"""The coordinator of a run, and the links by which workers reach it, the finalizers and the store."""
