"""Whether an address can be reached at all, before anything is fetched from it."""

from __future__ import annotations

import socket
import threading
import urllib.request
from typing import Final
from urllib.parse import urlsplit

PORTS: Final = {"https": 443, "http": 80}


def reachable(url: str, seconds: float = 2.0, *, offline: bool = False) -> bool:
    """Whether the host of `url`, or the proxy on the way to it, accepts a connection; nothing is sent.

    False at once when `offline`.
    """
    if offline:
        return False
    answers: list[bool] = []
    endpoint = _endpoint(url)
    thread = threading.Thread(target=lambda: answers.append(_connects(endpoint, seconds)), daemon=True)
    thread.start()
    thread.join(seconds)  # a look-up of a name knows no time limit
    return bool(answers and answers[0])


def _endpoint(url: str) -> tuple[str, int]:
    """Host and port that a request for `url` would go to."""
    parts = urlsplit(url)
    proxy = urllib.request.getproxies().get(parts.scheme)
    if proxy and parts.hostname and not urllib.request.proxy_bypass(parts.hostname):
        parts = urlsplit(proxy if "//" in proxy else f"http://{proxy}")
    return parts.hostname or "", parts.port or PORTS.get(parts.scheme, 0)


def _connects(endpoint: tuple[str, int], seconds: float) -> bool:
    try:
        with socket.create_connection(endpoint, timeout=seconds):
            return True
    except OSError:
        return False
