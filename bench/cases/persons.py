"""Benchmark of person tracking in every frame, against ultralytics' own loop: speed and boxes."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from itertools import islice
from pathlib import Path
from typing import Any

import numpy as np

from bench.harness.engine_process import run
from bench.harness.in_process import NEURAL, person_numbers, settings_for
from bench.harness.report import table
from bench.harness.timing import Times, in_turns, timed
from bench.rivals.ultralytics_loop import WEIGHTS, load, predicted, track
from bench.scoring.mot import OVERLAP, AnnotatedPerson, corners, per_frame
from schemas.settings.settings import Settings

TITLE = "Persons in every frame, against ultralytics' own loop"
VIDEOS = Path(__file__).parents[3] / "shared/media/video"
LONG, LONG_SECONDS = VIDEOS / "pets09-s2l1_vtest_480x360.mp4", 32  # 10 fps, a keyframe each 8 s
SHORT = VIDEOS / "grid"  # 11 clips of 3 s, 25 fps
SHORT_COMPARED = 2  # of them, frame by frame
BATCHES = (1, 8)
WARM_BATCHES = 2
SETTINGS = (*NEURAL, "person.sample_fps=240")
ONE_PICTURE = VIDEOS.parent / "derived/one_frame.mp4"
WORKING, AFTER_START = "engine, first chunk to last commit", "engine, less the same for one picture"


def measure(rounds: int, assignments: Sequence[str] = ()) -> dict[str, Any]:
    """The frames a second of both, in turns, and the difference of their boxes.

    Raises FileNotFoundError without the clips.
    """
    all_assignments = [*SETTINGS, *assignments]
    with tempfile.TemporaryDirectory(prefix="vaengine-bench-") as name:
        long = beginning(LONG, LONG_SECONDS, Path(name) / "long")
        settings = settings_for(all_assignments, long)
        weights = Path(settings.person.weights or WEIGHTS)
        races = {f"one clip of {LONG_SECONDS} s": long.parent, f"{len(clips(SHORT))} clips of 3 s": SHORT}
        # It comes first: the engine may convert the model once.
        boxes = compared([long, *clips(SHORT)[:SHORT_COMPARED]], settings, weights)
        return {
            "weights": weights.name,
            "model": f"{settings.person.detector} by {settings.person.runtime}",
            "settings": list(assignments),
            "races": {
                about: race(folder, all_assignments, weights, rounds, Path(name))
                for about, folder in races.items()
            },
            "boxes": asdict(boxes),
        }


def clips(folder: Path) -> list[Path]:
    """The files of a folder, in order."""
    return sorted(folder.iterdir())


def beginning(video: Path, seconds: float, folder: Path) -> Path:
    """Copy a video's packets up to the first keyframe at or after `seconds`; returns the copy's path."""
    import av

    folder.mkdir()
    with av.open(str(video)) as source, av.open(str(folder / video.name), "w") as target:
        stream = source.streams.video[0]
        copy = target.add_stream_from_template(stream)
        for packet in source.demux(stream):
            if packet.dts is None or (packet.is_keyframe and packet.pts * stream.time_base >= seconds):
                break
            packet.stream = copy
            target.mux(packet)
    return folder / video.name


def race(source: Path, settings: Sequence[str], weights: Path, rounds: int, scratch: Path) -> dict[str, Any]:
    """The seconds of engine and library for all frames of `source`, a video or a folder.

    Raises `RuntimeError` if their numbers of frames differ.
    """
    engine = PersonsByEngine(source, settings, scratch)
    loops = {f"ultralytics, batch {batch}": PersonsByLibrary(source, weights, batch) for batch in BATCHES}
    times = in_turns({WORKING: engine, **loops}, rounds)
    times[AFTER_START] = Times(
        tuple(
            result["working_s"] - start_s for result, start_s in zip(engine.runs, engine.starts, strict=True)
        )
    )
    frames = {result["frames"] for result in engine.runs}.union(*(loop.frames for loop in loops.values()))
    if len(frames) != 1:
        raise RuntimeError(
            f"engine and library do not agree on the number of frames of {source.name}: {sorted(frames)}"
        )
    best = min(loops, key=lambda loop: times[loop].median)
    return {
        "frames": frames.pop(),
        "times": {who: seconds.to_data() for who, seconds in times.items()},
        "best_loop": best,
        "working_speed_over_best_loop": times[best].over(times[WORKING]).to_data(),
        "speed_after_start_over_best_loop": times[best].over(times[AFTER_START]).to_data(),
    }


class PersonsByEngine:
    """A measurement of a run over one frame, then of one over all clips, each into a new folder.

    `starts` has the seconds of the first run, in which workers import their libraries and load the model. The
    library does that before it is timed. `runs` has the results of the second run.
    """

    def __init__(self, source: Path, settings: Sequence[str], scratch: Path) -> None:
        self._source, self._settings, self._scratch = source, settings, scratch
        self.starts: list[float] = []
        self.runs: list[dict[str, Any]] = []

    def __call__(self) -> float:
        self.starts.append(float(self._run(ONE_PICTURE)["working_s"]))
        self.runs.append(self._run(self._source))
        return float(self.runs[-1]["working_s"])

    def _run(self, source: Path) -> dict[str, Any]:
        out = Path(tempfile.mkdtemp(prefix="out-", dir=self._scratch))
        result = run(out, [source], self._settings, "person")
        if result["failed"]:
            raise RuntimeError(f"the engine failed on {result['failed']} videos of {source}")
        return result


class PersonsByLibrary:
    """A measurement of ultralytics' `track` over all clips with a warm model; `frames` has their numbers."""

    def __init__(self, source: Path, weights: Path, batch: int) -> None:
        self._source, self._batch, self._model = source, batch, load(weights)
        self.frames: set[int] = set()
        for _ in islice(self._results(), WARM_BATCHES * batch):
            pass

    def __call__(self) -> float:
        return timed(lambda: self.frames.add(sum(1 for _ in self._results())))

    def _results(self) -> Iterator[Any]:
        return track(self._model, self._source, batch=self._batch)


