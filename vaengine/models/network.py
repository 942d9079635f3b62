"""One attempt to get a file, or the rest of one, over HTTP: proxies and certificates as the environment
says.
"""

from __future__ import annotations

import http.client
import socket
import ssl
import threading
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Final
from urllib.parse import urlsplit

PIECE: Final = 256 * 1024  # bytes read at once
PASSING: Final = (408, 425, 429, 500, 502, 503, 504)  # answers that may be others a moment later
OTHER_FILE: Final = (412, 416)  # there is no such rest: the file is not the one that was begun
PORTS: Final = {"https": 443, "http": 80}


class Passing(Exception):
    """A fault that may be gone at the next attempt."""


class Refused(Exception):
    """A fault that another attempt would meet again."""


@dataclass(frozen=True, slots=True)
class Part:
    """What the beginning of a file belongs to: `validator` is its ETag or date, empty where the server
    gives none; `total` is in bytes.
    """

    url: str
    validator: str
    total: int


@dataclass(frozen=True, slots=True)
class Answer:
    """`at` is the offset of the first byte that `read` gives, None where the rest cannot be had; `total`
    bytes is None if untold.
    """

    url: str
    at: int | None
    total: int | None
    validator: str
    read: Callable[[], bytes]


@contextmanager
def asked(url: str, part: Part | None, have: int, timeout_s: float) -> Iterator[Answer]:
    """Ask for a file, or for its rest where `have` bytes of `part` are here; raises `Passing` and `Refused`,
    and so does `read`.

    The rest is only asked for together with the validator (RFC 9110, 13.1.5), and only believed if the server
    says which rest it is.
    """
    request = urllib.request.Request(url, headers={"User-Agent": "vaengine", **resumption(part, url, have)})
    with _opened(request, timeout_s) as response:
        length = response.headers.get("Content-Length", "")
        at = _offset(response, part, have)
        total = at + int(length) if at is not None and length.isdecimal() else None
        yield Answer(response.url, at, total, _validator(response), lambda: _piece(response))


def resumption(part: Part | None, url: str, have: int) -> dict[str, str]:
    """Headers that ask for the rest of the same file; without a validator it could be another one, so
    then none.
    """
    if part is None or part.url != url or not part.validator or not have:
        return {}
    return {"Range": f"bytes={have}-", "If-Range": part.validator}


def _opened(
    request: urllib.request.Request, timeout_s: float
) -> http.client.HTTPResponse | urllib.error.HTTPError:
    try:
        return urllib.request.build_opener().open(request, timeout=timeout_s)  # type: ignore[no-any-return]  # proxies as they are now
    except urllib.error.HTTPError as error:
        if error.code in OTHER_FILE:
            return error
        with error:
            raise (Passing if error.code in PASSING else Refused)(
                f"HTTP {error.code} {error.reason}"
            ) from error
    except (OSError, http.client.HTTPException) as error:
        reason = getattr(error, "reason", error)
        raise (Refused if isinstance(reason, ssl.SSLCertVerificationError) else Passing)(
            _text(reason)
        ) from error
    except ValueError as error:
        raise Refused(str(error)) from error


def _piece(response: http.client.HTTPResponse | urllib.error.HTTPError) -> bytes:
    try:
        return response.read(PIECE)
    except (OSError, http.client.HTTPException) as error:
        raise Passing(_text(error)) from error


def _offset(
    response: http.client.HTTPResponse | urllib.error.HTTPError, part: Part | None, have: int
) -> int | None:
    if response.status != http.HTTPStatus.PARTIAL_CONTENT:
        return None if response.status in OTHER_FILE else 0
    told = response.headers.get("Content-Range", "")
    same = (
        part is not None
        and _validator(response) in ("", part.validator)
        and told.endswith((f"/{part.total}", "/*"))
    )
    return have if same and told.startswith(f"bytes {have}-") else None


def _validator(response: http.client.HTTPResponse | urllib.error.HTTPError) -> str:
    """A strong ETag, else the date; a weak ETag may not stand in If-Range."""
    etag = response.headers.get("ETag", "")
    return etag if etag and not etag.startswith("W/") else response.headers.get("Last-Modified", "")


def _text(fault: object) -> str:
    return " ".join(str(fault).split()) or type(fault).__name__


def reachable(url: str, seconds: float = 2.0, *, offline: bool = False) -> bool:
    """Whether the host of `url`, or the proxy on the way to it, accepts a connection; nothing is sent.

    False at once when `offline`.
    """
    if offline:
        return False
    answers: list[bool] = []
    thread = threading.Thread(target=lambda: answers.append(_connects(_door(url), seconds)), daemon=True)
    thread.start()
    thread.join(seconds)  # a look-up of a name knows no time limit
    return bool(answers and answers[0])


def _door(url: str) -> tuple[str, int]:
    """Host and port that a request for `url` would go to."""
    parts = urlsplit(url)
    proxy = urllib.request.getproxies().get(parts.scheme)
    if proxy and parts.hostname and not urllib.request.proxy_bypass(parts.hostname):
        parts = urlsplit(proxy if "//" in proxy else f"http://{proxy}")
    return parts.hostname or "", parts.port or PORTS.get(parts.scheme, 0)


def _connects(door: tuple[str, int], seconds: float) -> bool:
    try:
        with socket.create_connection(door, timeout=seconds):
            return True
    except OSError:
        return False
