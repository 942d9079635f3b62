"""What the media routes answer, as models that the API's description shows."""

from __future__ import annotations

from pydantic import BaseModel

from vaengine.server.media.lanes import LaneKind
from vaengine.server.media.previews import PreviewState, Stage
from vaengine.timeline.lanes import Bar


class PersonName(BaseModel):
    """Who a label of a video is: a person of the collection, with a name or without."""

    person_id: str
    name: str | None


class PipelineState(BaseModel):
    """The current result of a pipeline in a video."""

    pipeline: str
    status: str
    annotations: int | None
    error: str | None
    warning: str | None


class ReviewFacts(BaseModel):
    """What a page needs to show a video and its results in step.

    Frame `i` is shown from `pts[i] * time_base` on in the file, and from `offset_s` less in stored seconds,
    with `pts` of `/times`. `media` and `times` are addresses that change with the content. `revision` is
    what a correction of these results names; `is_corrected` says that people made some of them.
    """

    video_id: str
    name: str
    width: int
    height: int
    rotation: int
    time_base: tuple[int, int]
    offset_s: float
    duration_s: float
    frame_count: int
    fps: float
    is_exact: bool
    has_pictures: bool
    has_sound: bool
    container: str
    codec: str
    media: str
    times: str
    pipelines: list[PipelineState]
    provenance: str
    people: dict[str, PersonName]
    revision: str
    is_corrected: bool


class LaneBar(BaseModel):
    """An interval `[start_s, end_s)` of a lane; `label` stands in it, `title` tells what it is."""

    start_s: float
    end_s: float
    label: str
    title: str
    colour: str | None

    @classmethod
    def of(cls, bar: Bar) -> LaneBar:
        """The interval of a bar."""
        return cls(start_s=bar.start_s, end_s=bar.end_s, label=bar.label, title=bar.title, colour=bar.colour)


class LaneAnswer(BaseModel):
    """One lane; `count` is the number of its intervals before any were merged or left out."""

    kind: LaneKind
    key: str
    title: str
    colour: str | None
    is_minor: bool
    count: int
    bars: list[LaneBar]


class SpokenWord(BaseModel):
    """A word and its time."""

    text: str
    start_s: float
    end_s: float


class Utterance(BaseModel):
    """What is said in `[start_s, end_s)`, by whom, and the words whose times are known."""

    text: str
    start_s: float
    end_s: float
    speaker: str | None
    language: str | None
    words: list[SpokenWord]


class Preview(BaseModel):
    """How far a preview is; `offset_s` is the time in it of the video's first frame."""

    stage: Stage
    share: float
    offset_s: float
    message: str
    media: str | None

    @classmethod
    def of(cls, state: PreviewState, media: str) -> Preview:
        """The state of a preview, with its address once it can be played."""
        return cls(
            stage=state.stage,
            share=state.share,
            offset_s=state.offset_s,
            message=state.message,
            media=media if state.stage == "ready" else None,
        )
