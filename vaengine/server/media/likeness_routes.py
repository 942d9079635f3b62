"""What is like a picture that is sent: the picture is looked at and forgotten."""

from __future__ import annotations

import tempfile
from dataclasses import replace
from pathlib import Path
from typing import Annotated, Final

from fastapi import APIRouter, Body, Query

from schemas.errors import Unreadable, UsageError
from vaengine.queries.match import Match
from vaengine.server.collection.entry import shown_text
from vaengine.server.context import Reader
from vaengine.server.error_answers import declared
from vaengine.server.media.sent_pictures import suffix_of_picture

MAX_PICTURE_BYTES: Final = 10 * 2**20

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

    suffix = suffix_of_picture(picture)
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / f"picture{suffix}"
        path.write_bytes(picture)
        try:
            found = find_similar(store, SimilarityRequest(str(path), count=count, face=face))
        except Unreadable as error:  # with the path of a file that is gone
            raise UsageError("this picture is broken: it cannot be decoded; send it again") from error
    return [replace(match, path=shown_text(match.path), why=shown_text(match.why)) for match in found]
