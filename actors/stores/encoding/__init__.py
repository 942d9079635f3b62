"""Converts values to rows and JSON documents, and back."""
