"""Stores and rows as runs and older versions leave them."""
