"""Opens either end of a transfer by its URL."""

from __future__ import annotations

from actors.transfer.endpoint import Side


def open_side(url: str, *, read_only: bool) -> Side:
    """The store at an address; raises what `open_store` raises."""
    from actors.stores.engines.address import Address

    address = Address.parse(url)
    if address.kind == "files":
        from actors.transfer.files_endpoint import FilesSide

        return FilesSide(address.path, read_only=read_only)
    from actors.transfer.database_endpoint import DatabaseSide

    if address.kind == "postgresql":
        from actors.stores.engines.postgres import PostgresDatabase

        return DatabaseSide(PostgresDatabase(address.url, read_only=read_only), "postgresql")
    from actors.stores.engines.sqlite import SQLiteDatabase

    return DatabaseSide(SQLiteDatabase(address.path, read_only=read_only), "sqlite")
