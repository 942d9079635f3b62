"""Frozen values that travel between processes and are stored: no Ray, no I/O, no model library."""

# vaengine/__init__.py checks this mark: another package of this name must not be taken for ours.
__vaengine__ = True
