"""Figures of a video and of a batch."""
