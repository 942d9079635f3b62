"""Finds a person again among the labels of a result: pure, by where they were and by what they look like.

A result that is made again may number people anew, may divide one track into several, and may look at other
frames. So each sample of a reference votes for the label that was at that place at that time. Where the
places do not decide, the embeddings of faces do, if they are of one model.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import Final

import numpy as np

from schemas.annotations.annotation import (
    FACE_DETECTION,
    FACE_IDENTITY,
    PERSON_DETECTION,
    SPEAKER,
    SPEECH,
    Annotation,
    BBox,
)
from schemas.media.frames import Floats, Floats32
from schemas.storage.backend import Embeddings
from schemas.storage.people import PersonReference, Sample

MIN_AGREEMENT: Final = 0.5  # IoU of two boxes, or share of a stretch, from which a sample votes
MIN_SHARE: Final = 0.25  # of the samples, from which a label is taken
MIN_FOUND: Final = 0.5  # of the samples that must vote for labels that are taken
MAX_GAP_S: Final = 2.0  # between two boxes of a label from which a place between is computed
MIN_SIMILARITY: Final = 0.45  # cosine, the default of `face.same_person`
MIN_LEAD: Final = 0.1  # cosine by which the most similar face must lead
MAX_SAMPLES: Final = 8  # of a reference

Span = tuple[float, float]


@dataclass(frozen=True, slots=True, eq=False)
class Candidate:
    """Everything of one label in one result: N boxes `xyxy` in displayed pixels at `times_s`, in order.

    `spans` are the stretches of a voice. `vector` is the mean embedding of a face by `model`, or None.
    """

    label: str
    times_s: Floats = field(default_factory=lambda: np.zeros(0))
    xyxy: Floats = field(default_factory=lambda: np.zeros((0, 4)))
    spans: tuple[Span, ...] = ()
    vector: Floats32 | None = None
    model: str = ""

    def agreement(self, sample: Sample) -> float:
        """How well this label fits a sample, 0 to 1: overlap of the boxes, or share of the stretch."""
        if sample.bbox is None:
            return self._share_of(sample)
        box = self._box_at(sample.start_s)
        return 0.0 if box is None else _iou(box, _corners(sample.bbox))

    def tightness(self, sample: Sample) -> float:
        """Of two voices that fit a stretch equally well, the one that speaks least around it is meant."""
        around = sum(
            end_s - start_s for start_s, end_s in self.spans if _shared_s(start_s, end_s, sample) > 0
        )
        return -around

    def _share_of(self, sample: Sample) -> float:
        length_s = sample.end_s - sample.start_s
        return sum(_shared_s(*span, sample) for span in self.spans) / length_s if length_s > 0 else 0.0

    def _box_at(self, time_s: float) -> Floats | None:
        """The box at a time, on a straight line between two boxes that are not too far apart."""
        after = int(np.searchsorted(self.times_s, time_s))
        if after < len(self.times_s) and self.times_s[after] == time_s:
            exact: Floats = self.xyxy[after]
            return exact
        if after in (0, len(self.times_s)):
            return self._nearest(time_s)
        before_s, after_s = self.times_s[after - 1], self.times_s[after]
        if after_s - before_s > MAX_GAP_S:
            return self._nearest(time_s)
        share = (time_s - before_s) / (after_s - before_s)
        between: Floats = self.xyxy[after - 1] + (self.xyxy[after] - self.xyxy[after - 1]) * share
        return between

    def _nearest(self, time_s: float) -> Floats | None:
        if not len(self.times_s):
            return None
        nearest = int(np.abs(self.times_s - time_s).argmin())
        box: Floats = self.xyxy[nearest]
        return box if abs(self.times_s[nearest] - time_s) <= MAX_GAP_S / 4 else None

    def samples(self, limit: int = MAX_SAMPLES) -> tuple[Sample, ...]:
        """Up to `limit` samples, spread evenly over the boxes; of a voice its longest stretches."""
        if self.spans:
            longest = sorted(self.spans, key=lambda span: span[0] - span[1])[:limit]
            return tuple(Sample(*span) for span in sorted(longest))
        count = min(limit, len(self.times_s))
        chosen = [int((number + 0.5) * len(self.times_s) / count) for number in range(count)]
        return tuple(_sample_at(float(self.times_s[one]), self.xyxy[one]) for one in chosen)


@dataclass(frozen=True, slots=True)
class Found:
    """The labels that a reference is found under again, and how; none where it is not, with the reason.

    `agreement` is the mean over the samples, or the cosine; `by` is `place` or `looks`.
    """

    labels: tuple[str, ...] = ()
    agreement: float = 0.0
    by: str = "place"
    reason: str = ""


def candidates_of(
    rows: Iterable[Annotation], kind: str, embeddings: Embeddings | None = None
) -> list[Candidate]:
    """The labels of one kind (`person`, `face` or `speaker`) in the rows of a result, by label."""
    own_rows = list(rows)
    if kind == "speaker":
        return _voices(own_rows)
    annotation_type = FACE_DETECTION if kind == "face" else PERSON_DETECTION
    boxes: defaultdict[str, list[Annotation]] = defaultdict(list)
    for row in own_rows:
        label = row.face_id if kind == "face" else row.person_id
        if (
            row.annotation_type == annotation_type
            and label
            and row.bbox
            and row.timestamp_seconds is not None
        ):
            boxes[label].append(row)
    vectors = _vectors(own_rows, embeddings) if kind == "face" and embeddings else {}
    model = embeddings.model if embeddings else ""
    return [_of_boxes(label, boxes[label], vectors.get(label), model) for label in sorted(boxes)]


def _of_boxes(label: str, rows: list[Annotation], vector: Floats32 | None, model: str) -> Candidate:
    rows.sort(key=lambda row: row.timestamp_seconds or 0.0)
    times_s = np.array([row.timestamp_seconds for row in rows], np.float64)
    xyxy = np.array([_corners(row.bbox) for row in rows if row.bbox], np.float64)
    return Candidate(label, times_s, xyxy, vector=vector, model=model if vector is not None else "")


def _voices(rows: Sequence[Annotation]) -> list[Candidate]:
    """Speakers by their turns; by their speech where a result has no turns."""
    for annotation_type in (SPEAKER, SPEECH):
        spans: defaultdict[str, list[Span]] = defaultdict(list)
        for row in rows:
            if row.annotation_type == annotation_type and row.speaker_id and row.end_seconds is not None:
                spans[row.speaker_id].append((row.timestamp_seconds or 0.0, row.end_seconds))
        if spans:
            return [Candidate(label, spans=tuple(sorted(spans[label]))) for label in sorted(spans)]
    return []


def _vectors(rows: Sequence[Annotation], embeddings: Embeddings) -> dict[str, Floats32]:
    """The embedding of each identity of the video, by label."""
    by_id = dict(zip(embeddings.annotation_ids, embeddings.vectors, strict=True))
    return {
        row.face_id: by_id[row.annotation_id]
        for row in rows
        if row.annotation_type == FACE_IDENTITY and row.face_id and row.annotation_id in by_id
    }


def found_again(reference: PersonReference, candidates: Sequence[Candidate]) -> Found:
    """The labels under which a reference is found among those of its kind in one result."""
    placed, votes = _by_place(reference, candidates)
    if placed is not None:
        return placed
    looks = _by_looks(reference, candidates)
    if looks.labels:
        return looks
    where = f"at {votes} of {len(reference.samples)} moments somebody is where {reference.label} was"
    return Found(reason=f"{where}, and {looks.reason}" if looks.reason else where)


def _by_place(reference: PersonReference, candidates: Sequence[Candidate]) -> tuple[Found | None, int]:
    best = [_best(sample, candidates) for sample in reference.samples]
    votes = Counter(label for label, _ in best if label)
    total = len(reference.samples)
    taken = tuple(sorted(label for label, count in votes.items() if count >= MIN_SHARE * total))
    if sum(votes[label] for label in taken) < MIN_FOUND * total:
        return None, sum(votes.values())
    agreement = float(np.mean([fit if label in taken else 0.0 for label, fit in best]))
    return Found(taken, agreement), sum(votes.values())


def _best(sample: Sample, candidates: Sequence[Candidate]) -> tuple[str | None, float]:
    """The label that a sample votes for: the best that fits well enough."""
    fits = [(one.agreement(sample), one.tightness(sample), one.label) for one in candidates]
    fit, _, label = max(fits, default=(0.0, 0.0, ""))
    return (label, fit) if fit >= MIN_AGREEMENT else (None, 0.0)


def _by_looks(reference: PersonReference, candidates: Sequence[Candidate]) -> Found:
    if not reference.vector:
        return Found()
    vector = np.frombuffer(reference.vector, "<f4").astype(np.float64)
    alike = sorted(
        (
            (float(one.vector @ vector), one.label)
            for one in candidates
            if one.vector is not None and one.model == reference.model and one.vector.shape == vector.shape
        ),
        reverse=True,
    )
    if not alike:
        return Found(reason=f"no face was embedded by {reference.model}")
    (best, label), second = alike[0], alike[1][0] if len(alike) > 1 else -1.0
    if best < MIN_SIMILARITY:
        return Found(reason=f"the most similar face has a cosine of {best:.2f} ({MIN_SIMILARITY} is needed)")
    if best - second < MIN_LEAD:
        return Found(reason=f"two faces look alike (cosines {best:.2f} and {second:.2f})")
    return Found((label,), best, "looks")


# Stretches and boxes.


def _shared_s(start_s: float, end_s: float, sample: Sample) -> float:
    return max(0.0, min(end_s, sample.end_s) - max(start_s, sample.start_s))


def _corners(box: BBox) -> Floats:
    return np.array([box.x, box.y, box.x + box.width, box.y + box.height], np.float64)


def _sample_at(time_s: float, xyxy: Floats) -> Sample:
    left, top, right, bottom = (float(side) for side in xyxy)
    return Sample(time_s, time_s, BBox(left, top, right - left, bottom - top))


def _iou(one: Floats, other: Floats) -> float:
    sides = np.minimum(one[2:], other[2:]) - np.maximum(one[:2], other[:2])
    shared = float(sides.clip(0).prod())
    union = float((one[2:] - one[:2]).prod() + (other[2:] - other[:2]).prod()) - shared
    return shared / union if union > 0 else 0.0
