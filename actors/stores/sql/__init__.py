"""Queries, one file a family."""
