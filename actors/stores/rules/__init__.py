"""Decisions about jobs and results: pure functions that every store uses."""
