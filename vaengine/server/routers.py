"""All routers of the app, in one list."""

from __future__ import annotations

from typing import Final

from fastapi import APIRouter

from vaengine.server import pages
from vaengine.server.media import routes as media
from vaengine.server.routes import health

ROUTERS: Final[tuple[APIRouter, ...]] = (
    health.router,
    media.router,
    pages.router,
)
