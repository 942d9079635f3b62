"""Queries as frozen values: the document, its compiler to SQL, and the intervals that check the answers."""
