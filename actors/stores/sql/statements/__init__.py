"""Statements of the stores: their pages, their inserts, and what each database says in its own way."""
