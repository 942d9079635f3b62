"""Models fitted to this machine, pipeline by pipeline: what carries each out, where its file is, and whether it will do."""
