"""The databases SQLite and PostgreSQL: connections, transactions, locks, backups."""
