"""The store's calls, written once over the narrow transaction that files and databases offer."""
