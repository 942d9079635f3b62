"""The machines: the only ray.init, what the nodes offer, and what fits on them."""

__vaengine__ = (
    True  # checked by vaengine/__init__.py: a stranger's package of this name must not be taken for ours
)
