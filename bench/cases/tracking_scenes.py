"""Benchmark of tracker thresholds on several scenes: the presets', the library's and earlier ones."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Final

import numpy as np

from actors.finalize.person_rows import track_resets
from actors.persons.tracking import NO_TRACK, tracks
from bench.harness.in_process import NEURAL, person_numbers, settings_for, work
from bench.scoring.mot import PETS, AnnotatedPerson, accuracy, annotated, corners
from schemas.media.frames import Ints
from schemas.media.video import Video
from schemas.settings.settings import PersonSettings, Settings
from schemas.work.manifest import FrameNumbers
from vaengine.model_selection.presets import overlay

SHARED: Final = Path(__file__).parents[3] / "shared/media"
# The whole PETS sequence in a smaller size; its last 62 frames are annotated.
VTEST: Final = SHARED / "video/pets09-s2l1_vtest_480x360.mp4"
VTEST_FIRST, VTEST_SCALE = 733, 480 / 768
GRID: Final = SHARED / "derived/grid_11_talkers_33s.mp4"  # one person in each clip of 75 frames
GRID_CLIP: Final = 75
TUD: Final = SHARED / "groundtruth/motmetrics_eval"  # annotations without a video: they give the boxes
TUD_STEP, TUD_FPS, SEEDS = 5, 25.0, (0, 1, 2)
SAMPLE_FPS: Final = 5  # as in the presets
# Factors of a scene's confidences, which then are those of a less certain detector.
WEAK_FACTORS: Final = (0.55, 0.7)
KEYS: Final = ("track_high", "track_new", "track_match")
LIBRARY: Final = dict(zip(KEYS, (0.25, 0.25, 0.8), strict=True))  # ultralytics' bytetrack.yaml
BEFORE: Final = dict(zip(KEYS, (0.5, 0.5, 0.9), strict=True))


@dataclass(frozen=True, slots=True)
class TrackedScene:
    """The boxes of sampled frames, the frames at which all tracks end, and the annotated people."""

    numbers: FrameNumbers
    resets: tuple[int, ...]
    sample_fps: float
    truth: tuple[AnnotatedPerson, ...]

    def weakened(self, factor: float) -> TrackedScene:
        """The scene with all confidences multiplied, without boxes below the detector's minimum."""
        is_kept = self.numbers.confidence * factor >= PersonSettings().min_confidence
        kept = {name: getattr(self.numbers, name)[is_kept] for name in ("box_frames", "xyxy")}
        return replace(
            self, numbers=replace(self.numbers, confidence=self.numbers.confidence[is_kept] * factor, **kept)
        )

    def scored(self, person: PersonSettings) -> dict[str, Any]:
        """The accuracy of the tracks with these settings, from the first annotated frame on."""
        ids = tracks(self.numbers, self.resets, person, self.sample_fps)
        first = min(true_person.frame for true_person in self.truth)
        found = [tracked for tracked in _tracked(self.numbers, ids) if tracked.frame >= first]
        return {**accuracy(self.truth, found).to_data(), "tracks": len({tracked.who for tracked in found})}


def thresholds() -> Mapping[str, PersonSettings]:
    """The settings of each column of the table, by its title."""
    preset = overlay("fast")
    ours = {key: float(preset[f"person.{key}"]) for key in KEYS}
    columns = {"before": BEFORE, "ultralytics' own": LIBRARY, "preset fast": ours}
    return {
        name: PersonSettings.model_validate({"detector": "yolo", **values})
        for name, values in columns.items()
    }


def measure() -> dict[str, dict[str, dict[str, Any]]]:
    """The scores by scene and thresholds."""
    return {
        name: {who: scored(variants, person) for who, person in thresholds().items()}
        for name, variants in scenes()
    }


def scored(variants: Sequence[TrackedScene], person: PersonSettings) -> dict[str, float]:
    """The mean scores of the variants of one scene."""
    scores = [scene.scored(person) for scene in variants]
    return {name: round(float(np.mean([score[name] for score in scores])), 4) for name in scores[0]}


def scenes() -> Iterator[tuple[str, tuple[TrackedScene, ...]]]:
    """Yield each scene and its variants with weak boxes; scenes with random boxes have several variants."""
    for name, scene in (("PETS", pets()), ("vtest", vtest()), ("GRID talkers", grid())):
        yield name, (scene,)
        yield from weakened(name, scene)
    yield from annotations_alone()


def weakened(name: str, scene: TrackedScene) -> Iterator[tuple[str, tuple[TrackedScene, ...]]]:
    """Yield a scene with all confidences multiplied by each of `WEAK_FACTORS`."""
    yield from ((f"{name}, confidence × {factor}", (scene.weakened(factor),)) for factor in WEAK_FACTORS)


def annotations_alone() -> Iterator[tuple[str, tuple[TrackedScene, ...]]]:
    """Yield the scenes of annotations without a video, with random boxes of several confidences."""
    for sequence in ("TUD-Campus", "TUD-Stadtmitte"):
        for confidence in (0.8, 0.5, 0.38):
            yield (
                f"{sequence}, boxes of confidence {confidence}",
                tuple(tud(sequence, confidence, seed) for seed in SEEDS),
            )


