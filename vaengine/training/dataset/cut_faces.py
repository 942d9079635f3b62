"""Faces of a video, each cut out, as candidates of a set of who is who."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Final

import numpy as np

from schemas.annotations.annotation import FACE_DETECTION, Annotation, BBox
from schemas.pipelines import FACE
from vaengine.exporting.formats.yolo import shares_inside
from vaengine.exporting.values.answers import is_sure
from vaengine.exporting.values.exported_video import ExportedVideo
from vaengine.exporting.values.frame_rows import box_of
from vaengine.exporting.values.source import Source
from vaengine.training.dataset.candidate import Candidate, LeftOutCounts
from vaengine.training.dataset.duplicates import SAME_FACE, repeated_faces
from vaengine.training.dataset.request import DatasetRequest
from vaengine.training.dataset.sampling import spaced, thinned

MARGIN: Final = 0.2  # of a face's size, that is cut out beyond each of its sides


@dataclass(frozen=True, slots=True)
class _Face:
    row: Annotation
    time_s: float


def cut_faces(
    source: Source,
    video: ExportedVideo,
    request: DatasetRequest,
    identities: Mapping[tuple[str, str], str],
    left: LeftOutCounts,
) -> list[Candidate]:
    """The faces of a video that may be taken, by frame, each labelled by who it is.

    That is a person's name, else an identity of the collection, given by video and face in `identities`,
    else the face's own id in this video.
    """
    by_face: dict[str, list[_Face]] = {}
    for face in _faces(source, video, request, left):
        by_face.setdefault(str(face.row.face_id), []).append(face)
    sampled = sorted(
        (face for own in by_face.values() for face in spaced(own, request.every_s)),
        key=lambda face: (face.row.frame_number or 0, face.row.annotation_id),
    )
    found = [
        found
        for face in thinned(sampled, request.max_pictures)
        if (found := _candidate(video, face, identities))
    ]
    left.add("pictures", f"more than {request.max_pictures} of one video", len(sampled) - len(found))
    return _distinct(source, video, found, left) if request.drop_duplicates else found


def _faces(
    source: Source, video: ExportedVideo, request: DatasetRequest, left: LeftOutCounts
) -> Iterator[_Face]:
    for own in source.frames(video, FACE_DETECTION):
        for row in own.rows:
            box = box_of(row)
            if row.face_id is None:
                left.add("faces", "of no identity")
            elif not is_sure(row, request.min_confidence):
                left.add("faces", f"less sure than {request.min_confidence:g}")
            elif min(box.width, box.height) < request.min_pixels:
                left.add("faces", f"smaller than {request.min_pixels} pixels")
            else:
                yield _Face(row, own.time_s)


def _candidate(
    video: ExportedVideo, face: _Face, identities: Mapping[tuple[str, str], str]
) -> Candidate | None:
    row, box = face.row, box_of(face.row)
    wide = BBox(
        box.x - MARGIN * box.width,
        box.y - MARGIN * box.height,
        box.width * (1 + 2 * MARGIN),
        box.height * (1 + 2 * MARGIN),
    )
    crop = shares_inside(wide, video.video.width, video.video.height)
    if crop is None:
        return None
    face_id = str(row.face_id)
    known = video.names.get(face_id) or identities.get((video.video_id, face_id))
    label = known or f"{video.video_id}_{face_id}"
    frame = row.frame_number or 0
    return Candidate(
        video.video_id, frame, face.time_s, label=label, crop=crop, annotation_id=row.annotation_id
    )


def _distinct(
    source: Source, video: ExportedVideo, found: Sequence[Candidate], left: LeftOutCounts
) -> list[Candidate]:
    """Without faces that repeat an earlier one by their embeddings; those without one stay."""
    embeddings = source.store.embeddings(video.keys[FACE]) if FACE in video.keys else None
    if embeddings is None:
        return list(found)
    rows = {name: row for row, name in enumerate(embeddings.annotation_ids)}
    known = [candidate for candidate in found if candidate.annotation_id in rows]
    vectors = embeddings.vectors[[rows[one.annotation_id] for one in known]].astype(np.float32)
    repeated = repeated_faces(vectors, [one.label for one in known])
    dropped = {one.annotation_id for one, is_it in zip(known, repeated, strict=True) if is_it}
    left.add("pictures", f"near-duplicates by embedding (cosine from {SAME_FACE} on)", len(dropped))
    compared = {one.annotation_id for one in known}
    return [
        replace(one, is_compared=one.annotation_id in compared)
        for one in found
        if one.annotation_id not in dropped
    ]
