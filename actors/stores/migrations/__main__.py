"""Prints `new_sqlite.sql`, the tables of a new SQLite store, as the migrations make them of nothing."""

from __future__ import annotations

import sys

from sqlalchemy import create_engine

from actors.stores import migrations

_TABLES = """
SELECT sql FROM sqlite_master WHERE sql IS NOT NULL AND name NOT LIKE 'sqlite_%'
AND name NOT IN (SELECT name FROM pragma_table_list WHERE type = 'shadow') ORDER BY rowid
"""  # a virtual table makes its own shadow tables


def script() -> str:
    """The statements that make the tables, by way of an empty database in memory."""
    with create_engine("sqlite://").connect() as connection, connection.begin():
        migrations.upgrade(connection)
        made = [statement for (statement,) in connection.exec_driver_sql(_TABLES)]
    return "\n".join(one.replace(", \n", ",\n").replace("\t", "    ") + ";\n" for one in made)


if __name__ == "__main__":
    sys.stdout.write(script())
