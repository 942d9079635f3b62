"""The machines: the session of Ray, what the nodes offer, and what fits on them."""

# vaengine/__init__.py checks this mark: another package of this name must not be taken for ours.
__vaengine__ = True
