"""Cuts what is left to do into chunks and packs them into work items: pure arithmetic over values."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from fractions import Fraction
from itertools import pairwise, zip_longest
from typing import Final

import numpy as np

from cluster.placement import Demand
from schemas.media.audio import BLOCK_SAMPLES, BLOCK_SECONDS
from schemas.media.video import Video
from schemas.pipelines import AUDIO, FACE, PERSON, SCENE, SEEING
from schemas.settings.settings import PersonSettings, Settings, config_hash
from schemas.work.audio_block import AudioBlock
from schemas.work.chunk import ChunkSpec, Sampling, WorkKey
from schemas.work.manifest import ManifestLine

DEFAULT_SETTINGS: Final = Settings()
MIN_CHUNK_S: Final = 3.0  # a shorter chunk is hardly worth the start of the process that works on it


@dataclass(frozen=True, slots=True)
class FrameRange:
    """Frames `[first, stop)` of a video that the same pipelines still need."""

    first: int
    stop: int
    keys: tuple[WorkKey, ...]


@dataclass(frozen=True, slots=True)
class WorkItem:
    """One row of work: a chunk of a long video, or several short chunks that share the cost of a task."""

    chunks: tuple[ChunkSpec, ...]

    @property
    def duration_s(self) -> float:
        return sum(chunk.duration_s for chunk in self.chunks)


def work_keys(
    video_id: str, pipelines: Sequence[str], settings: Settings, *, faces: Settings | None = None
) -> tuple[WorkKey, ...]:
    """One work key per pipeline, sorted by name.

    `faces` are the settings of face_analysis where this video has settings of its own.
    """
    settings_of = {FACE: faces or settings}
    return tuple(
        WorkKey(video_id, pipeline, config_hash(settings_of.get(pipeline, settings), pipeline))
        for pipeline in sorted(pipelines)
    )


def sampling_for(video: Video, pipeline: str, settings: Settings) -> Sampling:
    """Sampling rate, tensor size and filter for one pipeline.

    The size is that of the displayed frame, its longer side at most `input_pixels`; a frame is never
    enlarged.
    """
    model_settings = settings.face if pipeline == FACE else settings.person
    scale = min(1.0, model_settings.input_pixels / max(video.width, video.height))
    width, height = (max(1, round(side * scale)) for side in (video.width, video.height))
    fps = Fraction(model_settings.sample_fps).limit_denominator(1000)
    return Sampling(pipeline, fps, width, height, "area" if model_settings.detector == "hog" else "linear")


def missing(frames: int, committed: Mapping[WorkKey, Sequence[ManifestLine]]) -> list[FrameRange]:
    """Ranges of `[0, frames)` that some key lacks, in order, each with all keys that lack it.

    Every boundary of a committed chunk is kept, so that a new chunk never overlaps an old one.
    """
    lines = [line for key_lines in committed.values() for line in key_lines]
    borders = {
        0,
        frames,
        *(line.first_frame for line in lines),
        *(line.first_frame + line.frame_count for line in lines),
    }
    ordered = sorted(border for border in borders if 0 <= border <= frames)
    ranges: list[FrameRange] = []
    for first, stop in pairwise(ordered):
        keys = tuple(key for key in sorted(committed) if not _covered(committed[key], first))
        if keys and ranges and ranges[-1].stop == first and ranges[-1].keys == keys:
            ranges[-1] = replace(ranges[-1], stop=stop)
        elif keys:
            ranges.append(FrameRange(first, stop, keys))
    return ranges


def _covered(lines: Sequence[ManifestLine], frame: int) -> bool:
    return any(line.first_frame <= frame < line.first_frame + line.frame_count for line in lines)


def cut(video: Video, frame_range: FrameRange, chunk_s: float) -> list[tuple[int, int]]:
    """Cut a frame range into ranges of about `chunk_s` seconds, at keyframes only.

    A cut anywhere else makes the decoder start at a keyframe before it and throw frames away: 1.23x of the
    work at 64-frame cuts on GOPs of 48, 3.15x on a file with one keyframe. At keyframes it costs nothing, so
    a video without them is one streamed chunk.
    """
    if not video.index.exact:
        return [(0, len(video.index))]
    keyframes = video.index.keyframes
    inside = keyframes[(keyframes > frame_range.first) & (keyframes < frame_range.stop)]
    length = chunk_s / float(video.time_base)  # in pts units
    cuts = [frame_range.first]
    for keyframe in inside.tolist():
        if video.index.pts[keyframe] - video.index.pts[cuts[-1]] >= length:
            cuts.append(keyframe)
    return list(zip(cuts, [*cuts[1:], frame_range.stop], strict=True))


def every_frame(keys: Sequence[WorkKey], person: PersonSettings) -> bool:
    """Whether each frame has to be decoded.

    Scenes need each frame, and so do persons unless their tracks may cross cuts. Faces need their sampled
    frames only.
    """
    return not keys or any(
        key.pipeline not in SEEING or (key.pipeline == PERSON and person.reset_at_cuts) for key in keys
    )


def demand_of(pipelines: Sequence[str], settings: Settings) -> Demand:
    """What a run requires of the machines.

    OpenCV's detectors, onnxruntime's YOLO and OpenVINO stay on processors.
    """
    person, needs_vision = settings.person, any(pipeline in SEEING for pipeline in pipelines)
    torch_on_gpu = PERSON in pipelines and person.detector == "yolo" and person.runtime == "torch"
    faces_on_gpu = FACE in pipelines and settings.face.device == "cuda"
    return Demand(
        settings.engine.workers,
        vision=needs_vision,
        uses_gpu=torch_on_gpu or faces_on_gpu,
        hearing=AUDIO in pipelines,
        pictures=any(pipeline != AUDIO for pipeline in pipelines),
        hears_on_gpu=AUDIO in pipelines and settings.audio.device == "cuda",
    )


def chunk_spec(
    video: Video,
    first: int,
    stop: int,
    keys: tuple[WorkKey, ...] = (),
    *,
    settings: Settings = DEFAULT_SETTINGS,
) -> ChunkSpec:
    """The chunk of frames `[first, stop)`, with samplings for those keys whose models see frames."""
    pts, keyframes, reaches_end = video.index.pts, video.index.keyframes, stop >= len(video.index)
    before = 1 if first > 0 and video.index.exact else 0
    return ChunkSpec(
        video_id=video.video_id,
        path=video.path,
        stream_index=video.stream_index,
        time_base=video.time_base,
        origin_pts=video.start_pts,
        rotation=video.rotation,
        width=video.width,
        height=video.height,
        first_frame=first,
        frame_count=stop - first,
        start_pts=int(pts[first]) if video.index.exact else video.start_pts,
        end_pts=video.end_pts if reaches_end else int(pts[stop]),
        seek_pts=_governing_keyframe(video, first),
        pts=pts[first - before : stop] if video.index.exact else np.zeros(0, np.int64),
        before=before,
        keys=keys,
        samplings=tuple(
            sampling_for(video, key.pipeline, settings) for key in keys if key.pipeline in SEEING
        ),
        every_frame=every_frame(keys, settings.person),
        backend=settings.decode.backend,
        keyframes=pts[keyframes[(keyframes > first) & (keyframes < stop)]],
        mirrored=video.mirrored,
        estimates=pts[:0] if video.index.exact else pts,
        made_up=video.index.made_up,
    )


def _governing_keyframe(video: Video, frame: int) -> int | None:
    if frame == 0 or not video.index.exact:
        return None
    keyframes = video.index.keyframes
    at = int(np.searchsorted(keyframes, frame, side="right")) - 1
    return int(video.index.pts[keyframes[at]]) if at >= 0 else None


def chunk_seconds(video_s: float, max_s: float, parts: int) -> float:
    """Length of the chunks of a video of `video_s` seconds: at least `parts` of them, but no tiny ones."""
    return min(max_s, max(MIN_CHUNK_S, video_s / parts))


def chunks_of(
    video: Video, committed: Mapping[WorkKey, Sequence[ManifestLine]], settings: Settings, *, parts: int = 1
) -> list[ChunkSpec]:
    """Chunks of one video's frames that no manifest line covers yet; `parts` as in `chunk_seconds`."""
    chunk_s = chunk_seconds(video.duration_s, settings.engine.chunk_seconds, parts)
    committed_frames = {key: lines for key, lines in committed.items() if key.pipeline != AUDIO}
    return [
        chunk_spec(video, first, stop, frame_range.keys, settings=settings)
        for frame_range in missing(video.units(SCENE), committed_frames)
        for first, stop in cut(video, frame_range, chunk_s)
    ]


