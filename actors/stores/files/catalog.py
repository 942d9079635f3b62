"""Reads and writes the settings and identities of the whole collection in files."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from actors.atomic_files import read_object
from actors.stores.encoding import rows
from actors.stores.files.registry import Registry
from schemas.storage.backend import Identity


@dataclass(frozen=True, slots=True)
class FileCatalog:
    """See `backend.transaction.Catalog`; the caller has locked the store while it writes."""

    registry: Registry

    def setting(self, name: str) -> str | None:
        return self._settings().get(name)

    def _settings(self) -> rows.Row:
        return read_object(self.registry.layout.meta) or {}

    def put_setting(self, name: str, value: str) -> None:
        self.registry.put(self.registry.layout.meta, self._settings() | {name: value}, durable=True)

    def drop_setting(self, name: str) -> bool:
        kept = self._settings()
        if kept.pop(name, None) is None:
            return False
        self.registry.put(self.registry.layout.meta, kept, durable=True)
        return True

    def settings_below(self, prefix: str) -> dict[str, str]:
        found = sorted(self._settings().items())
        return {name.removeprefix(prefix): value for name, value in found if name.startswith(prefix)}

    def identities(self) -> list[Identity]:
        rows_stored = (read_object(self.registry.layout.identities) or {}).get("identities", ())
        return [rows.identity_from(row) for row in rows_stored]

    def put_identities(self, identities: Sequence[Identity]) -> None:
        value = {"identities": [rows.identity_row(identity) for identity in identities]}
        self.registry.put(self.registry.layout.identities, value, durable=True)
