"""Annotations of one pipeline of one video as one COCO-shaped document, and back without loss.

Boxes are `[x, y, width, height]` in pixels, times are seconds. Beside COCO's own keys a document has
`videos` and `tracks` (as TAO has them). Its last keys are `files`, the names and sizes of files beside it,
if there are any, and `generation`, the digest of the result. So the last bytes show whether the file is
complete and belongs to the current result.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, Final

import numpy as np

from schemas.annotations.annotation import FACE_IDENTITY, PERSON_TRACK, SCENE_TYPE, Annotation, BBox
from schemas.annotations.attributes import attributes_of, record_of
from schemas.annotations.categories import Record, categories, numbered
from schemas.media.audio import AudioStream
from schemas.media.video import Video
from schemas.paths import name_of
from schemas.pipelines import FACE

TAIL_BYTES: Final = 400  # The last bytes of a file that `generation_of` and `files_of` need.

_TRACK_TYPES: Final = (PERSON_TRACK, FACE_IDENTITY)
_SHARED_KEYS: Final = (
    "annotation_id",
    "annotation_type",
    "video_id",
    "person_id",
    "face_id",
    "speaker_id",
    "scene_id",
    "frame_number",
)
_GENERATION: Final = re.compile(rb'"generation":\s*"([^"\\]+)"\s*}\s*\Z')
_FILES: Final = re.compile(rb'"files":\s*({[^{}]*}),\s*"generation"')


def reading_order(annotation: Annotation) -> tuple[Any, ...]:
    """The sorting key of rows as stores return them: type, frame, time, id.

    Rows without a frame or without a time come first.
    """
    return (annotation.annotation_type, *frame_order(annotation))


def frame_order(annotation: Annotation) -> tuple[Any, ...]:
    """The sorting key of rows of whatever types: frame, time, id; rows without one come first."""
    frame, time_s = annotation.frame_number, annotation.timestamp_seconds
    return (
        frame is not None,
        frame or 0,
        time_s is not None,
        time_s or 0.0,
        annotation.annotation_id,
    )


def document(
    pipeline: str,
    video: Video | None,
    annotations: Iterable[Annotation],
    *,
    info: Mapping[str, Any],
    generation: str,
    files: Mapping[str, int] | None = None,
) -> Record:
    """The COCO-shaped document of one pipeline's result.

    `info` is provenance: versions, model, configuration; `files` are names and sizes of the files that
    belong beside it. `video` is None only for results saved by hand under a job whose video was never
    probed. Raises ValueError for rows of another pipeline or of several configurations. Format: COCO
    (cocodataset.org, "Data format"), `tracks` as in TAO (Dave et al. 2020).
    """
    rows = sorted(annotations, key=reading_order)
    hashes = {row.config_hash for row in rows}
    if len(hashes) > 1 or {row.pipeline for row in rows} - {pipeline}:
        raise ValueError(f"a document holds one configuration of {pipeline}, got {sorted(hashes)}")
    config_hash = hashes.pop() if hashes else info.get("config_hash", "")
    tracks, kinds = _track_numbers(pipeline, rows), numbered(pipeline, rows)
    records = [
        _record(number, row, video)
        | {"category_id": kinds.get(row.annotation_type, 1)}
        | _track(pipeline, row, tracks)
        for number, row in enumerate(rows, start=1)
    ]
    return {
        "info": {
            "description": f"{pipeline} by vaengine",
            **info,
            "pipeline": pipeline,
            "config_hash": config_hash,
        },
        "licenses": [],
        "videos": [_video(video)] if video else [],
        "images": _images(rows, video),
        "annotations": [record for record in records if record["annotation_type"] not in _TRACK_TYPES],
        "tracks": [record for record in records if record["annotation_type"] in _TRACK_TYPES],
        "categories": categories(pipeline, rows),
        **({"files": dict(files)} if files else {}),
        "generation": generation,
    }


def annotations_of(document: Mapping[str, Any]) -> list[Annotation]:
    """The annotations of a document, in reading order."""
    info = document["info"]
    records = [*document["annotations"], *document.get("tracks", ())]
    return sorted(
        (annotation_of(record, info["pipeline"], info["config_hash"]) for record in records),
        key=reading_order,
    )


def to_bytes(document: Mapping[str, Any]) -> bytes:
    """UTF-8 JSON with one record a line: readable, and a third smaller than indented JSON."""
    return (
        "{\n" + ",\n".join(f"{json.dumps(key)}: {_json(value)}" for key, value in document.items()) + "\n}\n"
    ).encode()


def generation_of(tail: bytes) -> str | None:
    """The generation in a document's last bytes (`TAIL_BYTES`); None where it is cut off."""
    match = _GENERATION.search(tail)
    return match.group(1).decode() if match else None


def files_of(tail: bytes) -> dict[str, int]:
    """Names and sizes of the files that belong beside a document, from its last bytes (`TAIL_BYTES`).

    Empty where there are none.
    """
    match = _FILES.search(tail)
    return json.loads(match.group(1)) if match else {}


