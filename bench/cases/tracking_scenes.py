"""Benchmark of tracker thresholds on several scenes with the same boxes.

It compares ours, the library's own, and those of before.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Final

import numpy as np

from actors.finalize.person_rows import track_resets
from actors.persons.tracking import NO_TRACK, tracks
from bench.harness.in_process import NEURAL, person_numbers, told, work
from bench.scoring.mot import PETS, AnnotatedPerson, accuracy, annotated, corners
from schemas.media.frames import Ints
from schemas.media.video import Video
from schemas.settings.settings import PersonSettings, Settings
from schemas.work.manifest import FrameNumbers
from vaengine.model_selection.presets import overlay

SHARED: Final = Path(__file__).parents[3] / "shared/media"
# The whole PETS sequence, smaller; annotated are its last 62 frames.
VTEST: Final = SHARED / "video/pets09-s2l1_vtest_480x360.mp4"
VTEST_FIRST, VTEST_SCALE = 733, 480 / 768
GRID: Final = SHARED / "derived/grid_11_talkers_33s.mp4"  # one person in each clip of 75 frames
GRID_CLIP: Final = 75
TUD: Final = SHARED / "groundtruth/motmetrics_eval"  # annotations without pictures: boxes are made of them
TUD_STEP, TUD_FPS, SEEDS = 5, 25.0, (0, 1, 2)
SAMPLE_FPS: Final = 5  # the presets'
WEAK: Final = (
    0.55,
    0.7,
    # a scene's confidences are multiplied by these: the same boxes, found by a less certain detector
)

KEYS: Final = ("track_high", "track_new", "track_match")
LIBRARY: Final = dict(zip(KEYS, (0.25, 0.25, 0.8), strict=True))  # ultralytics' bytetrack.yaml
BEFORE: Final = dict(zip(KEYS, (0.5, 0.5, 0.9), strict=True))


@dataclass(frozen=True, slots=True)
class TrackedScene:
    """Boxes of sampled frames, where tracks end, and the annotated people of those frames."""

    numbers: FrameNumbers
    resets: tuple[int, ...]
    sample_fps: float
    truth: tuple[AnnotatedPerson, ...]

    def weakened(self, factor: float) -> TrackedScene:
        """The same with all confidences multiplied; boxes below the least that a detector keeps are
        dropped.
        """
        kept = self.numbers.confidence * factor >= PersonSettings().min_confidence
        own = {name: getattr(self.numbers, name)[kept] for name in ("box_frames", "xyxy")}
        return replace(
            self, numbers=replace(self.numbers, confidence=self.numbers.confidence[kept] * factor, **own)
        )

    def scored(self, person: PersonSettings) -> dict[str, Any]:
        """MOTA, IDF1 and the like of the tracks that these settings give, from the first annotated frame
        on.
        """
        ids, first = (
            tracks(self.numbers, self.resets, person, self.sample_fps),
            min(one.frame for one in self.truth),
        )
        found = [one for one in _tracked(self.numbers, ids) if one.frame >= first]
        return {**accuracy(self.truth, found).to_data(), "tracks": len({one.who for one in found})}


def thresholds() -> Mapping[str, PersonSettings]:
    """Of each column of the table."""
    preset = overlay("fast")
    ours = {key: float(preset[f"person.{key}"]) for key in KEYS}
    rows = {"before": BEFORE, "ultralytics' own": LIBRARY, "preset fast": ours}
    return {
        name: PersonSettings.model_validate({"detector": "yolo", **values}) for name, values in rows.items()
    }


def measure() -> dict[str, dict[str, dict[str, Any]]]:
    """Scores by scene, then by thresholds."""
    return {
        name: {who: scored(variants, person) for who, person in thresholds().items()}
        for name, variants in scenes()
    }


def scored(variants: Sequence[TrackedScene], person: PersonSettings) -> dict[str, float]:
    """The mean scores of some variants of one scene."""
    each = [scene.scored(person) for scene in variants]
    return {name: round(float(np.mean([one[name] for one in each])), 4) for name in each[0]}


def scenes() -> Iterator[tuple[str, tuple[TrackedScene, ...]]]:
    """Each scene, and where there are strong boxes the same with weak ones; of boxes that are made by
    chance several variants.
    """
    for name, scene in (("PETS", pets()), ("vtest", vtest()), ("GRID talkers", grid())):
        yield name, (scene,)
        yield from weakened(name, scene)
    yield from annotations_alone()


def weakened(name: str, scene: TrackedScene) -> Iterator[tuple[str, tuple[TrackedScene, ...]]]:
    yield from ((f"{name}, confidence × {factor}", (scene.weakened(factor),)) for factor in WEAK)


def annotations_alone() -> Iterator[tuple[str, tuple[TrackedScene, ...]]]:
    for sequence in ("TUD-Campus", "TUD-Stadtmitte"):
        for sure in (0.8, 0.5, 0.38):
            yield (
                f"{sequence}, boxes of confidence {sure}",
                tuple(tud(sequence, sure, seed) for seed in SEEDS),
            )


def pets() -> TrackedScene:
    return _scene(PETS / "video.mp4", annotated(PETS / "gt" / "gt.txt"))


def vtest() -> TrackedScene:
    def placed(person: AnnotatedPerson) -> AnnotatedPerson:
        left, top, right, bottom = (VTEST_SCALE * side for side in person.box)
        return replace(person, frame=person.frame + VTEST_FIRST, box=(left, top, right, bottom))

    return _scene(VTEST, [placed(person) for person in annotated(PETS / "gt" / "gt.txt")])


def grid() -> TrackedScene:
    """The surest box of a frame is taken to be right: there is one person, and nothing else like one."""
    scene = _scene(GRID, [])
    frames, boxes = scene.numbers.box_frames, scene.numbers.xyxy.tolist()
    first = [
        int(np.searchsorted(frames, frame)) for frame in np.unique(frames)
    ]  # boxes of a frame are ordered by confidence
    truth = (
        AnnotatedPerson(int(frames[i]), f"clip {int(frames[i]) // GRID_CLIP}", (*boxes[i],)) for i in first
    )
    return replace(scene, truth=tuple(truth))


def tud(sequence: str, sure: float, seed: int) -> TrackedScene:
    """Boxes as a detector of mean confidence `sure` might find them: moved a little, missed where others
    stand before, some of nobody.
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
                        float(np.clip(chance.normal(sure * (1 - 0.5 * hidden), 0.12), 0, 1)),
                        (*box.tolist(),),
                    )
                )
        for _ in range(chance.poisson(0.4)):
            left, top = chance.uniform(0, 560), chance.uniform(100, 240)
            found.append(
                (frame, float(min(0.7, chance.exponential(0.12) + 0.1)), (left, top, left + 60, top + 160))
            )
    kept = sorted(
        (one for one in found if one[1] >= PersonSettings().min_confidence), key=lambda one: (one[0], -one[1])
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
    """The largest share of a box that another one, nearer to the camera, covers."""
    own = corners([person])[0]
    nearer = corners([other for other in people if other is not person and other.box[3] > person.box[3]])
    shared = (np.minimum(own[2:], nearer[:, 2:]) - np.maximum(own[:2], nearer[:, :2])).clip(0).prod(axis=1)
    return float(shared.max(initial=0.0) / (own[2:] - own[:2]).prod())


def _scene(path: Path, truth: list[AnnotatedPerson]) -> TrackedScene:
    settings = told([*NEURAL, f"person.sample_fps={SAMPLE_FPS}"], path)
    video, _ = work(path, settings)
    numbers = person_numbers(path, settings)
    seen = set(numbers.sampled.tolist())
    fps = min(float(SAMPLE_FPS), float(video.nominal_fps))
    return TrackedScene(
        numbers,
        _resets(video, numbers, settings),
        fps,
        tuple(person for person in truth if person.frame in seen),
    )


def _resets(video: Video, numbers: FrameNumbers, settings: Settings) -> tuple[int, ...]:
    return tuple(track_resets(video, numbers, settings))


def _tracked(numbers: FrameNumbers, ids: Ints) -> Iterator[AnnotatedPerson]:
    for frame, who, box in zip(numbers.box_frames.tolist(), ids.tolist(), numbers.xyxy.tolist(), strict=True):
        if who != NO_TRACK:
            yield AnnotatedPerson(frame, str(who), tuple(box))
