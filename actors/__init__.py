"""What runs in a worker process, as plain classes: decoder, models, finalizer, stores, coordinator."""

# Checked by vaengine/__init__.py: another package of this name must not be taken for ours.
__vaengine__ = True
