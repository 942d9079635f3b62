"""What a server is told at its start, as one frozen value."""

from __future__ import annotations

import ipaddress
from dataclasses import dataclass, field
from typing import Final

from actors.stores.engines.address import StoreUrl, without_password
from schemas.errors import InvalidSetting
from vaengine.server.rate_limits import RateLimits

DEFAULT_HOST: Final = "127.0.0.1"
DEFAULT_PORT: Final = 8321
LOCAL_NAMES: Final = ("127.0.0.1", "localhost", "::1")
MIN_TOKEN_LENGTH: Final = 16  # characters
MAX_UPLOAD_BYTES: Final = 4 * 2**30


@dataclass(frozen=True, slots=True)
class ServerSettings:
    """A server's store, address and rules of access.

    `out` is the folder that results of submitted batches are written to, and uploads are kept in. The server
    answers requests whose `Host` names one of `allowed_hosts`, this machine or, on an address of the network,
    any number of it. `allowed_origins` are further origins of pages that may ask, `https://lab.example.org`.
    Every write and every query needs the token; with `token_for_reads` every read needs it too, and off the
    loopback it always does. A `read_only` server refuses every write to the store. `limits` say how often one
    address may ask. A body that pauses for more than `max_body_pause_s`, or is slower as a whole than
    `min_body_bytes_per_second`, is given up. Raises `InvalidSetting`, `StoreUnreachable`.
    """

    store_url: str
    out: str
    token: str
    host: str = DEFAULT_HOST
    port: int = DEFAULT_PORT
    allowed_hosts: tuple[str, ...] = ()
    allowed_origins: tuple[str, ...] = ()
    token_for_reads: bool = False
    read_only: bool = False
    max_upload_bytes: int = MAX_UPLOAD_BYTES
    limits: RateLimits = field(default_factory=RateLimits)
    max_body_pause_s: float = 60.0
    min_body_bytes_per_second: int = 500

    def __post_init__(self) -> None:
        StoreUrl.parse(self.store_url)
        if len(self.token) < MIN_TOKEN_LENGTH or not self.token.isascii() or not self.token.isprintable():
            raise InvalidSetting("token", "***", f"give {MIN_TOKEN_LENGTH} or more letters and digits")
        if not 0 <= self.port <= 65535:
            raise InvalidSetting("port", self.port, "a port is a number from 0 to 65535")
        if self.max_upload_bytes < 0:
            raise InvalidSetting("max_upload_bytes", self.max_upload_bytes, "a size is 0 or more bytes")
        for name in ("max_body_pause_s", "min_body_bytes_per_second"):
            if getattr(self, name) <= 0:
                raise InvalidSetting(name, getattr(self, name), "a limit is more than 0")

    def __repr__(self) -> str:
        return f"ServerSettings({without_password(self.store_url)!r}, {self.host!r}, {self.port})"

    @property
    def is_local(self) -> bool:
        """Whether only this machine can reach the server."""
        return self.host in LOCAL_NAMES

    @property
    def reads_need_token(self) -> bool:
        """Whether reads need the token too."""
        return self.token_for_reads or not self.is_local

    def allows_host(self, name: str) -> bool:
        """Whether a request may name the server so; `name` is without a port.

        A number of the network is no name that somebody else's name server could have led here.
        """
        known = {*LOCAL_NAMES, self.host.lower(), *(host.lower() for host in self.allowed_hosts)}
        return name.lower() in known or (not self.is_local and _is_number(name))


def _is_number(name: str) -> bool:
    try:
        ipaddress.ip_address(name)
    except ValueError:
        return False
    return True
