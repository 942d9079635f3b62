"""Frozen values that travel between processes and are stored: no Ray, no I/O, no model library."""

__vaengine__ = (
    True  # checked by vaengine/__init__.py: a stranger's package of this name must not be taken for ours
)
