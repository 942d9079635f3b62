"""Moves the content of a store into another one of any kind, with proof that nothing has changed."""
