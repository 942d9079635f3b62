"""What is like a picture that is sent: the picture is looked at and forgotten."""

from __future__ import annotations

import tempfile
from dataclasses import replace
from pathlib import Path
from typing import Annotated, Final

from fastapi import APIRouter, Body, Query

from schemas.errors import UsageError
from vaengine.queries.match import Match
from vaengine.server.collection.entry import shown_text
from vaengine.server.context import Reader
from vaengine.server.error_answers import declared

MAX_PICTURE_BYTES: Final = 10 * 2**20
BEGINNINGS: Final = {b"\xff\xd8\xff": ".jpg", b"\x89PNG\r\n\x1a\n": ".png", b"RIFF": ".webp"}

router = APIRouter(prefix="/api/similar", tags=["queries"], responses=declared(400, 401, 404, 413, 422, 503))


@router.post("/picture", max_body_size=MAX_PICTURE_BYTES)
def similar_to_picture(
    store: Reader,
    picture: Annotated[bytes, Body(media_type="image/jpeg")],
    count: Annotated[int, Query(ge=1, le=1000)] = 60,
    face: Annotated[int | None, Query(ge=1, le=1000)] = None,
) -> list[Match]:
    """The people whose faces are most like the one in a JPEG, PNG or WebP, best first; `score` is the cosine.

    `face` is its number, from the left, where the picture has several.
    """
    from vaengine.api.questions.similarity import SimilarityRequest
    from vaengine.api.questions.similarity import similar as find_similar

    ending = next((ending for begin, ending in BEGINNINGS.items() if picture.startswith(begin)), None)
    if ending is None:
        raise UsageError("this is no picture: send a JPEG, PNG or WebP")
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / f"picture{ending}"
        path.write_bytes(picture)
        found = find_similar(store, SimilarityRequest(str(path), count=count, face=face))
    return [replace(match, path=shown_text(match.path), why=shown_text(match.why)) for match in found]
