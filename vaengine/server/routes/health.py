"""Whether the server lives, and whether it can answer."""

from __future__ import annotations

from typing import Literal

from fastapi import APIRouter
from pydantic import BaseModel

from vaengine.server.context import Context, Reader
from vaengine.server.error_answers import declared

router = APIRouter(prefix="/api", tags=["health"])


class Health(BaseModel):
    """The server lives."""

    status: Literal["ok"] = "ok"
    version: str


class Readiness(BaseModel):
    """The server can read its store; `store` is its address without a password."""

    status: Literal["ready"] = "ready"
    store: str
    read_only: bool


@router.get("/health")
def health() -> Health:
    """Whether the server lives; needs no token."""
    from vaengine import __version__

    return Health(version=__version__)


@router.get("/ready", responses=declared(401, 404, 503))
def ready(context: Context, store: Reader) -> Readiness:
    """Whether the store can be read."""
    store.meta("store_id")
    return Readiness(store=store.url, read_only=context.settings.read_only)
