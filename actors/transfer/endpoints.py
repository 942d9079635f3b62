"""Opens an endpoint of a transfer by its URL."""

from __future__ import annotations

from actors.transfer.endpoint import Endpoint


def open_endpoint(url: str, *, read_only: bool) -> Endpoint:
    """The store at an address; raises what `open_store` raises."""
    from actors.stores.engines.address import StoreUrl

    address = StoreUrl.parse(url)
    if address.kind == "files":
        from actors.transfer.files_endpoint import FilesEndpoint

        return FilesEndpoint(address.path, read_only=read_only)
    from actors.transfer.database_endpoint import DatabaseEndpoint

    if address.kind == "postgresql":
        from actors.stores.engines.postgres import PostgresDatabase

        return DatabaseEndpoint(PostgresDatabase(address.url, read_only=read_only), "postgresql")
    from actors.stores.engines.sqlite import SQLiteDatabase

    return DatabaseEndpoint(SQLiteDatabase(address.path, read_only=read_only), "sqlite")
