"""Clips that are rendered for tests, damaged files, small models, and what reads them."""
