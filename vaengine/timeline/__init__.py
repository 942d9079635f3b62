"""Lanes of a timeline: one model for videos, plots and the notebook card."""