def _json(value: object) -> str:
    if isinstance(value, list) and value:
        return (
            "[\n"
            + ",\n".join(json.dumps(item, ensure_ascii=False, allow_nan=False) for item in value)
            + "\n]"
        )
    return json.dumps(value, ensure_ascii=False, allow_nan=False)


def _video(video: Video) -> Record:
    return {
        "id": 1,
        "video_id": video.video_id,
        "file_name": name_of(video.path),
        "width": video.width,
        "height": video.height,
        "fps": float(video.nominal_fps),
        "frame_count": video.frame_count,
        "duration": video.duration_s,
        "fingerprint": video.fingerprint,
        "sound": _sound(video, video.sound) if video.sound else None,
    }


def _sound(video: Video, sound: AudioStream) -> Record:
    return {
        **({"track": sound.track} if len(video.sounds) > 1 else {}),
        "codec": sound.codec,
        "sample_rate": sound.sample_rate,
        "channels": sound.channels,
        "start_time": video.sound_start_s,
        "duration": sound.duration_s,
    }


def _images(rows: Sequence[Annotation], video: Video | None) -> list[Record]:
    """One image per frame that has a box.

    In every document of the video its id is the frame number plus one.
    """
    times = {
        row.frame_number: row.timestamp_seconds for row in rows if row.bbox and row.frame_number is not None
    }
    size = {"width": video.width, "height": video.height} if video else {}
    video_id = rows[0].video_id if rows else ""
    return [
        {"id": frame + 1, **size, "file_name": f"{video_id}_frame_{frame:06d}.jpg", "video_id": video_id}
        | {"frame_number": frame, "timestamp": time_s}
        for frame, time_s in sorted(times.items())
    ]


def _track_name(pipeline: str, row: Annotation) -> str | None:
    """The person or, in face_analysis, the face that a row belongs to."""
    return row.face_id if pipeline == FACE else row.person_id


def _track_numbers(pipeline: str, rows: Sequence[Annotation]) -> Mapping[str, int]:
    """A number for every person or face: the one its name ends in, else its rank."""
    names = sorted({name for row in rows if (name := _track_name(pipeline, row)) is not None})
    endings = {name: re.search(r"\d+\Z", name) for name in names}
    numbers = {name: int(ending.group()) for name, ending in endings.items() if ending}
    if len(set(numbers.values())) == len(names):
        return numbers
    return {name: rank for rank, name in enumerate(names, start=1)}


def _track(pipeline: str, row: Annotation, numbers: Mapping[str, int]) -> Record:
    name = _track_name(pipeline, row)
    return {} if name is None else {"track_id": numbers[name]}


def _record(number: int, row: Annotation, video: Video | None) -> Record:
    box = row.bbox
    has_frame = box is not None and row.frame_number is not None
    record: Record = {
        "id": number,
        "image_id": (row.frame_number or 0) + 1 if has_frame else None,
        "category_id": 1,
        **_box(row, video),
        "score": row.confidence,
        "timestamp": row.timestamp_seconds,
        **{name: value for name in _SHARED_KEYS if (value := getattr(row, name)) is not None},
    }
    if row.end_seconds is not None:
        record |= _stretch(row, video)
    return record | record_of(row.annotation_type, row.attributes)


def _box(row: Annotation, video: Video | None) -> Record:
    """The box of a row; a scene gets the whole picture as its box and `whole_frame`.

    Readers of COCO expect a box.
    """
    if row.bbox is not None:
        box = row.bbox
        return {"bbox": [box.x, box.y, box.width, box.height], "area": box.width * box.height, "iscrowd": 0}
    if row.annotation_type == SCENE_TYPE and video is not None:
        size = [video.width, video.height]
        return {"bbox": [0, 0, *size], "area": video.width * video.height, "iscrowd": 0, "whole_frame": True}
    return {}


def _stretch(row: Annotation, video: Video | None) -> Record:
    """Times and frames `[start, end)`; `timestamp` of a stretch is its middle, as other tools write it."""
    start_s, end_s = row.timestamp_seconds or 0.0, row.end_seconds or 0.0
    record = {
        "timestamp": (start_s + end_s) / 2,
        "start_time": start_s,
        "end_time": end_s,
        "duration": end_s - start_s,
    }
    if row.frame_number is None or video is None or not video.index.exact:
        return record
    end_pts = round(end_s / float(video.time_base)) + video.start_pts
    return record | {
        "frame_start": row.frame_number,
        "frame_end": int(np.searchsorted(video.index.pts, end_pts)),
    }


def annotation_of(record: Mapping[str, Any], pipeline: str, config_hash: str) -> Annotation:
    """The annotation that a record of a document was made from."""
    box = record.get("bbox")
    shared: dict[str, Any] = {name: record.get(name) for name in _SHARED_KEYS}
    return Annotation(
        pipeline=pipeline,
        config_hash=config_hash,
        timestamp_seconds=record.get("start_time", record["timestamp"]),
        end_seconds=record.get("end_time"),
        confidence=record["score"],
        bbox=BBox(*box) if box and not record.get("whole_frame") else None,
        attributes=attributes_of(record["annotation_type"], record),
        **shared,
    )
