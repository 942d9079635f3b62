"""Requests to a server: tried again where that may help, and otherwise one clear error."""

from __future__ import annotations

import random
import time
from collections.abc import Callable, Iterator
from typing import Final, TypeVar

from schemas.errors import (
    AccessDenied,
    FileChanged,
    NoByteRanges,
    NothingThere,
    SourceUnavailable,
    Unreadable,
    VideoError,
)

T = TypeVar("T")

TRIES: Final = 5
FIRST_DELAY_S: Final = 0.2  # doubled from one try to the next
MAX_DELAY_S: Final = 5.0
_TRANSIENT_STATUS: Final = frozenset({408, 425, 429, *range(500, 600)})
# Source: the error codes of Amazon S3 that are answers to a `GET` and have no status of their own here.
_TRANSIENT_CODES: Final = frozenset({"SlowDown", "InternalError", "ServiceUnavailable", "RequestTimeout"})


class ShortAnswer(ConnectionError):
    """A server sent fewer bytes than it was asked for."""


def requested(url: str, request: Callable[[], T], *, sleep: Callable[[float], None] = time.sleep) -> T:
    """The answer to a request, tried up to `TRIES` times.

    Raises `NothingThere`, `AccessDenied`, `FileChanged`, `NoByteRanges` at once, `SourceUnavailable` after
    the last try.
    """
    for number in range(1, TRIES + 1):
        try:
            return request()
        except VideoError:
            raise
        except Exception as error:
            failure = failure_of(url, error, number)
            if not failure.transient or number == TRIES:
                raise failure from error
            sleep(delay_s(number, random.random()))
    raise AssertionError("the last try raises or returns")


def delay_s(number: int, random01: float) -> float:
    """Seconds to wait after try `number` (from 1); `random01` spreads those who wait together."""
    return min(MAX_DELAY_S, FIRST_DELAY_S * 2.0 ** (number - 1)) * (0.5 + random01 / 2)


def failure_of(url: str, error: BaseException, tries: int = 1) -> VideoError:
    """The error of ours for what a file system raised."""
    status, reason = _status(error), _reason(error)
    if status in (404, 410) or (status is None and _is(error, FileNotFoundError)):
        return NothingThere(url, reason if status else "no such object")
    if status in (401, 403) or (status is None and _is_denied(error)):
        return AccessDenied(url, reason)
    if status == 412 or any(type(one).__name__ == "FileExpired" for one in chain(error)):
        return FileChanged(url)
    if _is(error, ValueError) and "range" in str(error).lower():
        return NoByteRanges(url, reason)
    if status in _TRANSIENT_STATUS or _is_of_the_line(error):
        return SourceUnavailable(url, reason, tries)
    return Unreadable(url, reason)


def chain(error: BaseException) -> Iterator[BaseException]:
    """An error and what led to it, the first cause last: file systems hide a status behind their own."""
    seen: BaseException | None = error
    while seen is not None:
        yield seen
        seen = seen.__cause__ or (None if seen.__suppress_context__ else seen.__context__)


def _status(error: BaseException) -> int | None:
    """The HTTP status of an answer, if there was one."""
    for one in chain(error):
        status = getattr(one, "status", None)
        if type(one).__name__ == "HttpError":  # gcsfs's; a `code` of aiohttp's is of its parser
            status = getattr(one, "code", None)
        response = getattr(one, "response", None)
        if isinstance(response, dict):
            status = response.get("ResponseMetadata", {}).get("HTTPStatusCode")
        if isinstance(status, int | str) and str(status).isdigit():
            return int(status)
    return None


def _code(error: BaseException) -> str:
    for one in chain(error):
        response = getattr(one, "response", None)
        if isinstance(response, dict):
            return str(response.get("Error", {}).get("Code", ""))
    return ""


def _is(error: BaseException, *kinds: type[BaseException]) -> bool:
    return any(isinstance(one, kinds) for one in chain(error))


def _is_denied(error: BaseException) -> bool:
    names = {type(one).__name__ for one in chain(error)}
    return (
        _is(error, PermissionError)
        or bool(names & {"NoCredentialsError", "PartialCredentialsError", "TokenRetrievalError"})
        or any(str(one).startswith("Forbidden: ") for one in chain(error))  # gcsfs's for HTTP status 403
    )


def _is_of_the_line(error: BaseException) -> bool:
    """Whether the line to the server is at fault, or the server for the moment."""
    if _code(error) in _TRANSIENT_CODES or _is(error, ConnectionError, TimeoutError):
        return True
    modules = {type(one).__module__.partition(".")[0] for one in chain(error)}
    names = {type(one).__name__ for one in chain(error)}
    return (
        "aiohttp" in modules
        or bool(
            names & {"EndpointConnectionError", "ReadTimeoutError", "ConnectTimeoutError", "HTTPClientError"}
        )
        or (_is(error, OSError) and not _is(error, FileNotFoundError, PermissionError))
    )


def _reason(error: BaseException) -> str:
    """One line: the status of the first cause where there is one, else what it says."""
    first = list(chain(error))[-1]
    status = _status(error)
    message = getattr(first, "message", None) or str(first) or type(first).__name__
    line = " ".join(str(message).split())[:200]
    return f"HTTP status {status}, {line}" if status and str(status) not in line else line
