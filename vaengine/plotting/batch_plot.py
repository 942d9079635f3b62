"""A plot of a whole batch, or of everything a store holds: outcomes, failures, and what each video has
and has cost.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import islice
from typing import TYPE_CHECKING, Any, Final

import numpy as np

from schemas.annotations.annotation import FACE_DETECTION, PERSON_DETECTION, PERSON_TRACK, Annotation
from schemas.errors import NotFound
from schemas.pipelines import AUDIO, FACE, PERSON, SCENE
from schemas.storage.backend import StorageBackend
from schemas.work.batch_progress import INTERRUPTED
from schemas.work.chunk import WorkKey
from schemas.work.job import BatchJob, JobStatus, PipelineResult
from vaengine.console.units import clock, counted
from vaengine.plotting.figure import BLUE, DPI, GREY, WIDTH_IN, style
from vaengine.reporting.run_states import run_states, shown_states
from vaengine.reporting.store_overview import failures
from vaengine.results.audio import speech_of, voice_of
from vaengine.results.presence_intervals import Run, merged

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

MOST_ROWS: Final = 30  # more videos are shown as histograms
ROW_IN: Final = 0.2
BINS: Final = 30
PAGE: Final = 100  # videos read at once: their indexes are 8 bytes a frame
NAME_LENGTH: Final = 34
OUTCOMES: Final = {
    "completed": "#009E73",
    "failed": "#D55E00",
    "running": "#F0E442",
    "retrying": "#CC79A7",
    INTERRUPTED: "#8C6D31",
    "pending": "#C9C9C9",
}


@dataclass(frozen=True, slots=True)
class VideoTally:
    """One video of a batch; None is what is not known of it."""

    name: str
    outcome: str
    duration_s: float | None
    scenes: int | None
    persons: int | None
    cost_s: float | None  # core seconds for each minute of video
    faces: int | None = None
    speech_s: float | None = None


@dataclass(frozen=True, slots=True)
class Quantity:
    """A column of the overview: what it is called, and its value for a video."""

    title: str
    colour: str
    values: tuple[float | None, ...]
    is_time: bool = False  # in seconds, which are shown as on a clock
    width: float = 1.0  # beside the others

    def told(self, value: float | None) -> str:
        """A value as it is written at its bar."""
        return _figure(value) if value is None or not self.is_time else clock(value)


@dataclass(frozen=True, slots=True)
class Tally:
    """Everything the overview shows; videos from the longest to the shortest."""

    title: str
    videos: tuple[VideoTally, ...]
    failures: tuple[tuple[str, int], ...]  # kind and number of videos, most first

    @property
    def outcomes(self) -> dict[str, int]:
        counts = Counter(video.outcome for video in self.videos)
        return {outcome: counts[outcome] for outcome in OUTCOMES if counts[outcome]}

    @property
    def quantities(self) -> tuple[Quantity, ...]:
        """Length, scenes, persons, what there is of faces and speech, and last what it took."""
        columns = (
            Quantity("length", GREY, tuple(video.duration_s for video in self.videos), is_time=True),
            Quantity("scenes", BLUE, tuple(video.scenes for video in self.videos)),
            Quantity("persons", "#E69F00", tuple(video.persons for video in self.videos)),
            Quantity("faces", "#009E73", tuple(video.faces for video in self.videos)),
            Quantity("speech", "#56B4E9", tuple(video.speech_s for video in self.videos), is_time=True),
            Quantity("core s / min", "#CC79A7", tuple(video.cost_s for video in self.videos), width=0.6),
        )
        return tuple(
            one
            for one in columns
            if one.title not in ("faces", "speech") or any(value is not None for value in one.values)
        )


def tally(store: StorageBackend, batch_id: str | None = None) -> Tally:
    """What a store holds of a batch, or of all of them; raises `NotFound` for a batch it does not have."""
    jobs = list(store.jobs(batch_id=batch_id))
    if not jobs:
        raise NotFound(
            f"batch {batch_id}" if batch_id else "any video",
            f"{store.url}: `vaengine status` lists what is there",
        )
    ids = {job.job_id for job in jobs}
    videos = sorted(_videos(store, jobs), key=lambda video: (-(video.duration_s or -1.0), video.name))
    kinds = Counter(
        kind
        for _, kind in {
            (line.video_id, line.kind or "unknown") for line in failures(store) if line.video_id in _of(jobs)
        }
    )
    title = f"batch {batch_id}" if batch_id else "everything in the store"
    return Tally(f"{title}: {counted(len(ids), 'video')}", tuple(videos), tuple(kinds.most_common()))


def plot_batch(store: StorageBackend, batch_id: str | None = None) -> Figure:
    """The overview of a batch, of the whole store without one; raises `NotFound`."""
    return draw(tally(store, batch_id))


def draw(seen: Tally) -> Figure:
    """A row for each video, or histograms where there are more than `MOST_ROWS`."""
    has_rows = len(seen.videos) <= MOST_ROWS
    body_in = max(1.2, len(seen.videos) * ROW_IN) if has_rows else 2.6
    head_in = 0.5 + 0.24 * max(2, len(seen.outcomes), min(8, len(seen.failures)))
    with style():
        from matplotlib.figure import Figure

        figure = Figure(figsize=(WIDTH_IN, head_in + body_in + 1.3), layout="constrained", dpi=DPI)
        figure.suptitle(seen.title, x=0.01, ha="left", fontsize=12, fontweight="bold")
        parts: Any = figure.subfigures(2, 1, height_ratios=[head_in, body_in + 0.6])
        head, body = parts
        _draw_head(head, seen)
        quantities = seen.quantities
        columns = list(
            body.subplots(1, len(quantities), sharey=has_rows, width_ratios=[one.width for one in quantities])
        )
        draw_column = _draw_rows if has_rows else _draw_histogram
        for axes, quantity in zip(columns, quantities, strict=True):
            draw_column(axes, quantity)
        if has_rows:
            _name_rows(columns[0], seen.videos)
        else:
            columns[0].set_ylabel("videos")
    return figure


def _videos(store: StorageBackend, jobs: Iterable[BatchJob]) -> Iterator[VideoTally]:
    runs = run_states(store)
    for page in _pages(jobs, PAGE):
        known, states = store.videos([job.video_id for job in page]), shown_states(store, page, runs)
        for job in page:
            duration_s = known[job.video_id].duration_s if job.video_id in known else None
            yield _tally_of(store, job, states[job.job_id], duration_s)


def _tally_of(store: StorageBackend, job: BatchJob, state: str, duration_s: float | None) -> VideoTally:
    done = {
        name: result for name, result in job.pipeline_results.items() if result.status is JobStatus.COMPLETED
    }
    seconds = [
        result.processing_time_seconds
        for result in done.values()
        if result.processing_time_seconds is not None
    ]
    return VideoTally(
        name=job.video_path.name,
        outcome=state,
        duration_s=duration_s,
        scenes=done[SCENE].annotation_count if SCENE in done else None,
        persons=_persons(_rows(store, job, done[PERSON])) if PERSON in done else None,
        cost_s=sum(seconds) / duration_s * 60 if seconds and duration_s else None,
        faces=_faces(_rows(store, job, done[FACE])) if FACE in done else None,
        speech_s=_speech_s(_rows(store, job, done[AUDIO])) if AUDIO in done else None,
    )


def _rows(store: StorageBackend, job: BatchJob, result: PipelineResult) -> list[Annotation]:
    return list(store.annotations(WorkKey(job.video_id, result.pipeline, result.config_hash)))


def _persons(rows: Iterable[Annotation]) -> int:
    return len(
        {
            row.person_id
            for row in rows
            if row.annotation_type in (PERSON_TRACK, PERSON_DETECTION) and row.person_id
        }
    )


def _faces(rows: Sequence[Annotation]) -> int:
    """Faces that are told apart; where no model does, as many as are in one frame at most."""
    known = {row.face_id for row in rows if row.face_id}
    at_once = Counter(row.frame_number for row in rows if row.annotation_type == FACE_DETECTION)
    return len(known) or max(at_once.values(), default=0)


def _speech_s(rows: Sequence[Annotation]) -> float:
    """How long anybody speaks: speech, or voice activity where no text is known."""
    said: list[Run] = [(one.start_s, one.end_s) for one in speech_of(rows)]
    spoken = said or [(one.start_s, one.end_s) for one in voice_of(rows)]
    return sum(end_s - start_s for start_s, end_s in merged(spoken))


def _pages(jobs: Iterable[BatchJob], size: int) -> Iterator[list[BatchJob]]:
    rest = iter(jobs)
    while page := list(islice(rest, size)):
        yield page


def _of(jobs: Iterable[BatchJob]) -> set[str]:
    return {job.video_id for job in jobs}


def _draw_head(head: Any, seen: Tally) -> None:
    """Videos by outcome, and beside that failures by kind where there are any."""
    outcomes, kinds = head.subplots(1, 2)
    _draw_counts(outcomes, "videos by outcome", seen.outcomes, [OUTCOMES[name] for name in seen.outcomes])
    if seen.failures:
        _draw_counts(
            kinds,
            "failed videos by kind",
            dict(seen.failures[:8]),
            [OUTCOMES["failed"]] * len(seen.failures[:8]),
        )
    else:
        kinds.remove()


def _draw_counts(axes: Axes, title: str, counts: Mapping[str, int], colours: Sequence[str]) -> None:
    bars = axes.barh(list(counts), list(counts.values()), color=colours, height=0.7)
    axes.bar_label(bars, [f"{number:,}" for number in counts.values()], padding=3)
    _plain_bars(axes, title, max(counts.values(), default=1))


def _plain_bars(axes: Axes, title: str, longest: int) -> None:
    """Bars that carry their own numbers need no axis."""
    axes.set_title(title, loc="left", fontsize=9)
    axes.set_xlim(0, longest * 1.12)
    axes.set_xticks([])
    axes.spines["bottom"].set_visible(False)
    axes.tick_params(axis="y", length=0)
    axes.set_ylim(max(2, len(axes.patches)) - 0.5, -0.5)
    if not axes.patches:
        axes.set_yticks([])


def _draw_rows(axes: Axes, quantity: Quantity) -> None:
    values = [value or 0.0 for value in quantity.values]
    bars = axes.barh(np.arange(len(values)), values, color=quantity.colour, height=0.7)
    axes.bar_label(bars, [quantity.told(value) for value in quantity.values], padding=3, fontsize=7)
    _plain_bars(axes, quantity.title, 1)
    axes.set_xlim(0, max([*values, 1e-9]) * 1.2)


def _name_rows(axes: Axes, videos: Sequence[VideoTally]) -> None:
    axes.set_yticks(np.arange(len(videos)), [_cut(video.name) for video in videos], fontsize=7.5)
    axes.set_ylim(len(videos) - 0.5, -0.5)
    for tick, video in zip(axes.get_yticklabels(), videos, strict=True):
        tick.set_color(OUTCOMES["failed"] if video.outcome == "failed" else "#222222")


def _draw_histogram(axes: Axes, quantity: Quantity) -> None:
    values = np.array([value for value in quantity.values if value is not None], np.float64) / (
        60 if quantity.is_time else 1
    )
    axes.set_title(
        f"{quantity.title}, minutes" if quantity.is_time else quantity.title, loc="left", fontsize=9
    )
    if not len(values):
        axes.text(0.5, 0.5, "nothing known", transform=axes.transAxes, ha="center", va="center", color=GREY)
        return
    is_small = bool((values == values.round()).all()) and values.max() < BINS
    axes.hist(
        values, bins=np.arange(-0.5, values.max() + 1).tolist() if is_small else BINS, color=quantity.colour
    )
    axes.set_ylim(0, 1.12 * axes.get_ylim()[1])  # room for the note
    median = float(np.median(values))
    axes.axvline(median, color="#222222", linewidth=0.8, linestyle="--")
    unknown = len(quantity.values) - len(values)
    note = f"median {quantity.told(median * (60 if quantity.is_time else 1))}" + (
        f", {unknown:,} unknown" if unknown else ""
    )
    axes.text(0.98, 0.97, note, transform=axes.transAxes, ha="right", va="top", fontsize=7.5, color=GREY)


def _figure(value: Any) -> str:
    """Three digits that count; a dash for what is not known."""
    if value is None:
        return "–"
    return f"{value:,.0f}" if value >= 100 or float(value).is_integer() else f"{value:.3g}"


def _cut(name: str) -> str:
    """A long name without its middle: beginnings are often alike."""
    half = (NAME_LENGTH - 1) // 2
    return name if len(name) <= NAME_LENGTH else f"{name[:half]}…{name[-half:]}"
