"""Makes the final rows of a video's faces: identities, and links to tracked persons."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from itertools import combinations
from pathlib import PurePath
from typing import Any, Final

import numpy as np

from actors.faces.detector import TRAITS
from actors.faces.person_links import persons_of_faces
from actors.faces.tracklets import tracklets
from actors.finalize.timeline import Timeline, ordinals
from actors.vision.clustering import grouped
from schemas.annotations.annotation import FACE_DETECTION, FACE_IDENTITY, Annotation, BBox, annotation_id
from schemas.media.frames import Floats, Floats32, Ints
from schemas.media.video import Video
from schemas.settings.settings import FaceSettings, Settings
from schemas.storage.backend import Embeddings
from schemas.work.chunk import WorkKey
from schemas.work.manifest import FrameNumbers

NO_IDENTITY: Final = -1


def faces_associated(
    video: Video, numbers: FrameNumbers, tracked: Sequence[Annotation], settings: Settings, key: WorkKey
) -> tuple[tuple[Annotation, ...], Embeddings | None]:
    """A row for each face, then one for each identity, and the embeddings of both.

    Embeddings are float32 unit vectors, None where the detector makes none. `tracked` are rows of
    person_tracking to link faces to. An identity's embedding is the mean of its faces'.
    """
    timeline = Timeline.of(video, numbers)
    identities = identities_of(numbers, settings.face)
    fps = min(settings.person.sample_fps, float(video.nominal_fps) or settings.person.sample_fps)
    times_s = np.array([timeline.start_s(int(frame)) for frame in numbers.box_frames])
    persons = persons_of_faces(numbers.box_frames, times_s, numbers.xyxy, tracked, fps)
    faces = tuple(face_rows(timeline, numbers, key, identities, persons))
    people = tuple(_identity_rows(timeline, faces, identities, key))
    return faces + people, _embedded(numbers.embeddings, faces, people, identities, settings.face)


def identities_of(numbers: FrameNumbers, face: FaceSettings) -> Ints:
    """The identity of each face, numbered from 0 by first appearance.

    It is `NO_IDENTITY` for all faces where there are no embeddings. Faces are joined to tracklets from one
    sampled frame to the next, and tracklets are grouped by mean embedding. Two faces of one frame never
    have one identity.
    """
    if not numbers.embeddings.size:
        return np.full(len(numbers.box_frames), NO_IDENTITY, np.int64)
    of_face = tracklets(
        numbers.sampled, numbers.box_frames, numbers.xyxy, numbers.embeddings, face.same_person
    )
    count = int(of_face.max(initial=-1)) + 1
    means = np.stack([unit(numbers.embeddings[of_face == number].mean(0)) for number in range(count)])
    weights = np.bincount(of_face, minlength=count).astype(np.float64)
    return _renumbered(
        grouped(
            means, least=face.same_person, weights=weights, apart=_pairs_at_once(of_face, numbers.box_frames)
        )[of_face]
    )


def _pairs_at_once(of_face: Ints, frames: Ints) -> list[tuple[int, int]]:
    """Pairs of tracklets that share a frame."""
    pairs: set[tuple[int, int]] = set()
    for frame in np.unique(frames):
        pairs.update(combinations(np.unique(of_face[frames == frame]).tolist(), 2))
    return sorted(pairs)


def _renumbered(labels: Ints) -> Ints:
    """Labels as numbers from 0 by first appearance."""
    number = {label: ordinal for ordinal, label in enumerate(dict.fromkeys(labels.tolist()))}
    return np.array([number[label] for label in labels.tolist()], np.int64)


def unit(vector: Floats32) -> Floats32:
    """The vector at length 1; a zero vector stays as it is."""
    length = float(np.linalg.norm(vector))
    return (vector / length).astype(np.float32) if length else vector.astype(np.float32)


def face_rows(
    timeline: Timeline,
    numbers: FrameNumbers,
    key: WorkKey,
    identities: Ints | None = None,
    persons: Sequence[str | None] | None = None,
) -> Iterator[Annotation]:
    """A row for each box; identities and persons are left out where they are unknown.

    Provisional and final rows have the same annotation ids.
    """
    corners, confidence = numbers.xyxy.tolist(), numbers.confidence.tolist()
    for index, (frame, ordinal) in enumerate(ordinals(numbers.box_frames)):
        left, top, right, bottom = corners[index]
        yield Annotation(
            annotation_id=annotation_id(
                key.video_id, key.pipeline, key.config_hash, FACE_DETECTION, frame, ordinal
            ),
            video_id=key.video_id,
            pipeline=key.pipeline,
            config_hash=key.config_hash,
            annotation_type=FACE_DETECTION,
            timestamp_seconds=timeline.start_s(frame),
            frame_number=frame,
            person_id=None if persons is None else persons[index],
            face_id=None if identities is None else _face_id(int(identities[index])),
            confidence=confidence[index],
            bbox=BBox(left, top, right - left, bottom - top),
            attributes={
                **({"landmarks": numbers.keypoints[index, :, :2].tolist()} if numbers.keypoints.size else {}),
                **(trait_attributes(numbers.traits[index]) if numbers.traits.size else {}),
            },
        )


def trait_attributes(traits: Floats) -> Mapping[str, Any]:
    """Known age, gender and head pose of a face, by name."""
    known = {
        name: float(value) for name, value in zip(TRAITS, traits.tolist(), strict=True) if not np.isnan(value)
    }
    male = known.pop("male", None)
    return known if male is None else {**known, "gender": "male" if male >= 0.5 else "female"}


def _identity_rows(
    timeline: Timeline, faces: Sequence[Annotation], identities: Ints, key: WorkKey
) -> Iterator[Annotation]:
    members = [
        [faces[int(index)] for index in np.flatnonzero(identities == number)]
        for number in range(int(identities.max(initial=NO_IDENTITY)) + 1)
    ]
    for own, (first, ordinal) in zip(
        members, ordinals(np.array([own[0].frame_number for own in members], np.int64)), strict=True
    ):
        last = own[-1].frame_number or 0
        persons = [row.person_id for row in own if row.person_id]
        yield Annotation(
            annotation_id=annotation_id(
                key.video_id, key.pipeline, key.config_hash, FACE_IDENTITY, first, ordinal
            ),
            video_id=key.video_id,
            pipeline=key.pipeline,
            config_hash=key.config_hash,
            annotation_type=FACE_IDENTITY,
            timestamp_seconds=timeline.start_s(first),
            end_seconds=timeline.start_s(last + 1),
            frame_number=first,
            person_id=max(sorted(set(persons)), key=persons.count, default=None),
            face_id=own[0].face_id,
            confidence=float(np.mean([row.confidence for row in own])),
            attributes={
                "faces": len(own),
                "persons": sorted(set(persons)),
                "frame_start": first,
                "frame_end": last + 1,
                **_summarised_traits(own),
            },
        )


def _summarised_traits(faces: Sequence[Annotation]) -> Mapping[str, Any]:
    """The median age and the most frequent gender, where they are known."""
    ages = [row.attributes["age"] for row in faces if "age" in row.attributes]
    genders = [row.attributes["gender"] for row in faces if "gender" in row.attributes]
    return {
        **({"age": float(np.median(ages))} if ages else {}),
        **({"gender": max(sorted(set(genders)), key=genders.count)} if genders else {}),
    }


def _embedded(
    vectors: Floats32,
    faces: Sequence[Annotation],
    people: Sequence[Annotation],
    identities: Ints,
    face: FaceSettings,
) -> Embeddings | None:
    if not vectors.size:
        return None
    means = [unit(vectors[identities == number].mean(0)) for number in range(len(people))]
    ids = tuple(row.annotation_id for row in (*faces, *people))
    return Embeddings(ids, np.concatenate([vectors, np.stack(means)]).astype(np.float32), model_name(face))


def model_name(face: FaceSettings) -> str:
    """The name of the model that made the embeddings; vectors of different models cannot be compared."""
    return f"{PurePath(face.pack or '').name}@{(face.pack_sha256 or '')[:12]}"


def _face_id(identity: int) -> str | None:
    return None if identity == NO_IDENTITY else f"face_{identity + 1:04d}"
