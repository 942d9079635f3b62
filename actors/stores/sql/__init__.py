"""The parts of a transaction, in SQLAlchemy, and the named queries as `.sql` files."""
