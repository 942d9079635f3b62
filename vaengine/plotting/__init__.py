"""Plots of one video and of a batch, drawn by matplotlib."""
