"""Plots of one video and of a whole batch, drawn by matplotlib."""
