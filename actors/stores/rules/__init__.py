"""Decisions about jobs and results, pure."""