@dataclass(frozen=True, slots=True)
class BoxDifference:
    """The numbers of two sets of boxes and of their pairs, and the largest difference of a coordinate."""

    engine: int
    library: int
    matched: int
    boxes_px: float


def compared(videos: Sequence[Path], settings: Settings, weights: Path) -> BoxDifference:
    """The difference of the engine's boxes and those of `predict`, in every frame of `videos`.

    Raises `ValueError` if the engine skips frames.
    """
    parts = [difference(engine_boxes(video, settings), predicted(video, weights)) for video in videos]
    engine, library, matched = (
        sum(getattr(part, name) for part in parts) for name in ("engine", "library", "matched")
    )
    return BoxDifference(engine, library, matched, max(part.boxes_px for part in parts))


def engine_boxes(video: Path, settings: Settings) -> list[AnnotatedPerson]:
    """All boxes of one video, each with a name of its own."""
    numbers = person_numbers(video, settings)
    if len(numbers.sampled) != len(numbers.frame_numbers):
        raise ValueError(
            f"{len(numbers.sampled)} of {len(numbers.frame_numbers)} frames of {video.name} are looked at: "
            "raise sample_fps"
        )
    boxes = zip(numbers.box_frames.tolist(), numbers.xyxy.tolist(), strict=True)
    return [AnnotatedPerson(frame, f"box {number}", tuple(box)) for number, (frame, box) in enumerate(boxes)]


def difference(engine: Sequence[AnnotatedPerson], library: Sequence[AnnotatedPerson]) -> BoxDifference:
    """The difference of boxes that are paired one to one in each frame.

    The pairing has the largest total overlap, among pairs with an IoU of 0.5 or more.
    """
    ours, theirs = per_frame(engine), per_frame(library)
    distances_px = [
        px for frame in ours.keys() & theirs.keys() for px in _distances_px(ours[frame], theirs[frame])
    ]
    return BoxDifference(len(engine), len(library), len(distances_px), max(distances_px, default=0.0))


def _distances_px(engine: Sequence[AnnotatedPerson], library: Sequence[AnnotatedPerson]) -> list[float]:
    """The largest difference of a coordinate of each pair, in pixels."""
    from scipy.optimize import linear_sum_assignment

    from actors.vision.boxes import iou

    ours, theirs = corners(engine), corners(library)
    overlap = iou(ours, theirs)
    overlap[overlap < OVERLAP] = 0.0
    pairs = zip(*linear_sum_assignment(overlap, maximize=True), strict=True)
    return [float(np.abs(ours[i] - theirs[j]).max()) for i, j in pairs if overlap[i, j] > 0]


def described(measured: Mapping[str, Any]) -> str:
    """The case's tables: one for each set of clips, and the difference of the boxes."""
    boxes = measured["boxes"]
    about = (
        f"Weights {measured['weights']}, detector {measured['model']}, every frame, tracked. The library is "
        "timed after loading and"
        " warming its model, in one process with threads as it chooses. The engine's workers import and load "
        "after the first chunk has"
        " begun; how long that takes, a run over one picture tells, and what is left without it is compared."
    )
    apart = (
        f"Boxes against `predict`, frame by frame: {boxes['engine']} of the engine, {boxes['library']} of "
        "the library,"
        f" {boxes['matched']} pairs, in which no coordinate differs by more than {boxes['boxes_px']:.4f} px;"
        f" {boxes['engine'] - boxes['matched']} and {boxes['library'] - boxes['matched']} have no partner."
    )
    return "\n\n".join(
        [about, *(_race_text(name, result) for name, result in measured["races"].items()), apart]
    )


def _race_text(about: str, result: Mapping[str, Any]) -> str:
    rows = [
        [who, *(f"{result['frames'] / times[name]:.1f}" for name in ("max", "median", "min"))]
        for who, times in result["times"].items()
    ]
    working, after = result["working_speed_over_best_loop"], result["speed_after_start_over_best_loop"]
    return "\n\n".join(
        [
            table([f"{about}, {result['frames']} frames", "least fps", "median fps", "most fps"], rows),
            f"To {result['best_loop']}, round by round: {after['min']:.2f} to {after['max']:.2f} times as "
            "fast (median"
            f" {after['median']:.2f}); with the workers' start {working['min']:.2f} to {working['max']:.2f} "
            "(median"
            f" {working['median']:.2f}).",
        ]
    )
