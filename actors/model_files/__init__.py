"""Locates, checks and fetches model files, and keeps libraries from fetching them."""
