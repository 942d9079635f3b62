"""Errors as answers: one JSON form for all, made from the one tree of errors.

`{"error": {"kind": ..., "what": ..., "where": ..., "cure": ...}}`: `what` is what went wrong, on one line,
`where` the request, and the part of it that is at fault, `cure` what to do, or null. `kind` is the name of
the error, such as `not_found` and `would_replace`.
"""

from __future__ import annotations

import logging
import re
from http import HTTPStatus
from typing import Any, Final

from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from pydantic import BaseModel
from starlette.exceptions import HTTPException
from starlette.responses import JSONResponse

from schemas import errors
from schemas.errors import UsageError, VaengineError
from vaengine.server.refusal import Refusal

log = logging.getLogger(__name__)

STATUSES: Final[tuple[tuple[type[VaengineError], HTTPStatus], ...]] = (  # the first that fits
    (errors.TooLarge, HTTPStatus.REQUEST_ENTITY_TOO_LARGE),
    (errors.NotFound, HTTPStatus.NOT_FOUND),
    (errors.WouldReplace, HTTPStatus.CONFLICT),
    (errors.PeopleChanged, HTTPStatus.CONFLICT),
    (errors.ResultsChanged, HTTPStatus.CONFLICT),
    (errors.AtWork, HTTPStatus.CONFLICT),
    (errors.StoreInUse, HTTPStatus.CONFLICT),
    (errors.StoreUnreachable, HTTPStatus.SERVICE_UNAVAILABLE),
    (errors.StoreFailed, HTTPStatus.SERVICE_UNAVAILABLE),
    (errors.DiskFull, HTTPStatus.INSUFFICIENT_STORAGE),
    (errors.QueryTimeout, HTTPStatus.GATEWAY_TIMEOUT),
    (errors.Unstorable, HTTPStatus.UNPROCESSABLE_ENTITY),
    (errors.VideoError, HTTPStatus.UNPROCESSABLE_ENTITY),
    (UsageError, HTTPStatus.BAD_REQUEST),
)
INTERNAL: Final = "the server failed at this; its log has the details"


class ErrorFacts(BaseModel):
    """What went wrong, where, and what to do."""

    kind: str
    what: str
    where: str
    cure: str | None = None


class ErrorAnswer(BaseModel):
    """Every answer of status 400 and above."""

    error: ErrorFacts


def declared(*statuses: int) -> dict[int | str, dict[str, Any]]:
    """The errors that a route may answer with, for its documentation."""
    return {status: {"model": ErrorAnswer, "description": HTTPStatus(status).phrase} for status in statuses}


def status_of(error: VaengineError) -> HTTPStatus:
    """The HTTP status of an error."""
    return next(
        (status for kind, status in STATUSES if isinstance(error, kind)), HTTPStatus.INTERNAL_SERVER_ERROR
    )


def facts_of(error: VaengineError, where: str) -> ErrorFacts:
    """An error as it is answered: the cure is what its template ends with after the facts, if anything."""
    text = " ".join([str(error), *getattr(error, "__notes__", ())])
    kind = re.sub(r"(?<=[a-z])(?=[A-Z])", "_", type(error).__name__).lower()
    cure = re.search(r"[;:] ([^{}]+)$", error.template)
    ending = cure[1].strip() if cure else ""
    if ending and text.endswith(ending):
        return ErrorFacts(kind=kind, what=text.removesuffix(ending).rstrip(" ;:"), where=where, cure=ending)
    return ErrorFacts(kind=kind, what=text, where=where)


def refused(refusal: Refusal, where: str) -> JSONResponse:
    """The answer to a request that is refused before it reaches the app."""
    facts = ErrorFacts(kind=refusal.kind, what=refusal.what, where=where, cure=refusal.cure)
    answer = _answer(refusal.status, facts)
    if refusal.status == HTTPStatus.UNAUTHORIZED:
        answer.headers["www-authenticate"] = "Bearer"
    if refusal.retry_after_s is not None:
        answer.headers["retry-after"] = str(refusal.retry_after_s)
    return answer


def answer_errors(app: FastAPI) -> None:
    """Have an app answer all its errors in the one form."""
    app.add_exception_handler(VaengineError, _of_ours)
    app.add_exception_handler(RequestValidationError, _of_request)
    app.add_exception_handler(HTTPException, _of_http)
    app.add_exception_handler(RecursionError, _of_depth)
    app.add_exception_handler(Exception, _of_anything)


def _of_ours(request: Request, error: Exception) -> JSONResponse:
    assert isinstance(error, VaengineError)
    return _answer(status_of(error), facts_of(error, _where(request)))


def _of_request(request: Request, error: Exception) -> JSONResponse:
    assert isinstance(error, RequestValidationError)
    first = error.errors()[0]
    field = ".".join(str(part) for part in first["loc"])
    facts = ErrorFacts(kind="usage", what=str(first["msg"]), where=f"{_where(request)}, {field}")
    return _answer(HTTPStatus.UNPROCESSABLE_ENTITY, facts)


def _of_http(request: Request, error: Exception) -> JSONResponse:
    assert isinstance(error, HTTPException)
    status = HTTPStatus(error.status_code)
    facts = ErrorFacts(kind=status.name.lower(), what=str(error.detail), where=_where(request))
    return _answer(status, facts, dict(error.headers or {}))


def _of_depth(request: Request, error: Exception) -> JSONResponse:
    facts = ErrorFacts(kind="usage", what="the request is nested too deeply", where=_where(request))
    return _answer(HTTPStatus.BAD_REQUEST, facts)


def _of_anything(request: Request, error: Exception) -> JSONResponse:
    log.error("%s failed", _where(request), exc_info=error)
    facts = ErrorFacts(kind="internal", what=INTERNAL, where=_where(request))
    return _answer(HTTPStatus.INTERNAL_SERVER_ERROR, facts)


def _where(request: Request) -> str:
    return f"{request.method} {request.url.path}"


def _answer(status: HTTPStatus, facts: ErrorFacts, headers: dict[str, str] | None = None) -> JSONResponse:
    return JSONResponse({"error": facts.model_dump()}, status_code=status, headers=headers)
