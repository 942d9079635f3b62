"""SQLite and PostgreSQL: connections, transactions, backups."""
