"""What a store offers, its tables and column types."""
