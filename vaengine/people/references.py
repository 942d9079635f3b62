"""Makes references to the labels of current results, by content."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final

from schemas.errors import NotFound, UsageError
from schemas.storage.backend import ResultStore
from schemas.storage.people import PIPELINE_OF, PersonReference, kind_of_label
from vaengine.people.stored_labels import StoredLabels

MAX_LABELS_SHOWN: Final = 5  # in an error


def reference_to(store: ResultStore, labels: StoredLabels, video_id: str, label: str) -> PersonReference:
    """A reference to a label of the current result of a video.

    Raises `NotFound` where the result is missing or has no such label.
    """
    kind = kind_of_label(label)
    result = labels.result(video_id, PIPELINE_OF[kind])
    if result is None:
        raise NotFound(f"a complete result of {PIPELINE_OF[kind]}", f"video {video_id} of {store.url}")
    candidates = labels.candidates(video_id, kind)
    found = next((one for one in candidates if one.label == label), None)
    if found is None:
        raise NotFound(label, f"video {video_id}{_known(one.label for one in candidates)}")
    fingerprint = store.fingerprints([video_id]).get(video_id)
    if fingerprint is None:
        raise UsageError(f"{video_id} was never readable, so nobody in it can be found again")
    return PersonReference(
        fingerprint=fingerprint,
        video_id=video_id,
        label=label,
        config_hash=result.config_hash,
        digest=result.digest or "",
        samples=found.samples(),
        model=found.model,
        vector=b"" if found.vector is None else found.vector.astype("<f4").tobytes(),
    )


def _known(labels: Iterable[str]) -> str:
    names = list(labels)
    shown = ", ".join(names[:MAX_LABELS_SHOWN])
    more = f" and {len(names) - MAX_LABELS_SHOWN} more" if len(names) > MAX_LABELS_SHOWN else ""
    return f", which has {shown}{more}" if names else ", in which nobody has such an id"
