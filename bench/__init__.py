"""Benchmarks of vaengine: `python -m bench <case>`."""
