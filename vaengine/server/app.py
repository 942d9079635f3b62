"""The app: one FastAPI application over one store, for uvicorn and for Ray Serve."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator
from typing import Final

from fastapi import FastAPI
from fastapi.staticfiles import StaticFiles
from fastapi.telemetry import TelemetryConfig

from vaengine.server.context import ServerContext, attach
from vaengine.server.error_answers import answer_errors, declared
from vaengine.server.middleware.audit import Audit
from vaengine.server.middleware.guard import Guard
from vaengine.server.pages import STATIC
from vaengine.server.routers import ROUTERS
from vaengine.server.settings import ServerSettings

MAX_BODY_BYTES: Final = 2**20  # of a request that is no upload
NO_TELEMETRY: Final[TelemetryConfig] = {
    "tracing": False,
    "metrics": False,
    "logs": False,
    "operation_spans": False,
    "auto_configure": False,
}


def make_app(settings: ServerSettings) -> FastAPI:
    """The app over the store of the settings.

    The store is opened when the first request needs it. The app's `state.context` is its `ServerContext`.
    """
    from vaengine import __version__

    context = ServerContext.of(settings)

    @contextlib.asynccontextmanager
    async def lifespan(_: FastAPI) -> AsyncIterator[None]:
        tasks = [
            asyncio.create_task(context.events.run()),
            asyncio.create_task(context.resources.run(context.stopping)),
        ]
        yield
        context.stopping.set()
        await asyncio.gather(*tasks)
        await asyncio.to_thread(context.exports.close)
        context.stores.close()

    app = FastAPI(
        title="vaengine",
        version=__version__,
        summary="Annotations of a video collection: what was found, what is at work, more to ask for.",
        openapi_url="/api/openapi.json",
        docs_url=None,  # its page loads scripts from elsewhere
        redoc_url=None,
        lifespan=lifespan,
        responses=declared(401, 408, 413, 422, 429),
        max_body_size=MAX_BODY_BYTES,
        telemetry=NO_TELEMETRY,
    )
    attach(app, context)
    answer_errors(app)
    app.add_middleware(Audit, settings=settings)
    app.add_middleware(Guard, settings=settings)  # the last one is asked first
    for router in ROUTERS:
        app.include_router(router)
    app.mount("/static", StaticFiles(directory=STATIC))
    return app
