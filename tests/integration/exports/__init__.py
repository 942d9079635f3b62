"""Exported files, opened by readers that we did not write."""
