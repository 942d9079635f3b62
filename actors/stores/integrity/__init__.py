"""Checks of a store, its statistics, its backups."""
