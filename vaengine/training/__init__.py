"""Datasets from a store, and models that are trained on them."""