def blocks_of(
    video: Video, committed: Mapping[WorkKey, Sequence[ManifestLine]], settings: Settings = DEFAULT_SETTINGS
) -> list[AudioBlock]:
    """Blocks of one video's sound that no manifest line covers yet; their borders are always the same."""
    sound = video.listening_to(settings.audio.track).sound
    if sound is None:
        return []
    samples = sound.samples
    return [
        AudioBlock(video.path, sound, key, first, min(samples, first + BLOCK_SAMPLES))
        for key, lines in committed.items()
        if key.pipeline == AUDIO
        for first in range(0, samples, BLOCK_SAMPLES)
        if not _covered(lines, first)
    ]


def block_groups(blocks: Iterable[AudioBlock], max_whole_blocks: int) -> list[tuple[AudioBlock, ...]]:
    """Groups of blocks that are analysed at once, each about as long as a number of whole blocks."""
    groups: list[list[AudioBlock]] = []
    for block in sorted(blocks, key=lambda block: -block.duration_s):
        if (
            not groups
            or sum(one.duration_s for one in groups[-1]) + block.duration_s > max_whole_blocks * BLOCK_SECONDS
        ):
            groups.append([])
        groups[-1].append(block)
    return [tuple(group) for group in groups]


def pack(chunks: Iterable[ChunkSpec], chunk_s: float) -> list[WorkItem]:
    """Pack chunks into work items of about `chunk_s` seconds.

    Short chunks share the fixed cost of a task. A long chunk has an item of its own.
    """
    items: list[WorkItem] = []
    open_item: list[ChunkSpec] = []
    for chunk in chunks:
        if open_item and sum(c.duration_s for c in open_item) + chunk.duration_s > chunk_s:
            items.append(WorkItem(tuple(open_item)))
            open_item = []
        open_item.append(chunk)
    return [*items, WorkItem(tuple(open_item))] if open_item else items


def work_items(per_video: Iterable[Sequence[ChunkSpec]], chunk_s: float) -> list[WorkItem]:
    """All work in the order in which it is begun.

    Videos take turns, the one with the most left first, so that no long video is worked on alone at the end.
    """
    longest_first = sorted(per_video, key=lambda chunks: -sum(chunk.duration_s for chunk in chunks))
    rounds = zip_longest(*longest_first)
    return pack((chunk for chunk_round in rounds for chunk in chunk_round if chunk is not None), chunk_s)
