"""Runs the engine's parts on one video in this process: no Ray, no store, and a fault ends it."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path

from bench.rivals.ultralytics_loop import WEIGHTS
from schemas.annotations.annotation import Annotation
from schemas.media.video import Video
from schemas.pipelines import PERSON
from schemas.settings.settings import Settings
from schemas.work.chunk import ChunkSpec, WorkKey
from schemas.work.manifest import FrameNumbers
from schemas.work.messages import ChunkEnd, DetectionsMessage, FramesMessage

NEURAL = ("preset=fast", f"person.weights={WEIGHTS}", "models.allow_pickle=true")  # the library's own weights


def told(assignments: Sequence[str], path: Path) -> Settings:
    """Settings as `vaengine run PATH --pipelines person --set KEY=VALUE ...` resolves them; raises a
    `UsageError` as it does.
    """
    from vaengine.requests.run_options import RunOptions, resolve_request

    return resolve_request(
        RunOptions(paths=(str(path),), pipelines="person", settings=tuple(assignments))
    ).request.settings


def person_rows(path: Path, settings: Settings) -> tuple[Annotation, ...]:
    """Final rows of person_tracking."""
    from actors.finalize.person_rows import associate

    video, key = work(path, settings)
    return associate(video, person_numbers(path, settings), settings, key)


def person_numbers(path: Path, settings: Settings) -> FrameNumbers:
    """Scores and boxes of a whole video."""
    from actors.finalize.commits import numbers_of
    from actors.stages.batching import BatchedDetector, detector_named

    vision = BatchedDetector(detector_named(settings))
    joined: list[FrameNumbers] = []
    seen: list[DetectionsMessage] = []
    for value in read(path, settings):
        if isinstance(value, FramesMessage):
            (boxes,) = vision.detect([value.frames])
            seen.append(
                DetectionsMessage(
                    value.chunk_id,
                    value.video_id,
                    value.pipeline,
                    value.number,
                    value.frames.frame_numbers,
                    tuple(boxes),
                )
            )
        else:
            joined.append(numbers_of(value, seen))
            seen = []
    return FrameNumbers.joined(joined)


def read(path: Path, settings: Settings) -> Iterator[FramesMessage | ChunkEnd]:
    """Pictures and ends of all chunks of a video, in order; raises `RuntimeError` where one cannot be
    read.
    """
    from actors.stages.chunk_reader import read_chunk

    for spec in chunks(path, settings):
        for value in read_chunk(spec, _Unwatched()):
            if isinstance(value, ChunkEnd) and value.failure:
                raise RuntimeError(value.failure.message)
            yield value


def chunks(path: Path, settings: Settings) -> list[ChunkSpec]:
    """A whole video as a run cuts it for person_tracking."""
    from vaengine.planning.plan import chunks_of

    video, key = work(path, settings)
    return chunks_of(video, {key: []}, settings)


def work(path: Path, settings: Settings) -> tuple[Video, WorkKey]:
    """The video as it is probed, and the key of its person_tracking."""
    from actors.probing.probe import probe
    from vaengine.planning.plan import work_keys

    video = probe(str(path))
    (key,) = work_keys(video.video_id, [PERSON], settings)
    return video, key


class _Unwatched:
    """A reader's line to nobody: begin, and never stop."""

    def started(self) -> bool:
        return True

    def stopping(self) -> bool:
        return False
