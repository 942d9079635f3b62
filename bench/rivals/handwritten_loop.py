"""A handwritten loop with the engine's decoder, detectors, sampling and association only.

No Ray, no store, no files, no resume, and a fault ends it.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from concurrent.futures import ProcessPoolExecutor
from multiprocessing import get_context
from pathlib import Path

import numpy as np

from schemas.inference.detections import Detections
from schemas.media.frames import Pixels
from schemas.pipelines import PERSON, SCENE
from schemas.settings.settings import EngineSettings, Settings
from schemas.work.chunk import ChunkSpec
from schemas.work.manifest import FrameNumbers

WHOLE = Settings(
    preset="embedded", engine=EngineSettings(chunk_seconds=3600)
)  # one chunk a video: nothing is decoded twice


def warm(_: int = 0) -> None:
    """Import what the loop needs, so that it is not timed."""


def annotate(path: Path) -> int:
    """Annotate one video with every pipeline; the number of rows."""
    from actors.finalize.person_rows import associate
    from actors.probing.probe import probe
    from vaengine.planning.plan import chunks_of, work_keys

    video = probe(str(path))
    keys = work_keys(video.video_id, (SCENE, PERSON), WHOLE)
    numbers = FrameNumbers.joined(seen(spec) for spec in chunks_of(video, {key: [] for key in keys}, WHOLE))
    return sum(len(associate(video, numbers, WHOLE, key)) for key in keys)


def seen(spec: ChunkSpec, settings: Settings = WHOLE) -> FrameNumbers:
    """Scores of all frames and boxes of the sampled ones; the chunk is a whole video, so no frame before
    it is read.
    """
    from actors.decoding.decoder import frames
    from actors.decoding.sampling import Sampler
    from actors.vision.scene_scores import ContentScorer

    scorer = ContentScorer()
    sampling = next(iter(spec.samplings), None)
    sampler = Sampler(spec.origin_pts, spec.time_base, sampling.fps) if sampling else None
    shown: list[tuple[int, int, float]] = []
    sampled: list[tuple[int, Pixels]] = []
    for frame in frames(spec):
        shown.append((frame.number, frame.pts, scorer.score(frame.bgr())))
        if sampling and sampler and sampler.takes(frame.pts):
            sampled.append((frame.number, frame.rgb(sampling.width, sampling.height, sampling.filter)))
    return joined(
        shown, [number for number, _ in sampled], boxes(spec, [pixels for _, pixels in sampled], settings)
    )


def boxes(spec: ChunkSpec, pictures: Sequence[Pixels], settings: Settings) -> list[Detections]:
    """Boxes of each picture in displayed pixels, detected in fixed batches padded by the last picture."""
    from actors.stages.batching import detector_named

    detector = detector_named(settings)
    found: list[Detections] = []
    for first in range(0, len(pictures), detector.batch_size):
        batch = list(pictures[first : first + detector.batch_size])
        padded = [*batch, *[batch[-1]] * (detector.batch_size - len(batch))]
        height, width = batch[0].shape[:2]
        found += [
            one.scaled(spec.width / width, spec.height / height)
            for one in detector.detect(padded)[: len(batch)]
        ]
    return found


def joined(
    shown: Sequence[tuple[int, int, float]], sampled: Sequence[int], found: Sequence[Detections]
) -> FrameNumbers:
    """All of a video as the value that association takes; `shown` holds number, pts and score of every
    frame.
    """
    numbers, pts, scores = zip(*shown, strict=True)
    return FrameNumbers(
        frame_numbers=np.array(numbers, np.int64),
        frame_pts=np.array(pts, np.int64),
        scene_scores=np.array([*scores[1:], 0.0], np.float64),  # of each frame against the next
        sampled=np.array(sampled, np.int64),
        box_frames=np.repeat(np.array(sampled, np.int64), [len(one) for one in found]),
        xyxy=np.concatenate([np.zeros((0, 4)), *(one.xyxy for one in found)]),
        confidence=np.concatenate([np.zeros(0), *(one.confidence for one in found)]),
    )


def one_process(clips: Iterable[Path]) -> int:
    """All clips, one after the other; the number of rows."""
    return sum(annotate(clip) for clip in clips)


class OneProcessPerCore:
    """A pool that takes whole videos, warm before it is timed."""

    def __init__(self, processes: int) -> None:
        self._pool = ProcessPoolExecutor(processes, mp_context=get_context("spawn"))
        list(self._pool.map(warm, range(processes * 2)))

    def __call__(self, clips: Iterable[Path]) -> int:
        return sum(self._pool.map(annotate, clips))

    def close(self) -> None:
        self._pool.shutdown()
