"""Makes the commit of a chunk of frames or a block of sound."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import fields
from typing import Final

import numpy as np

from actors.finalize.reassembly import WholeChunk
from schemas.inference.detections import Detections, joined
from schemas.inference.transcript import AudioAnalysis
from schemas.media.video import Video
from schemas.pipelines import SEEING
from schemas.work.audio_block import AudioBlock
from schemas.work.chunk import WorkKey
from schemas.work.manifest import ChunkCommit, FrameNumbers, ManifestLine
from schemas.work.messages import ChunkEnd, DetectionsMessage

DETECTION_FIELDS: Final = tuple(field.name for field in fields(Detections))


def chunk_commit(chunk: WholeChunk, key: WorkKey, video: Video, job_id: str) -> ChunkCommit:
    """One pipeline's share of a chunk: its numbers, and its provisional rows."""
    spec, own = chunk.end.spec, chunk.of(key.pipeline)
    numbers = numbers_of(chunk.end, own)
    line = ManifestLine(
        key=key,
        start_pts=spec.start_pts,
        end_pts=spec.end_pts,
        first_frame=spec.first_frame,
        # Where the number of frames is unknown they are counted.
        frame_count=spec.frame_count if len(spec.pts) else max(1, len(chunk.end.frame_numbers)),
        lost=chunk.end.lost,
        checksum=numbers.checksum(),
        attempt=spec.attempt,
        seconds=chunk.end.decode_s / len(spec.keys) + sum(message.model_s for message in own),
    )
    # Imports OpenCV, which the driver that starts finalizers does not need.
    from actors.finalize.person_rows import provisional

    rows = provisional(numbers, key, video) if key.pipeline in SEEING else ()
    return ChunkCommit(line, job_id, rows, numbers.to_bytes(), spec.chunk_id)


def block_commit(block: AudioBlock, analysis: AudioAnalysis, seconds: float, job_id: str) -> ChunkCommit:
    """The commit of a block of sound; it has no rows before all blocks are committed."""
    payload = analysis.to_bytes()
    line = ManifestLine(
        key=block.key,
        start_pts=block.first,
        end_pts=block.stop,
        first_frame=block.first,
        frame_count=block.stop - block.first,
        lost=(),
        checksum=hashlib.sha256(payload).hexdigest(),
        attempt=block.attempt,
        seconds=seconds,
    )
    return ChunkCommit(line, job_id, (), payload, block.chunk_id)


def numbers_of(end: ChunkEnd, messages: Sequence[DetectionsMessage]) -> FrameNumbers:
    """A chunk's numbers; boxes are ordered by frame and, within it, as the detector ranked them."""
    per_frame = [
        (int(frame), boxes)
        for message in messages
        for frame, boxes in zip(message.frame_numbers, message.detections, strict=True)
    ]
    sampled, none = np.array([frame for frame, _ in per_frame], np.int64), Detections.none()
    return FrameNumbers(
        frame_numbers=end.frame_numbers,
        frame_pts=end.frame_pts,
        scene_scores=end.scene_scores,
        sampled=sampled,
        box_frames=np.repeat(sampled, [len(boxes) for _, boxes in per_frame]) if per_frame else sampled,
        **{
            name: joined([getattr(none, name), *(getattr(boxes, name) for _, boxes in per_frame)])
            for name in DETECTION_FIELDS
        },
    )
