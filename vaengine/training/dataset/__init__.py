"""Datasets: which pictures are taken, how they are split, and their files."""
