"""Middleware of the server: who may ask, how often, how slowly, and what is recorded of it."""
