"""Results of one video for pages, by its id: facts, times of frames, lanes, boxes, what is said."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Final, Literal

from fastapi import APIRouter, Query, Response

from actors.stores.rules.people import NamedPerson
from schemas.errors import NotFound, UsageError
from schemas.paths import name_of
from schemas.pipelines import AUDIO, AnsweredBy, is_human, order_of
from vaengine.correcting.history import revision_of
from vaengine.people.resolution import EntityResolution
from vaengine.results.audio import speech_of
from vaengine.results.lookup import VideoResults
from vaengine.server.collection.entry import shown_text
from vaengine.server.context import Reader
from vaengine.server.error_answers import declared
from vaengine.server.media.addresses import KEPT, PREFIX, Seconds, address_of
from vaengine.server.media.answers import (
    LaneAnswer,
    LaneBar,
    PersonName,
    PipelineState,
    ReviewFacts,
    SpokenWord,
    Utterance,
)
from vaengine.server.media.boxes import BoxColumns
from vaengine.server.media.content import VideoContent, results_of_video, rows_of_pipeline, video_of
from vaengine.server.media.frame_times import packed_times
from vaengine.server.media.lanes import Lane, LaneKind
from vaengine.server.media.shelf import Shelf, closing_shelf

MAX_PIXELS: Final = 16_384
MAX_BOX_FRAMES: Final = 20_000
MAX_FRAME: Final = 2**53

router = APIRouter(prefix=PREFIX, tags=["media"], responses=declared(400, 401, 404), lifespan=closing_shelf)

Pixels = Annotated[int, Query(ge=1, le=MAX_PIXELS)]
Source = Annotated[AnsweredBy, Query(description="whose results: corrected is people's over the machine's")]


@router.get("/review")
def review(video_id: str, store: Reader, source: Source = "corrected") -> ReviewFacts:
    """The facts of a video, and of its results."""
    results = results_of_video(store, video_id, source)
    video = results.video
    return ReviewFacts(
        video_id=video_id,
        name=name_of(video.path),
        width=video.width,
        height=video.height,
        rotation=video.rotation,
        time_base=(video.time_base.numerator, video.time_base.denominator),
        offset_s=float(video.start_pts * video.time_base),
        duration_s=video.duration_s,
        frame_count=len(video.index),
        fps=float(video.nominal_fps),
        is_exact=video.index.exact,
        has_pictures=video.has_pictures,
        has_sound=video.sound is not None,
        container=video.container,
        codec=video.codec,
        media=address_of(video, "media"),
        times=address_of(video, "times"),
        pipelines=[
            PipelineState(
                pipeline=name,
                status=str(result.status),
                annotations=result.annotation_count,
                error=result.error_message,
                warning=result.warning,
            )
            for name, result in sorted(results.pipelines.items(), key=lambda each: order_of(each[0]))
        ],
        provenance=results.provenance,
        people={
            label: PersonName(person_id=one.person_id, name=one.name)
            for label, one in _people(store, results).items()
        },
        revision=revision_of(results.pipelines.values()),
        is_corrected=_is_of_people(results),
    )


@router.get("/times", response_class=Response)
def times(video_id: str, store: Reader) -> Response:
    """The time of each frame: differences of `pts` as little-endian float64, their sum is `pts`."""
    packed = packed_times(video_of(store, video_id).index)
    return Response(
        packed, media_type="application/octet-stream", headers={**KEPT, "content-encoding": "gzip"}
    )


@router.get("/lanes")
def lanes(
    video_id: str,
    store: Reader,
    shelf: Shelf,
    start: Annotated[Seconds | None, Query(alias="from")] = None,
    end: Annotated[Seconds | None, Query(alias="to")] = None,
    px: Pixels = 1000,
    kind: LaneKind | None = None,
    key: str | None = None,
    source: Source = "corrected",
) -> list[LaneAnswer]:
    """The lanes of a video's timeline in `[from, to)` seconds, for a width of `px` pixels.

    Intervals narrower than a pixel are merged with their like. `kind` and `key` keep to one kind, or lane.
    """
    content = shelf.contents.of(store, video_id, source)
    start_s = min(0.0, _first_s(content)) if start is None else start
    end_s = content.video.duration_s if end is None else end
    if start_s >= end_s:
        raise UsageError(f"nothing lies between {start_s:g} s and {end_s:g} s: `from` must come before `to`")
    names = _names(store, content.results)
    return [
        _lane_answer(lane, lane.within(start_s, end_s, px))
        for lane in (lane.named(names) for lane in content.lanes)
        if kind in (None, lane.kind) and key in (None, lane.key)
    ]


@router.get("/lanes/{direction}")
def interval(
    video_id: str,
    store: Reader,
    shelf: Shelf,
    direction: Literal["next", "previous"],
    kind: LaneKind,
    key: str,
    at: Seconds,
    source: Source = "corrected",
) -> LaneBar | None:
    """The interval of one lane that begins first at `at` or later, or last before it, unmerged; or null."""
    lanes = shelf.contents.of(store, video_id, source).lanes
    lane = next((lane for lane in lanes if (lane.kind, lane.key) == (kind, key)), None)
    if lane is None:
        raise NotFound(f"lane {kind} {shown_text(key)} of video {video_id}", store.url)
    bar = lane.next_bar(at) if direction == "next" else lane.previous_bar(at)
    return LaneBar.of(bar) if bar else None


@router.get("/boxes")
def boxes(
    video_id: str,
    store: Reader,
    shelf: Shelf,
    first: Annotated[int, Query(ge=0, le=MAX_FRAME)] = 0,
    last: Annotated[int | None, Query(ge=0, le=MAX_FRAME)] = None,
    source: Source = "corrected",
) -> BoxColumns:
    """The boxes that are shown in the frames from `first` to `last`, that one not included."""
    stop = min(MAX_FRAME if last is None else last, first + MAX_BOX_FRAMES)
    return shelf.stretches.of(store, video_id, source, first, stop)


@router.get("/words")
def words(video_id: str, store: Reader, source: Source = "corrected") -> list[Utterance]:
    """What is said, in order of time."""
    found = results_of_video(store, video_id, source)
    return [
        Utterance(
            text=speech.text,
            start_s=speech.start_s,
            end_s=speech.end_s,
            speaker=speech.speaker_id,
            language=speech.language,
            words=[
                SpokenWord(text=word.text, start_s=word.start_s, end_s=word.end_s) for word in speech.words
            ],
        )
        for speech in speech_of(rows_of_pipeline(store, found, AUDIO))
    ]


def _first_s(content: VideoContent) -> float:
    """When anything is first known: sound may begin before the first frame."""
    return min((row.timestamp_seconds for row in content.rows if row.timestamp_seconds), default=0.0)


def _people(store: Reader, found: VideoResults) -> Mapping[str, NamedPerson]:
    """The person of each label that is anybody's: a correction keeps the labels of what it was made of."""
    people = EntityResolution(store).in_video(found.video.video_id)
    if not _is_of_people(found):
        return people
    return {**people, **EntityResolution(store, "corrected").in_video(found.video.video_id)}


def _is_of_people(found: VideoResults) -> bool:
    return any(map(is_human, found.pipelines))


def _names(store: Reader, found: VideoResults) -> Mapping[str, str]:
    """The names of those labels of a video that are somebody's with a name."""
    people = _people(store, found).items()
    return {label: person.name for label, person in people if person.name}


def _lane_answer(lane: Lane, shown: Lane) -> LaneAnswer:
    return LaneAnswer(
        kind=lane.kind,
        key=lane.key,
        title=lane.title,
        colour=lane.colour,
        is_minor=lane.is_minor,
        count=len(lane.bars),
        bars=[LaneBar.of(bar) for bar in shown.bars],
    )
