"""Why a request is refused, as a value."""

from __future__ import annotations

from dataclasses import dataclass
from http import HTTPStatus


@dataclass(frozen=True, slots=True)
class Refusal:
    """Why a request is refused: an HTTP status, the kind of the error, what is wrong, what to do.

    `retry_after_s` is when it may be sent again, None where time changes nothing.
    """

    status: HTTPStatus
    kind: str
    what: str
    cure: str
    retry_after_s: int | None = None
