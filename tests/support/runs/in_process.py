"""A video looked at by the engine's own stages, one after the other in this process: no Ray, no store."""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from actors.container.completeness import Completeness
from actors.finalize.index_correction import corrected
from actors.finalize.person_rows import associate
from actors.finalize.results import picture_verdict
from actors.stages.chunk_reader import read_chunk
from schemas.annotations.annotation import Annotation
from schemas.media.video import Video
from schemas.pipelines import SCENE
from schemas.settings.settings import EngineSettings, Settings
from schemas.work.chunk import ChunkSpec
from schemas.work.manifest import FrameNumbers
from schemas.work.messages import ChunkEnd
from vaengine.planning.plan import chunks_of, work_keys
from vaengine.planning.prober import probe_path


class Unwatched:
    """A run that nobody stops."""

    def started(self) -> bool:
        return True

    def stopping(self) -> bool:
        return False


@dataclass(frozen=True)
class Looked:
    """What scene detection made of a video: facts as they are stored once it is decoded, its frames,
    scenes and what is said of it.
    """

    video: Video
    numbers: FrameNumbers
    scenes: tuple[Annotation, ...]
    verdict: Completeness

    @property
    def cuts(self) -> list[int]:
        """Frames that begin a scene, the first one of the video aside."""
        return [scene.frame_number or 0 for scene in self.scenes[1:]]

    @property
    def said(self) -> str:
        return str(self.verdict.error or self.verdict.warning or "")


def looked_at(path: Path, settings: Settings | None = None, *, chunk_s: float = 15.0) -> Looked:
    """Scene detection of a file, in chunks of about `chunk_s`; raises what makes a file no video."""
    chosen = replace_chunk(settings or Settings(), chunk_s)
    probed = probe_path(str(path), video_track=chosen.decode.video_track)
    if probed.error is not None or probed.video is None:
        raise probed.error or AssertionError(path)
    (key,) = work_keys(probed.video.video_id, (SCENE,), chosen)
    ends = [end_of(spec) for spec in chunks_of(probed.video, {key: []}, chosen)]
    numbers = FrameNumbers.joined(_numbers(end) for end in ends)
    video = corrected(probed.video, numbers)
    lost = [frame for end in ends for frame in end.lost]
    return Looked(
        video, numbers, associate(video, numbers, chosen, key), picture_verdict(video, lost, numbers, chosen)
    )


def replace_chunk(settings: Settings, chunk_s: float) -> Settings:
    return settings.model_copy(update={"engine": EngineSettings(chunk_seconds=chunk_s)})


def end_of(spec: ChunkSpec) -> ChunkEnd:
    """The end of a chunk none of whose pictures a model wants; a failure of ours is raised."""
    *_, end = read_chunk(replace(spec, samplings=()), Unwatched())
    assert isinstance(end, ChunkEnd)
    assert end.failure is None, end.failure
    return end


def _numbers(end: ChunkEnd) -> FrameNumbers:
    return replace(
        FrameNumbers.none(),
        frame_numbers=end.frame_numbers,
        frame_pts=end.frame_pts,
        scene_scores=end.scene_scores,
    )


def displayed(path: Path) -> list[np.ndarray]:
    """Every picture of a file the way up that it is shown, BGR."""
    from actors.decoding.decoder import ChunkDecoder
    from actors.probing.probe import probe
    from vaengine.planning.plan import chunk_spec

    video = probe(str(path))
    return [
        frame.bgr(is_upright=True)
        for frame in ChunkDecoder(chunk_spec(video, 0, len(video.index)))
        if not frame.is_trailing
    ]
