"""Queries as statements of SQLAlchemy Core, for SQLite and PostgreSQL."""
