"""What vaengine costs, measured: `python -m bench <case>`."""
