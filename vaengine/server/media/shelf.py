"""What the media routes of one app keep between requests."""

from __future__ import annotations

import contextlib
import threading
from collections.abc import AsyncIterator
from typing import Annotated

from fastapi import Depends, FastAPI, Request

from vaengine.server.media.box_stretches import BoxStretches
from vaengine.server.media.cache import MediaCache, media_folder
from vaengine.server.media.content import VideoContents
from vaengine.server.media.pictures import Pictures
from vaengine.server.media.previews import Previews


class MediaShelf:
    """Contents of videos, pictures and previews of one app; processes are started when they are needed."""

    def __init__(self) -> None:
        cache = MediaCache(media_folder())
        self.contents = VideoContents()
        self.stretches = BoxStretches(self.contents)
        self.pictures = Pictures(cache)
        self.previews = Previews(cache)

    def close(self) -> None:
        """End all processes."""
        self.pictures.close()
        self.previews.close()


_MAKING = threading.Lock()


def shelf_of(request: Request) -> MediaShelf:
    """The shelf of the app that a request came to."""
    state = request.app.state
    with _MAKING:
        if not hasattr(state, "media_shelf"):
            state.media_shelf = MediaShelf()
    shelf: MediaShelf = state.media_shelf
    return shelf


@contextlib.asynccontextmanager
async def closing_shelf(app: FastAPI) -> AsyncIterator[None]:
    """The lifespan of the media routes: their processes end with the app."""
    yield
    if hasattr(app.state, "media_shelf"):
        app.state.media_shelf.close()


Shelf = Annotated[MediaShelf, Depends(shelf_of)]
