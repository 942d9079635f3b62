"""Where results are kept: one address, one interface, several kinds of store."""

from __future__ import annotations

from schemas.store import StorageBackend


def open_store(url: str, *, read_only: bool = False) -> StorageBackend:
    """The store at `files:DIR`, `sqlite:///FILE` or `postgresql://...`, made if need be.

    With `read_only` nothing is created or changed, and a missing store raises `NotFound`. Raises `StoreUnreachable` for an address that
    cannot be used, naming cause and cure.
    """
    from actors.stores.address import Address

    address = Address.parse(url)
    if address.kind == "files":
        from actors.stores.files import FileStorageBackend

        return FileStorageBackend(address.path, read_only=read_only)
    if address.kind == "postgresql":
        from actors.stores.postgres import PostgreSQLStorageBackend

        return PostgreSQLStorageBackend(address.url, read_only=read_only)
    from actors.stores.sqlite import SQLiteStorageBackend

    return SQLiteStorageBackend(address.path, read_only=read_only)
