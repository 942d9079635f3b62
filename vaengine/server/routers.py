"""All routers of the app, in one list."""

from __future__ import annotations

from typing import Final

from fastapi import APIRouter

from vaengine.server import pages
from vaengine.server.media import correction_routes, file_routes, likeness_routes, portrait_routes
from vaengine.server.media import routes as media
from vaengine.server.routes import (
    batches,
    events,
    exports,
    health,
    metrics,
    models,
    overview,
    people,
    queries,
    uploads,
    videos,
)

ROUTERS: Final[tuple[APIRouter, ...]] = (
    health.router,
    videos.router,
    media.router,
    file_routes.router,
    correction_routes.router,
    portrait_routes.router,
    likeness_routes.router,
    batches.router,
    uploads.router,
    queries.router,
    exports.router,
    people.router,
    models.router,
    events.router,
    overview.router,
    metrics.router,
    pages.router,
)
