"""Corrections of a video's boxes by hand: they stand over what the machine found, and can be taken back."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Any, Final, Literal

from fastapi import APIRouter
from pydantic import BaseModel, ConfigDict, Field

from schemas.annotations.annotation import BBox
from schemas.errors import UsageError
from schemas.media.video import Video
from schemas.work.job import BatchJob
from vaengine.correcting.correction import correct_boxes, undo_correction
from vaengine.correcting.edits import BoxEdit, BoxRedrawing, LooseBoxEdit, Stretch, TrackDeletion
from vaengine.correcting.history import corrections_among, revision_of
from vaengine.server.context import Reader, Writer
from vaengine.server.error_answers import declared
from vaengine.server.media.content import results_of_video, video_of

router = APIRouter(prefix="/api/videos/{video_id}/corrections", tags=["media"])

ERRORS: Final = declared(400, 401, 403, 404, 409, 422, 503)
MAX_EDITS: Final = 1000
Frame = Annotated[int, Field(ge=0, le=2**53)]
Label = Annotated[str, Field(min_length=1, max_length=200)]
Pixels = Annotated[float, Field(ge=-1e6, le=1e6, allow_inf_nan=False)]
Sides = Annotated[list[Pixels], Field(min_length=4, max_length=4, description="left, top, width, height")]
Annotator = Annotated[str, Field(max_length=100)]


class Deletion(BaseModel):
    """Deletes the boxes of `label` in the frames from `first` to `stop`, that one not included.

    For a box of nobody `label` is null, `first` its frame, and `at` is where it is.
    """

    model_config = ConfigDict(extra="forbid")
    action: Literal["delete"]
    kind: Literal["person", "face"]
    label: Label | None = None
    first: Frame
    stop: Frame | None = None
    at: Sides | None = None


class Redrawing(BaseModel):
    """Draws the box of `label` in `frame` anew, in displayed pixels.

    With `first` and `stop`, all boxes of that stretch are moved and sized alike. For a box of nobody `label`
    is null, and `at` is where it is.
    """

    model_config = ConfigDict(extra="forbid")
    action: Literal["redraw"]
    kind: Literal["person", "face"]
    label: Label | None = None
    frame: Frame
    box: Sides
    first: Frame | None = None
    stop: Frame | None = None
    at: Sides | None = None


Edit = Annotated[Deletion | Redrawing, Field(discriminator="action")]


class Corrections(BaseModel):
    """Edits in order, all or none, of the results of `revision`, which `/review` answers."""

    model_config = ConfigDict(extra="forbid")
    revision: Annotated[str, Field(max_length=100)]
    edits: Annotated[list[Edit], Field(min_length=1, max_length=MAX_EDITS)]
    annotator: Annotator = ""


class Undoing(BaseModel):
    """Takes back the newest correction of the results of `revision`."""

    model_config = ConfigDict(extra="forbid")
    revision: Annotated[str, Field(max_length=100)]


class Corrected(BaseModel):
    """A correction that is stored, and the revision that comes of it."""

    job_id: str
    revision: str


class PastCorrection(BaseModel):
    """A correction that was made: when (UTC), by whom, its edits, and whether what it made is shown.

    `undoes` is the job of the correction that it took back.
    """

    job_id: str
    at: datetime | None
    annotator: str
    edits: list[dict[str, Any]]
    undoes: str | None
    is_current: bool


@router.get("", responses=declared(401, 404, 503))
def corrections(video_id: str, store: Reader) -> list[PastCorrection]:
    """The corrections of a video, newest first."""
    video_of(store, video_id)
    return [
        PastCorrection(
            job_id=one.job.job_id,
            at=one.at,
            annotator=one.facts.annotator,
            edits=[dict(edit) for edit in one.facts.edits],
            undoes=one.facts.undoes,
            is_current=one.is_current,
        )
        for one in corrections_among(store.jobs_of([video_id]))
    ]


@router.post("", responses=ERRORS)
def correct(video_id: str, store: Writer, wanted: Corrections) -> Corrected:
    """Correct boxes; the machine's results stay, and people's answer from now on.

    What was made of results that have changed meanwhile is refused with status 409.
    """
    video = video_of(store, video_id)
    edits = [_edit(video, edit) for edit in wanted.edits]
    job = correct_boxes(store, video, edits, wanted.revision, wanted.annotator)
    return _stored(store, job)


@router.post("/undo", responses=ERRORS)
def undo(video_id: str, store: Writer, wanted: Undoing) -> Corrected:
    """Take back the newest correction that is not taken back yet."""
    return _stored(store, undo_correction(store, video_of(store, video_id), wanted.revision))


def _stored(store: Writer, job: BatchJob) -> Corrected:
    found = results_of_video(store, job.video_id, "corrected")
    return Corrected(job_id=job.job_id, revision=revision_of(found.pipelines.values()))


def _edit(video: Video, wanted: Deletion | Redrawing) -> BoxEdit:
    """The edit that is meant; raises `UsageError` for frames and boxes outside of the video."""
    if isinstance(wanted, Deletion):
        return _deletion(video, wanted)
    frame, box = _frame(video, wanted.frame), _within(video, _box(wanted.box))
    if wanted.label is None:
        return LooseBoxEdit(wanted.kind, frame, _place(wanted.at), box)
    if wanted.first is None and wanted.stop is None:
        return BoxRedrawing(wanted.kind, wanted.label, frame, box)
    stretch = _stretch(video, wanted.first or 0, wanted.stop)
    return BoxRedrawing(wanted.kind, wanted.label, frame, box, stretch)


def _deletion(video: Video, wanted: Deletion) -> BoxEdit:
    if wanted.label is None:
        return LooseBoxEdit(wanted.kind, _frame(video, wanted.first), _place(wanted.at))
    return TrackDeletion(wanted.kind, wanted.label, _stretch(video, wanted.first, wanted.stop))


def _stretch(video: Video, first: int, stop: int | None) -> Stretch:
    """Frames of the video; without a `stop` to its end."""
    count = len(video.index)
    return Stretch(_frame(video, first), count if stop is None else min(stop, count))


def _frame(video: Video, frame: int) -> int:
    if frame >= len(video.index):
        raise UsageError(f"{video.video_id} has no frame {frame}: it has {len(video.index)}, counted from 0")
    return frame


def _place(at: list[float] | None) -> BBox:
    if at is None:
        raise UsageError("a box of nobody is named by where it is: `at` is missing")
    return _box(at)


def _box(sides: list[float]) -> BBox:
    return BBox(*sides)


def _within(video: Video, box: BBox) -> BBox:
    """The part of a box that lies in the picture; raises `UsageError` where none does."""
    left, top = max(box.x, 0.0), max(box.y, 0.0)
    right, bottom = min(box.x + box.width, video.width), min(box.y + box.height, video.height)
    if right <= left or bottom <= top:
        raise UsageError(f"the box lies outside of the picture, which is {video.width} x {video.height}")
    return BBox(left, top, right - left, bottom - top)
