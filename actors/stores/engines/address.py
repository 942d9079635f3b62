"""Parses addresses of stores: `files:DIR`, `sqlite:///FILE` and `postgresql://...`."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Final, Literal

from schemas.errors import StoreUnreachable
from schemas.paths import absolute_path

FORMS: Final = "files:DIR, sqlite:///FILE or postgresql://USER@HOST/DATABASE"
POSTGRES_SCHEMES: Final = ("postgresql", "postgres")


@dataclass(frozen=True, slots=True)
class StoreUrl:
    """The address of a store."""

    kind: Literal["files", "sqlite", "postgresql"]
    location: str  # absolute path of the folder or of the SQLite file, or the URL of a PostgreSQL database

    @classmethod
    def parse(cls, url: str) -> StoreUrl:
        """Parses a URL; raises `StoreUnreachable` for any other form."""
        scheme, _, rest = url.partition(":")
        if scheme == "files" and rest:
            return cls("files", _absolute(rest))
        if scheme == "sqlite" and rest.startswith("///") and len(rest) > len("///"):
            return cls("sqlite", _absolute(rest.removeprefix("///")))
        if scheme.partition("+")[0] in POSTGRES_SCHEMES and rest.startswith("//"):
            return cls("postgresql", f"postgresql:{rest}")
        raise StoreUnreachable(without_password(url), f"a store is {FORMS}")

    @property
    def path(self) -> Path:
        """The path on the disk; raises ValueError for a database on a server."""
        if self.kind == "postgresql":
            raise ValueError("a database on a server has no path")
        return Path(self.location)

    @property
    def display_url(self) -> str:
        """The URL without a password."""
        return without_password(self.url)

    @property
    def url(self) -> str:
        return {"files": "files:", "sqlite": "sqlite:///", "postgresql": ""}[self.kind] + self.location


def is_own_server(url: str) -> bool:
    """Whether a URL is that of a server that `vaengine db start` made: its password need not be specified."""
    from sqlalchemy import make_url

    from actors.stores.engines.own_server import own_password

    parts = make_url(url)
    return own_password(parts.host, parts.port, parts.username) is not None


def _absolute(path: str) -> str:
    return str(absolute_path(path))


def without_password(url: str) -> str:
    """The URL without a password, to be shown.

    Only the URL of a server has one, in `USER:PASSWORD@` or in `?password=`.
    """
    scheme, slashes, rest = url.partition("://")
    if scheme.partition("+")[0] in ("sqlite", "files") or not slashes:
        return url
    location, mark, query = rest.partition("?")
    authority, slash, name = location.rpartition("/") if "/" in location else (location, "", "")
    user, at, host = authority.rpartition("@")
    options = "&".join(
        part for part in query.split("&") if not part.lower().startswith(("password=", "sslpassword="))
    )
    return (
        f"{scheme}{slashes}{user.partition(':')[0]}{at}{host}{slash}{name}{mark if options else ''}{options}"
    )
