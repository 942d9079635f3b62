"""Model files: which there are, where they are, fetching them, and what may be loaded."""
