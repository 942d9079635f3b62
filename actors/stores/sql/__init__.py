"""What a transaction offers, in SQLAlchemy; questions by name lie here as `.sql` files."""
