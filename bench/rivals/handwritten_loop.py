"""A handwritten loop over the engine's decoder, sampling, detectors and association.

It has no Ray, no store, no files and no resume, and a fault ends it.
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

# A chunk is a whole video: no frame is decoded twice.
WHOLE = Settings(preset="embedded", engine=EngineSettings(chunk_seconds=3600))


def warm(_: int = 0) -> None:
    """Do nothing: a process that is sent this function has imported this module, which is then not timed."""


def annotate(path: Path) -> int:
    """Annotate one video with the pipelines for scenes and persons; returns the number of rows."""
    from actors.finalize.person_rows import associate
    from actors.probing.probe import probe
    from vaengine.planning.plan import chunks_of, work_keys

    video = probe(str(path))
    keys = work_keys(video.video_id, (SCENE, PERSON), WHOLE)
    numbers = FrameNumbers.joined(
        numbers_of(spec) for spec in chunks_of(video, {key: [] for key in keys}, WHOLE)
    )
    return sum(len(associate(video, numbers, WHOLE, key)) for key in keys)


def numbers_of(spec: ChunkSpec, settings: Settings = WHOLE) -> FrameNumbers:
    """The scores of all frames and the boxes of the sampled frames, for a chunk that is a whole video."""
    from actors.decoding.decoder import frames
    from actors.decoding.sampling import Sampler
    from actors.vision.scene_scores import ContentScorer

    scorer = ContentScorer()
    sampling = next(iter(spec.samplings), None)
    sampler = Sampler(spec.origin_pts, spec.time_base, sampling.fps) if sampling else None
    scored: list[tuple[int, int, float]] = []
    sampled: list[tuple[int, Pixels]] = []
    for frame in frames(spec):
        scored.append((frame.number, frame.pts, scorer.score(frame.bgr())))
        if sampling and sampler and sampler.takes(frame.pts):
            sampled.append((frame.number, frame.rgb(sampling.width, sampling.height, sampling.filter)))
    detections = boxes(spec, [pixels for _, pixels in sampled], settings)
    return joined(scored, [number for number, _ in sampled], detections)


def boxes(spec: ChunkSpec, frames: Sequence[Pixels], settings: Settings) -> list[Detections]:
    """The boxes in each frame, in displayed pixels; batches have a fixed size, padded with the last frame."""
    from actors.stages.batching import detector_named

    detector = detector_named(settings)
    detections: list[Detections] = []
    for first in range(0, len(frames), detector.batch_size):
        batch = list(frames[first : first + detector.batch_size])
        padded = [*batch, *[batch[-1]] * (detector.batch_size - len(batch))]
        height, width = batch[0].shape[:2]
        detections += [
            detected.scaled(spec.width / width, spec.height / height)
            for detected in detector.detect(padded)[: len(batch)]
        ]
    return detections


def joined(
    scored: Sequence[tuple[int, int, float]], sampled: Sequence[int], detections: Sequence[Detections]
) -> FrameNumbers:
    """The numbers of a video; `scored` has (number, pts, score) of every frame, `sampled` frame numbers."""
    numbers, pts, scores = zip(*scored, strict=True)
    return FrameNumbers(
        frame_numbers=np.array(numbers, np.int64),
        frame_pts=np.array(pts, np.int64),
        scene_scores=np.array([*scores[1:], 0.0], np.float64),  # of each frame against the next
        sampled=np.array(sampled, np.int64),
        box_frames=np.repeat(np.array(sampled, np.int64), [len(detected) for detected in detections]),
        xyxy=np.concatenate([np.zeros((0, 4)), *(detected.xyxy for detected in detections)]),
        confidence=np.concatenate([np.zeros(0), *(detected.confidence for detected in detections)]),
    )


def one_process(clips: Iterable[Path]) -> int:
    """Annotate all clips, one after the other; returns the number of rows."""
    return sum(annotate(clip) for clip in clips)


class OneProcessPerCore:
    """Annotates whole videos in a pool of processes, which are started before they are timed."""

    def __init__(self, processes: int) -> None:
        self._pool = ProcessPoolExecutor(processes, mp_context=get_context("spawn"))
        list(self._pool.map(warm, range(processes * 2)))

    def __call__(self, clips: Iterable[Path]) -> int:
        return sum(self._pool.map(annotate, clips))

    def close(self) -> None:
        """End the processes."""
        self._pool.shutdown()
