"""Decides who may ask what of a server: by the name it is called, the page that asks, and the token.

`Host` is checked against names that somebody else's name server leads here (DNS rebinding), `Origin` against
other pages in the user's browser (cross-site requests).
"""

from __future__ import annotations

import hmac
import re
from dataclasses import dataclass
from http import HTTPStatus
from typing import Final
from urllib.parse import urlsplit

from vaengine.server.refusal import Refusal
from vaengine.server.settings import ServerSettings

READING: Final = ("GET", "HEAD", "OPTIONS")
QUESTIONS: Final = (  # sent by POST, for they are long, and change nothing
    *("/api/query", "/api/query/explain", "/api/similar", "/api/similar/picture"),
)
PREVIEW: Final = re.compile(r"/api/videos/[^/]+/preview")  # is made in the cache of the server's user
EXPENSIVE: Final = re.compile(rf"/api/uploads/.+|/api/similar/picture|/api/exports|{PREVIEW.pattern}")
TOKEN_CURE: Final = (
    "open the link that `vaengine serve` printed, or send the header `Authorization: Bearer TOKEN`"
)
OPEN_PATHS: Final = ("/api/health", "/favicon.ico")  # for monitors, which have no token


@dataclass(frozen=True, slots=True)
class Visit:
    """What a request says of itself; `host` and `origin` as in the headers, empty where they are missing.

    `address` is that of the client. `is_link` says that the token is in the address of a page.
    """

    method: str
    path: str
    host: str
    origin: str = ""
    fetch_site: str = ""
    token: str = ""
    address: str = ""
    is_link: bool = False


def refusal_of(visit: Visit, settings: ServerSettings) -> Refusal | None:
    """Why a visit is refused; None where it is not."""
    if not settings.allows_host(hostname(visit.host)):
        return Refusal(
            HTTPStatus.MISDIRECTED_REQUEST,
            "foreign_host",
            f"this server is not called {visit.host!r}",
            "use the address that `vaengine serve` printed, or start it with --allow-host NAME",
        )
    if _is_foreign_page(visit, settings):
        return Refusal(
            HTTPStatus.FORBIDDEN,
            "foreign_origin",
            f"a page of {visit.origin or 'another site'} may not ask this server",
            "open the server's own pages, or start it with --allow-origin ORIGIN",
        )
    return _refusal_by_token(visit, settings)


def is_token(given: str, settings: ServerSettings) -> bool:
    """Whether a text is the server's token; takes the same time for every text."""
    return hmac.compare_digest(given.encode(errors="surrogateescape"), settings.token.encode())


def changes_store(method: str, path: str) -> bool:
    """Whether a request changes something in the store or among the uploads."""
    return method not in READING and path not in QUESTIONS and PREVIEW.fullmatch(path) is None


def is_expensive(method: str, path: str) -> bool:
    """Whether a request costs much: an upload, a picture to compare, a preview, an export."""
    return method not in READING and EXPENSIVE.fullmatch(path) is not None


def hostname(host: str) -> str:
    """The name in a `Host` header, without its port; empty where it is no host."""
    try:
        return urlsplit(f"//{host}").hostname or ""
    except ValueError:
        return ""


def _is_foreign_page(visit: Visit, settings: ServerSettings) -> bool:
    if visit.origin:
        return visit.origin not in settings.allowed_origins and _netloc(visit.origin) != visit.host.lower()
    return visit.fetch_site == "cross-site" and visit.method not in READING


def _netloc(origin: str) -> str | None:
    """Host and port of an origin, in lower case; None for an opaque one such as `null`."""
    try:
        return urlsplit(origin).netloc.lower() or None
    except ValueError:
        return None


def _refusal_by_token(visit: Visit, settings: ServerSettings) -> Refusal | None:
    is_read = visit.method in READING
    if settings.read_only and changes_store(visit.method, visit.path):
        return Refusal(
            HTTPStatus.FORBIDDEN,
            "read_only",
            "this server changes nothing",
            "start it without --read-only",
        )
    if is_read and (visit.path in OPEN_PATHS or not settings.reads_need_token):
        return None
    if is_token(visit.token, settings):
        return None
    return Refusal(
        HTTPStatus.UNAUTHORIZED,
        "wrong_token" if visit.token else "token_missing",
        "the token is wrong" if visit.token else "a token is missing",
        TOKEN_CURE,
    )
