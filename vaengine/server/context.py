"""What the routes of one app share, and how a route asks for it: `store: Reader`."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, field
from typing import Annotated

from fastapi import Depends, FastAPI, Request

from schemas.storage.backend import StorageBackend
from vaengine.server.settings import ServerSettings
from vaengine.server.stores import Stores


@dataclass(frozen=True, slots=True)
class ServerContext:
    """The settings of an app, its store, and the event that says that it ends, which streams watch."""

    settings: ServerSettings
    stores: Stores
    stopping: asyncio.Event = field(default_factory=asyncio.Event)


def attach(app: FastAPI, context: ServerContext) -> None:
    """Give an app its context."""
    app.state.context = context


def context_of(request: Request) -> ServerContext:
    """The context of the app that a request came to."""
    context: ServerContext = request.app.state.context
    return context


def _reader(request: Request) -> StorageBackend:
    return context_of(request).stores.reader()


def _writer(request: Request) -> StorageBackend:
    return context_of(request).stores.writer()


Context = Annotated[ServerContext, Depends(context_of)]
Reader = Annotated[StorageBackend, Depends(_reader)]
Writer = Annotated[StorageBackend, Depends(_writer)]
