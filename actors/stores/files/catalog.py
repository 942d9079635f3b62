"""What concerns the collection as a whole, in files."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from actors.atomic_files import read_object
from actors.stores.encoding import rows
from actors.stores.files.registry import Registry
from schemas.storage.backend import Identity


@dataclass(frozen=True, slots=True)
class FileCatalog:
    """See `backend.transaction.Catalog`; the caller holds the store while it writes."""

    register: Registry

    def setting(self, name: str) -> str | None:
        return self._settings().get(name)

    def _settings(self) -> rows.Row:
        return read_object(self.register.tree.meta) or {}

    def put_setting(self, name: str, value: str) -> None:
        self.register.put(self.register.tree.meta, self._settings() | {name: value}, durable=True)

    def identities(self) -> list[Identity]:
        found = (read_object(self.register.tree.identities) or {}).get("identities", ())
        return [rows.identity_from(row) for row in found]

    def put_identities(self, identities: Sequence[Identity]) -> None:
        value = {"identities": [rows.identity_row(one) for one in identities]}
        self.register.put(self.register.tree.identities, value, durable=True)
