"""The calls of a store, written once over the narrow transaction that files and databases offer."""
