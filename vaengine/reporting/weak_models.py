"""Warnings at the end of a run, about results of weak models and runs that found nobody."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Final

from schemas.pipelines import AUDIO, FACE, PERSON

if TYPE_CHECKING:
    from schemas.settings.settings import Settings
    from vaengine.reporting.annotation_counts import FoundCounts
    from vaengine.requests.request import RunRequest

HINT: Final = (
    "for better results: pip install 'vaengine[offline]', or vaengine models pull fast where "
    "there is a network"
)


def weak_points(request: RunRequest, found: FoundCounts) -> Iterator[str]:
    """Yield a line about the weak models of a run, or about nobody found; none if all is well.

    `found` has the counts of all videos together.
    """
    warnings = list(_weak_models(request.settings, request.pipelines, found))
    if warnings:
        yield f"{'; '.join(warnings)}; {HINT}"
    elif found.is_nothing:
        yield f"nobody was found: no {_searched_kinds(request.pipelines)} in any video"


def _weak_models(settings: Settings, pipelines: tuple[str, ...], found: FoundCounts) -> Iterator[str]:
    if PERSON in pipelines and settings.person.detector == "hog" and found.persons is not None:
        yield f"persons by HOG (weak): {found.persons:,} found"
    if FACE in pipelines and settings.face.detector == "cascade" and found.face_boxes is not None:
        yield f"faces by OpenCV's cascade (weak): {found.face_boxes:,} boxes found"
    if AUDIO in pipelines and settings.audio.model is None and found.voice_s:
        yield "speech by voice activity only: no text"


def _searched_kinds(pipelines: tuple[str, ...]) -> str:
    """The kinds of annotations that these pipelines search for, such as `persons and faces`."""
    words = [
        word for name, word in ((PERSON, "persons"), (FACE, "faces"), (AUDIO, "speech")) if name in pipelines
    ]
    return " and ".join(filter(None, [", ".join(words[:-1]), words[-1]])) if words else "persons"
