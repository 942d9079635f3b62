"""Chooses the models that each pipeline runs with."""
