"""What the routes of one app share, and how a route asks for it: `store: Reader`."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

from fastapi import Depends, FastAPI, Request
from fastapi.concurrency import run_in_threadpool

from schemas.storage.backend import StorageBackend
from vaengine.server.collection.distributions import DistributionLog
from vaengine.server.collection.found_counts import FoundCountLog
from vaengine.server.collection.index import CollectionIndex, Snapshot
from vaengine.server.events.hub import EventHub
from vaengine.server.exports import Exports
from vaengine.server.resources import ResourceLog
from vaengine.server.settings import ServerSettings
from vaengine.server.stores import Stores
from vaengine.server.uploads import Uploads

UPLOADS, EXPORTS = "uploads", "exports"  # folders below that of the results


@dataclass(frozen=True, slots=True)
class ServerContext:
    """What an app has: its settings, its store, the collection, events, uploads, exports, samples of the
    load, and what is counted of results and in videos.

    `stopping` says that the app ends; streams watch it.
    """

    settings: ServerSettings
    stores: Stores
    collection: CollectionIndex
    events: EventHub
    uploads: Uploads
    exports: Exports
    resources: ResourceLog
    distributions: DistributionLog
    found: FoundCountLog
    stopping: asyncio.Event

    @classmethod
    def of(cls, settings: ServerSettings) -> ServerContext:
        """The context of an app with these settings; nothing is opened yet."""
        stores, stopping = Stores(settings.store_url), asyncio.Event()
        collection = CollectionIndex(stores.reader)
        events = EventHub(stores.reader, collection, stopping)
        uploads = Uploads(Path(settings.out) / UPLOADS, settings.max_upload_bytes)
        exports = Exports(Path(settings.out) / EXPORTS, stores.reader)
        resources = ResourceLog(Path(settings.out), settings.store_url, read_only=settings.read_only)
        counted = DistributionLog(), FoundCountLog()
        return cls(settings, stores, collection, events, uploads, exports, resources, *counted, stopping)


def attach(app: FastAPI, context: ServerContext) -> None:
    """Give an app its context."""
    app.state.context = context


def context_of(request: Request) -> ServerContext:
    """The context of the app that a request came to."""
    context: ServerContext = request.app.state.context
    return context


# What needs no waiting is no plain function: each of those takes a thread of its own for every request.


async def _context(request: Request) -> ServerContext:
    return context_of(request)


async def _reader(request: Request) -> StorageBackend:
    stores = context_of(request).stores
    opened = stores.opened_reader()
    return await run_in_threadpool(stores.reader) if opened is None else opened


def _writer(request: Request) -> StorageBackend:
    return context_of(request).stores.writer()


async def _found(request: Request) -> FoundCountLog:
    return context_of(request).found


async def _snapshot(request: Request) -> Snapshot:
    collection = context_of(request).collection
    recent = collection.recent()
    return await run_in_threadpool(collection.current) if recent is None else recent


Context = Annotated[ServerContext, Depends(_context)]
Reader = Annotated[StorageBackend, Depends(_reader)]
Writer = Annotated[StorageBackend, Depends(_writer)]
Found = Annotated[FoundCountLog, Depends(_found)]
Collection = Annotated[Snapshot, Depends(_snapshot)]