def pets() -> TrackedScene:
    """The annotated part of the PETS sequence."""
    return _scene(PETS / "video.mp4", annotated(PETS / "gt" / "gt.txt"))


def vtest() -> TrackedScene:
    """The whole PETS sequence in a smaller size."""

    def placed(person: AnnotatedPerson) -> AnnotatedPerson:
        left, top, right, bottom = (VTEST_SCALE * side for side in person.box)
        return replace(person, frame=person.frame + VTEST_FIRST, box=(left, top, right, bottom))

    return _scene(VTEST, [placed(person) for person in annotated(PETS / "gt" / "gt.txt")])


def grid() -> TrackedScene:
    """Clips of one person each; the box with the highest confidence in a frame counts as the truth."""
    scene = _scene(GRID, [])
    frames, boxes = scene.numbers.box_frames, scene.numbers.xyxy.tolist()
    # The boxes of a frame are ordered by confidence.
    first = [int(np.searchsorted(frames, frame)) for frame in np.unique(frames)]
    truth = (
        AnnotatedPerson(int(frames[i]), f"clip {int(frames[i]) // GRID_CLIP}", (*boxes[i],)) for i in first
    )
    return replace(scene, truth=tuple(truth))


def tud(sequence: str, mean_confidence: float, seed: int) -> TrackedScene:
    """An annotated sequence with random boxes, as a detector with this mean confidence might find them.

    Boxes are moved a little, hidden persons are often missed, and some boxes are of nobody.
    """
    chance, truth = np.random.default_rng(seed), annotated(TUD / sequence / "gt.txt")
    found: list[tuple[int, float, tuple[float, ...]]] = []
    last = max(person.frame for person in truth)
    for frame in range(0, last + 1, TUD_STEP):
        people = [person for person in truth if person.frame == frame]
        for person in people:
            hidden = _hidden(person, people)
            if chance.random() >= 0.05 + 0.8 * hidden:
                left, top, right, bottom = person.box
                size = np.array([right - left, bottom - top] * 2)
                box = np.array(person.box) + chance.normal(0, 0.03, 4) * size
                found.append(
                    (
                        frame,
                        float(np.clip(chance.normal(mean_confidence * (1 - 0.5 * hidden), 0.12), 0, 1)),
                        (*box.tolist(),),
                    )
                )
        for _ in range(chance.poisson(0.4)):
            left, top = chance.uniform(0, 560), chance.uniform(100, 240)
            found.append(
                (frame, float(min(0.7, chance.exponential(0.12) + 0.1)), (left, top, left + 60, top + 160))
            )
    kept = sorted(
        (box for box in found if box[1] >= PersonSettings().min_confidence),
        key=lambda box: (box[0], -box[1]),
    )
    frames, confidence, boxes = zip(*kept, strict=True)
    sampled = np.arange(0, last + 1, TUD_STEP)
    numbers = replace(
        FrameNumbers.none(),
        sampled=sampled,
        box_frames=np.array(frames),
        xyxy=np.array(boxes, float),
        confidence=np.array(confidence),
    )
    return TrackedScene(
        numbers, (), TUD_FPS / TUD_STEP, tuple(person for person in truth if person.frame % TUD_STEP == 0)
    )


def _hidden(person: AnnotatedPerson, people: list[AnnotatedPerson]) -> float:
    """The largest share of a person's box that the box of another person, nearer to the camera, covers."""
    box = corners([person])[0]
    nearer = corners([other for other in people if other is not person and other.box[3] > person.box[3]])
    shared = (np.minimum(box[2:], nearer[:, 2:]) - np.maximum(box[:2], nearer[:, :2])).clip(0).prod(axis=1)
    return float(shared.max(initial=0.0) / (box[2:] - box[:2]).prod())


def _scene(path: Path, truth: list[AnnotatedPerson]) -> TrackedScene:
    """The scene of a video with the engine's boxes, and the truth of its sampled frames."""
    settings = settings_for([*NEURAL, f"person.sample_fps={SAMPLE_FPS}"], path)
    video, _ = work(path, settings)
    numbers = person_numbers(path, settings)
    sampled = set(numbers.sampled.tolist())
    fps = min(float(SAMPLE_FPS), float(video.nominal_fps))
    return TrackedScene(
        numbers,
        _resets(video, numbers, settings),
        fps,
        tuple(person for person in truth if person.frame in sampled),
    )


def _resets(video: Video, numbers: FrameNumbers, settings: Settings) -> tuple[int, ...]:
    return tuple(track_resets(video, numbers, settings))


def _tracked(numbers: FrameNumbers, ids: Ints) -> Iterator[AnnotatedPerson]:
    for frame, who, box in zip(numbers.box_frames.tolist(), ids.tolist(), numbers.xyxy.tolist(), strict=True):
        if who != NO_TRACK:
            yield AnnotatedPerson(frame, str(who), tuple(box))
