"""The PostgreSQL server that `vaengine db start` runs."""
