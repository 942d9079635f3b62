"""Addresses of stores: `files:DIR`, `sqlite:///FILE` and `postgresql://...`."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Final, Literal

from schemas.errors import StoreUnreachable
from schemas.paths import absolute_path

FORMS: Final = "files:DIR, sqlite:///FILE or postgresql://USER@HOST/DATABASE"
POSTGRES: Final = ("postgresql", "postgres")


@dataclass(frozen=True, slots=True)
class StoreUrl:
    """Where a store is: an absolute path, a folder for files and a file for SQLite, or the URL of a
    PostgreSQL database.
    """

    kind: Literal["files", "sqlite", "postgresql"]
    place: str

    @classmethod
    def parse(cls, url: str) -> StoreUrl:
        """The address a URL names; raises `StoreUnreachable` for any other form."""
        scheme, _, rest = url.partition(":")
        if scheme == "files" and rest:
            return cls("files", _absolute(rest))
        if scheme == "sqlite" and rest.startswith("///") and len(rest) > len("///"):
            return cls("sqlite", _absolute(rest.removeprefix("///")))
        if scheme.partition("+")[0] in POSTGRES and rest.startswith("//"):
            return cls("postgresql", f"postgresql:{rest}")
        raise StoreUnreachable(without_password(url), f"a store is {FORMS}")

    @property
    def path(self) -> Path:
        """Where on the disk; raises ValueError for a server's."""
        if self.kind == "postgresql":
            raise ValueError("a database on a server has no path")
        return Path(self.place)

    @property
    def shown(self) -> str:
        """The URL without a password."""
        return without_password(self.url)

    @property
    def url(self) -> str:
        return {"files": "files:", "sqlite": "sqlite:///", "postgresql": ""}[self.kind] + self.place


def is_own_server(url: str) -> bool:
    """Whether a URL is that of a server which `vaengine db start` made, and whose password is therefore
    found without being named.
    """
    from sqlalchemy import make_url

    from actors.stores.engines.own_server import own_password

    parts = make_url(url)
    return own_password(parts.host, parts.port, parts.username) is not None


def _absolute(path: str) -> str:
    return str(absolute_path(path))


def without_password(url: str) -> str:
    """The URL as it may be shown: `USER:PASSWORD@` and `?password=` are where a password can be, in that
    of a server alone.
    """
    scheme, slashes, rest = url.partition("://")
    if scheme.partition("+")[0] in ("sqlite", "files") or not slashes:
        return url
    place, mark, query = rest.partition("?")
    authority, slash, name = place.rpartition("/") if "/" in place else (place, "", "")
    user, at, host = authority.rpartition("@")
    shown = "&".join(
        part for part in query.split("&") if not part.lower().startswith(("password=", "sslpassword="))
    )
    return f"{scheme}{slashes}{user.partition(':')[0]}{at}{host}{slash}{name}{mark if shown else ''}{shown}"
