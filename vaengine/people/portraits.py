"""The best pictures of persons: boxes of faces, or of heads where only tracks are known."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import zip_longest
from typing import Final

from schemas.annotations.annotation import FACE_DETECTION, PERSON_DETECTION, Annotation
from schemas.pipelines import FACE, PERSON
from schemas.storage.backend import StorageBackend
from vaengine.people.resolution import ResolvedPerson
from vaengine.people.stored_labels import LabelIn, StoredLabels

HEAD_SHARE: Final = 0.3  # of a person's height, from the top, that shows the head
MIN_APART_S: Final = 1.0  # between two pictures of one label

Corners = tuple[float, float, float, float]  # left, top, right, bottom


@dataclass(frozen=True, slots=True)
class Portrait:
    """A box in one frame of a video, in displayed pixels."""

    video_id: str
    label: str
    frame_number: int
    time_s: float
    xyxy: Corners


def portraits(store: StorageBackend, found: ResolvedPerson, limit: int) -> list[Portrait]:
    """Up to `limit` pictures of a person, from as many videos as possible, the best of each first."""
    labels = [(video.video_id, one) for video in found.videos for one in (video.faces or video.tracks)]
    return portraits_of(store, labels, limit)


def portraits_of(store: StorageBackend, labels: Sequence[LabelIn], limit: int) -> list[Portrait]:
    """Up to `limit` pictures of faces and tracks, one of each label before the second of any."""
    by_video: defaultdict[str, set[str]] = defaultdict(set)
    for video_id, label in _spread(labels, limit):
        by_video[video_id].add(label)
    stored = StoredLabels(store, by_video)
    own = [
        list(best(_rows(store, stored, video_id, wanted), wanted, limit))
        for video_id, wanted in by_video.items()
    ]
    in_turns = (one for turn in zip_longest(*own) for one in turn if one is not None)
    return [one for one, _ in zip(in_turns, range(limit), strict=False)]


def _spread(labels: Sequence[LabelIn], limit: int) -> Iterator[LabelIn]:
    """At most `limit` labels, evenly from all of them."""
    count = min(limit, len(labels))
    return (labels[position * len(labels) // count] for position in range(count))


def _rows(
    store: StorageBackend, stored: StoredLabels, video_id: str, labels: Collection[str]
) -> Iterator[Annotation]:
    kinds = {label.partition("_")[0] for label in labels}
    for kind, pipeline in (("face", FACE), ("person", PERSON)):
        key = stored.key(video_id, pipeline) if kind in kinds else None
        yield from store.annotations(key) if key else ()


def best(rows: Iterable[Annotation], labels: Collection[str], limit: int) -> Iterator[Portrait]:
    """The largest and surest boxes of these labels of one video, in turns, each some time apart."""
    boxes: defaultdict[str, list[tuple[float, Portrait]]] = defaultdict(list)
    for row in rows:
        label = {FACE_DETECTION: row.face_id, PERSON_DETECTION: row.person_id}.get(row.annotation_type)
        if label is not None and label in labels and (portrait := _portrait(row, label)) is not None:
            boxes[label].append((_quality(row), portrait))
    chosen = [_apart(boxes[label], limit) for label in sorted(boxes)]
    return (one for turn in zip_longest(*chosen) for one in turn if one is not None)


def _apart(boxes: list[tuple[float, Portrait]], limit: int) -> list[Portrait]:
    chosen: list[Portrait] = []
    for _, portrait in sorted(boxes, key=lambda pair: (-pair[0], pair[1].time_s)):
        if len(chosen) < limit and all(abs(portrait.time_s - one.time_s) >= MIN_APART_S for one in chosen):
            chosen.append(portrait)
    return chosen


def _quality(row: Annotation) -> float:
    box = row.bbox
    return 0.0 if box is None else box.width * box.height * (row.confidence or 0.5)


def _portrait(row: Annotation, label: str | None) -> Portrait | None:
    box = row.bbox
    if box is None or label is None or row.frame_number is None or row.timestamp_seconds is None:
        return None
    height = box.height if row.annotation_type == FACE_DETECTION else HEAD_SHARE * box.height
    corners = (box.x, box.y, box.x + box.width, box.y + height)
    return Portrait(row.video_id, label, row.frame_number, row.timestamp_seconds, corners)
