"""The middleware in front of everything: refuses what is not admitted, and says how answers may be used."""

from __future__ import annotations

from http import HTTPStatus
from http.cookies import CookieError, SimpleCookie
from typing import Final
from urllib.parse import parse_qsl, quote, urlencode

from starlette.datastructures import Headers, MutableHeaders
from starlette.responses import Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from vaengine.server.error_answers import refused
from vaengine.server.middleware.access import READING, Visit, is_token
from vaengine.server.middleware.admission import Admission
from vaengine.server.middleware.slow_bodies import received_in_time
from vaengine.server.settings import ServerSettings

COOKIE: Final = "vaengine_token"
POLICY: Final = "; ".join(
    (
        "default-src 'self'",
        "img-src 'self' blob:",
        "media-src 'self' blob:",
        "object-src 'none'",
        "base-uri 'none'",
        "form-action 'self'",
        "frame-ancestors 'none'",
    )
)
CACHING: Final = {  # unless a route says otherwise; `no-cache`: asked for again, by its digest
    "/api/": "no-store",
    "/static/": "no-cache",
}
HEADERS: Final = {
    "content-security-policy": POLICY,
    "x-content-type-options": "nosniff",
    "referrer-policy": "no-referrer",
    "cross-origin-opener-policy": "same-origin",
    "cross-origin-resource-policy": "same-origin",
}


class Guard:
    """ASGI middleware: the rules of access of a server, and the headers of every answer.

    The printed link, `/?token=TOKEN`, puts the token into a cookie and leads on to the address without it.
    """

    def __init__(self, app: ASGIApp, settings: ServerSettings) -> None:
        self._app, self._settings = app, settings
        self._admission = Admission(settings)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return

        async def send_with_headers(message: Message) -> None:
            if message["type"] == "http.response.start":
                headers = MutableHeaders(scope=message)
                for name, value in HEADERS.items():
                    headers.setdefault(name, value)
                for beginning, caching in CACHING.items():
                    if scope["path"].startswith(beginning):
                        headers.setdefault("cache-control", caching)
            await send(message)

        if scope["method"] not in READING:
            receive = received_in_time(receive, self._settings)
        answer = self._answer(scope)
        await (answer or self._app)(scope, receive, send_with_headers)

    def _answer(self, scope: Scope) -> Response | None:
        """What is answered without asking the app, None where the app is to answer."""
        headers = Headers(scope=scope)
        linked = _token_of_link(scope)
        visit = Visit(
            scope["method"],
            scope["path"],
            headers.get("host", ""),
            headers.get("origin", ""),
            headers.get("sec-fetch-site", ""),
            linked or _bearer(headers) or _token_of_cookie(headers),
            client_address(scope),
            is_link=bool(linked),
        )
        if refusal := self._admission.refusal_of(visit):
            return refused(refusal, f"{visit.method} {visit.path}")
        if linked and is_token(linked, self._settings):
            return _signed_in(scope, linked)
        return None


def client_address(scope: Scope) -> str:
    """The address that a request comes from; empty where it is unknown."""
    client = scope.get("client")
    return str(client[0]) if client else ""


def _bearer(headers: Headers) -> str:
    scheme, _, token = headers.get("authorization", "").partition(" ")
    return token.strip() if scheme.lower() == "bearer" else ""


def _token_of_cookie(headers: Headers) -> str:
    cookies: SimpleCookie = SimpleCookie()
    try:
        cookies.load(headers.get("cookie", ""))
    except CookieError:
        return ""
    return cookies[COOKIE].value if COOKIE in cookies else ""


def _token_of_link(scope: Scope) -> str:
    """The token in the address of a page, which a person has followed a link to."""
    if scope["method"] not in READING or scope["path"].startswith("/api/"):
        return ""
    return dict(_query(scope)).get("token", "")


def _query(scope: Scope) -> list[tuple[str, str]]:
    return parse_qsl(scope["query_string"].decode("latin-1"))


def _signed_in(scope: Scope, token: str) -> Response:
    """Leads to the same address without the token, which is in a cookie from now on."""
    rest = [pair for pair in _query(scope) if pair[0] != "token"]
    path = "/" + quote(scope["path"].lstrip("/"))  # `//host` would lead to another one
    address = f"{path}?{urlencode(rest)}" if rest else path
    answer = Response(status_code=HTTPStatus.SEE_OTHER, headers={"location": address})
    answer.set_cookie(COOKIE, token, httponly=True, samesite="strict", path="/")
    return answer
