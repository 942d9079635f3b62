"""The store in files."""
