"""Runs the engine's parts on one video in this process, without Ray or a store; a fault ends the process."""

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


def settings_for(assignments: Sequence[str], path: Path) -> Settings:
    """The settings of `vaengine run PATH --pipelines person --set KEY=VALUE ...`; raises `UsageError`."""
    from vaengine.requests.run_options import RunOptions, resolve_request

    options = RunOptions(paths=(str(path),), pipelines="person", settings=tuple(assignments))
    return resolve_request(options).request.settings


def person_rows(path: Path, settings: Settings) -> tuple[Annotation, ...]:
    """The final rows of the pipeline person_tracking."""
    from actors.finalize.person_rows import associate

    video, key = work(path, settings)
    return associate(video, person_numbers(path, settings), settings, key)


def person_numbers(path: Path, settings: Settings) -> FrameNumbers:
    """The scene scores and person boxes of a whole video."""
    from actors.finalize.commits import numbers_of
    from actors.stages.batching import BatchedDetector, detector_named

    vision = BatchedDetector(detector_named(settings))
    chunk_numbers: list[FrameNumbers] = []
    detections: list[DetectionsMessage] = []
    for value in read(path, settings):
        if isinstance(value, FramesMessage):
            (boxes,) = vision.detect([value.frames])
            detections.append(
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
            chunk_numbers.append(numbers_of(value, detections))
            detections = []
    return FrameNumbers.joined(chunk_numbers)


def read(path: Path, settings: Settings) -> Iterator[FramesMessage | ChunkEnd]:
    """Yield the frames and the ends of all chunks of a video, in order.

    Raises `RuntimeError` for a chunk that cannot be read.
    """
    from actors.stages.chunk_reader import read_chunk

    for spec in chunks(path, settings):
        for value in read_chunk(spec, NoWatch()):
            if isinstance(value, ChunkEnd) and value.failure:
                raise RuntimeError(value.failure.message)
            yield value


def chunks(path: Path, settings: Settings) -> list[ChunkSpec]:
    """The chunks of a whole video, as a run plans them for person_tracking."""
    from vaengine.planning.plan import chunks_of

    video, key = work(path, settings)
    return chunks_of(video, {key: []}, settings)


def work(path: Path, settings: Settings) -> tuple[Video, WorkKey]:
    """The probed video, and the work key of its person_tracking."""
    from actors.probing.probe import probe
    from vaengine.planning.plan import work_keys

    video = probe(str(path))
    (key,) = work_keys(video.video_id, [PERSON], settings)
    return video, key


class NoWatch:
    """A watch for `read_chunk` without a run: chunks may begin and never stop early."""

    def started(self) -> bool:
        """True."""
        return True

    def stopping(self) -> bool:
        """False."""
        return False
