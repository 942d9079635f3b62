"""Keeps Python code on this machine: names and addresses beyond it are refused and told.

A datagram socket may be connected anywhere, since that sends nothing (Ray asks the system for its own address
that way), but not sent from. Native code that opens sockets by itself (Ray's own servers, which stay on this
machine) is not seen.
"""

from __future__ import annotations

import socket
from collections.abc import Callable
from typing import Any

LOOPBACK = ("localhost", "127.", "::1", "0.0.0.0", "::ffff:127.")

Tell = Callable[[str], None]
Call = Callable[..., Any]


def own_names() -> frozenset[str]:
    """What this machine calls itself: Ray's processes talk to each other by the machine's own address."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
        try:
            probe.connect(
                ("192.0.2.1", 9)
            )  # an address for documentation; picks the route's own address, sends nothing
        except OSError:
            return frozenset({socket.gethostname()})  # no route at all: nothing else to be called
        return frozenset({socket.gethostname(), probe.getsockname()[0]})


OWN = own_names()


def is_here(host: object) -> bool:
    name = host.decode() if isinstance(host, bytes) else str(host or "")
    return not name or name in OWN or name.startswith(LOOPBACK)


def guarded_connect(call: Call, tell: Tell) -> Call:
    def connect(self: socket.socket, address: Any) -> Any:
        if self.family != socket.AF_UNIX and self.type != socket.SOCK_DGRAM and not is_here(address[0]):
            tell(f"connect {address}")
            raise ConnectionRefusedError(f"no network in this test: {address}")
        return call(self, address)

    return connect


def guarded_sendto(call: Call, tell: Tell) -> Call:
    def sendto(self: socket.socket, data: Any, *rest: Any) -> Any:
        if self.family != socket.AF_UNIX and not is_here(rest[-1][0]):
            tell(f"send to {rest[-1]}")
            raise ConnectionRefusedError(f"no network in this test: {rest[-1]}")
        return call(self, data, *rest)

    return sendto


def guarded_getaddrinfo(call: Call, tell: Tell) -> Call:
    def getaddrinfo(host: Any, *rest: Any, **options: Any) -> Any:
        if not is_here(host):
            tell(f"resolve {host!r}")
            raise socket.gaierror(socket.EAI_NONAME, f"no network in this test: {host!r}")
        return call(host, *rest, **options)

    return getaddrinfo


def guarded(tell: Tell) -> list[tuple[object, str, Call]]:
    """What to put where, as (owner, attribute, replacement)."""
    return [
        (socket.socket, "connect", guarded_connect(socket.socket.connect, tell)),
        (socket.socket, "connect_ex", guarded_connect(socket.socket.connect_ex, tell)),
        (socket.socket, "sendto", guarded_sendto(socket.socket.sendto, tell)),
        (socket, "getaddrinfo", guarded_getaddrinfo(socket.getaddrinfo, tell)),
    ]
