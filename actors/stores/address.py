"""Addresses of stores: `files:DIR` and `sqlite:///FILE`."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Final, Literal

from schemas.errors import StoreUnreachable

FORMS: Final = "files:DIR or sqlite:///FILE"


@dataclass(frozen=True, slots=True)
class Address:
    """Where a store is; `path` is absolute, a folder for files and a file for SQLite."""

    kind: Literal["files", "sqlite"]
    path: Path

    @classmethod
    def parse(cls, url: str) -> Address:
        """The address a URL names; raises `StoreUnreachable` for any other form."""
        scheme, _, rest = url.partition(":")
        if scheme == "files" and rest:
            return cls("files", Path(rest).expanduser().absolute())
        if scheme == "sqlite" and rest.startswith("///") and len(rest) > len("///"):
            return cls("sqlite", Path(rest.removeprefix("///")).expanduser().absolute())
        if scheme.partition("+")[0] in ("postgresql", "postgres"):
            raise StoreUnreachable(without_password(url), "PostgreSQL is not available yet in this version; use sqlite:/// or files:")
        raise StoreUnreachable(without_password(url), f"a store is {FORMS}")

    @property
    def url(self) -> str:
        return f"files:{self.path}" if self.kind == "files" else f"sqlite:///{self.path}"


def without_password(url: str) -> str:
    """The URL as it may be shown."""
    scheme, slashes, rest = url.partition("://")
    user, at, host = rest.rpartition("@")
    return f"{scheme}{slashes}{user.partition(':')[0]}{at}{host}"
