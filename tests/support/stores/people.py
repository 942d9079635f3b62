"""Made-up edits of who is who, and the references that they are about."""

from __future__ import annotations

import uuid
from collections.abc import Iterable, Mapping
from dataclasses import replace
from datetime import UTC, datetime

import numpy as np

from schemas.annotations.annotation import Annotation, BBox
from schemas.pipelines import AUDIO, FACE, PERSON
from schemas.storage.backend import StorageBackend
from schemas.storage.people import EditAction, PeopleLog, PersonEdit, PersonReference, Sample
from tests.support.stores.fake_videos import RUN, Clip, done
from tests.support.stores.retained import ROWS, kept

AT = datetime(2026, 11, 20, 12, tzinfo=UTC)


def reference(
    label: str = "face_0001", video: str = "a", config_hash: str = "c1", digest: str = "d1", at_s: float = 1.0
) -> PersonReference:
    """Somebody in the video whose content is this letter, see `fake_videos.Clip`."""
    sample = (
        Sample(at_s, at_s + 1)
        if label.startswith("speaker")
        else Sample(at_s, at_s, BBox(10.5, 0.0, 8.0, 20.0))
    )
    vector = np.eye(1, 4, dtype="<f4").tobytes() if label.startswith("face") else b""
    model = "pack@1" if vector else ""
    return PersonReference(
        video * 64, f"{video}-{video * 8}", label, config_hash, digest, (sample,), model, vector
    )


def edit(
    action: EditAction,
    person_id: str = "",
    other_id: str = "",
    name: str | None = None,
    references: Iterable[str] = (),
) -> PersonEdit:
    return PersonEdit(str(uuid.uuid4()), action, AT, person_id, other_id, name, tuple(references))


def named(person_id: str, name: str, *references: PersonReference) -> PersonEdit:
    return edit(EditAction.NAME, person_id, name=name, references=[one.reference_id for one in references])


def merged(person_id: str, other_id: str) -> PersonEdit:
    return edit(EditAction.MERGE, person_id, other_id)


def split(person_id: str, other_id: str, *references: PersonReference, name: str | None = None) -> PersonEdit:
    return edit(EditAction.SPLIT, person_id, other_id, name, [one.reference_id for one in references])


def undo(undone: PersonEdit) -> PersonEdit:
    return edit(EditAction.UNDO, other_id=undone.edit_id)


def log_with(references: Iterable[PersonReference], *edits: PersonEdit) -> PeopleLog:
    return PeopleLog(edits, {one.reference_id: one for one in references})


def annotated(store: StorageBackend, *clips: Clip, pipelines: Iterable[str] = (PERSON, FACE, AUDIO)) -> None:
    """Complete results whose rows are those of `tests.support.stores.retained`."""
    for clip in clips:
        kept(store, clip, *(clip.key(name) for name in pipelines))


def run_again(
    store: StorageBackend,
    clip: Clip,
    pipeline: str,
    relabelled: Mapping[str, str],
    config_hash: str = "c2",
    seconds: float = 0.0,
) -> None:
    """Replace a result by one of another configuration, with other ids, so many seconds later in the video.

    Rows whose id becomes empty are left out.
    """
    key = clip.key(pipeline, config_hash)
    rows = [_relabelled(row, relabelled, seconds) for row in ROWS[pipeline](key)]
    job = clip.job(key)
    epoch = store.open_run(RUN)
    store.register(epoch, [clip.video], [job])
    store.finish(epoch, done(job, key, [row for row in rows if row is not None]))
    store.close_run(epoch, "completed")


def _relabelled(row: Annotation, relabelled: Mapping[str, str], seconds: float) -> Annotation | None:
    labels = {
        column: relabelled.get(label, label)
        for column in ("person_id", "face_id", "speaker_id")
        if (label := getattr(row, column)) is not None
    }
    if "" in labels.values():
        return None
    end_s = None if row.end_seconds is None else row.end_seconds + seconds
    start_s = (row.timestamp_seconds or 0.0) + seconds
    return replace(row, timestamp_seconds=start_s, end_seconds=end_s, **labels)
