"""Addresses of a cluster: HOST:PORT of its control store, ray://HOST:PORT, or the URL of its job server."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final, Literal
from urllib.parse import urlsplit

from schemas.errors import ClusterUnreachable

Kind = Literal["control store", "Ray Client", "job server"]
CONTROL_STORE: Final = "control store"
RAY_CLIENT: Final = "Ray Client"
JOB_SERVER: Final = "job server"

_KINDS: Final[dict[str, Kind]] = {
    "": CONTROL_STORE,
    "ray": RAY_CLIENT,
    "http": JOB_SERVER,
    "https": JOB_SERVER,
}
_PORTS: Final[dict[str, int]] = {"": 6379, "ray": 10001, "http": 8265, "https": 443}  # Ray's defaults
LOOPBACK: Final = ("127.", "localhost", "::1")


@dataclass(frozen=True, slots=True)
class ClusterAddress:
    """A server of a cluster. `scheme` is "" for the control store (GCS), "ray", "http" or "https"."""

    scheme: str
    host: str
    port: int

    @classmethod
    def parse(cls, text: str) -> ClusterAddress:
        """Raises `ClusterUnreachable` for what is no address; a missing port is Ray's default."""
        scheme, separator, rest = text.strip().partition("://")
        scheme, rest = (scheme.lower(), rest) if separator else ("", scheme)
        if scheme not in _KINDS:
            raise ClusterUnreachable(
                text,
                f"{scheme}:// is unknown; give HOST:PORT, ray://HOST:PORT, or auto for the one that runs",
            )
        try:
            parts = urlsplit(f"//{rest}")
            host, port = parts.hostname, _PORTS[scheme] if parts.port is None else parts.port
        except ValueError:  # a port that is none
            host, port = None, 0
        if not host or not port or any(letter.isspace() for letter in host):
            raise ClusterUnreachable(text, "that is no address; give HOST:PORT, such as 10.0.0.1:6379")
        return cls(scheme, host, port)

    @property
    def kind(self) -> Kind:
        return _KINDS[self.scheme]

    @property
    def target(self) -> str:
        """HOST:PORT, an IPv6 address in brackets."""
        return f"[{self.host}]:{self.port}" if ":" in self.host else f"{self.host}:{self.port}"

    @property
    def is_loopback(self) -> bool:
        return self.host.startswith(LOOPBACK)

    def __str__(self) -> str:
        return f"{self.scheme}://{self.target}" if self.scheme else self.target
