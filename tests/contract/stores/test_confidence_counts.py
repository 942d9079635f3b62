"""Every store counts the rows of a result by how sure the model was."""

from __future__ import annotations

from dataclasses import replace

from schemas.annotations.annotation import PERSON_DETECTION, PERSON_TRACK
from schemas.pipelines import PERSON
from schemas.storage.backend import CONFIDENCE_STEPS, StorageBackend, confidence_counts
from tests.support.stores.fake_videos import RUN, Clip, done

CLIP = Clip()
KEY = CLIP.key(PERSON)


def test_rows_are_counted_in_steps_of_confidence_by_type(store: StorageBackend) -> None:
    epoch = store.open_run(RUN)
    store.register(epoch, [CLIP.video], [CLIP.job(KEY)])
    given = (0.0, 0.049, 0.05, 0.5, 0.9, 0.999, 1.0, None)
    boxes = CLIP.boxes(KEY, 0, len(given), per_frame=1)
    rows = [replace(box, confidence=each) for box, each in zip(boxes, given, strict=True)]
    track = CLIP.track(KEY, "person_0001")
    store.finish(epoch, done(CLIP.job(KEY), KEY, (*rows, track)))

    found = store.confidence_counts([KEY, CLIP.key(PERSON, "other")])
    assert list(found) == [KEY], "a key without rows is left out"
    counts = {step: number for step, number in enumerate(found[KEY][PERSON_DETECTION]) if number}
    assert counts == {0: 2, 1: 1, 10: 1, 18: 1, 19: 2}
    assert found[KEY][PERSON_TRACK][15] == 1
    assert all(len(each) == CONFIDENCE_STEPS for each in found[KEY].values())
    assert found[KEY] == confidence_counts([*rows, track])
    assert store.confidence_counts([]) == {}
