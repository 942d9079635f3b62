"""`save_annotations` takes what `load_annotations` gives and what our JSON files hold, and names the key
that is wrong.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from dataclasses import astuple, replace

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from schemas.annotations.annotation import (
    AUDIO_EVENT,
    FACE_DETECTION,
    FACE_IDENTITY,
    LOUDNESS,
    PERSON_DETECTION,
    PERSON_TRACK,
    SCENE_TYPE,
    SPEAKER,
    SPEECH,
    VOICE_ACTIVITY,
    WORD,
    Annotation,
    BBox,
    annotation_id,
)
from schemas.annotations.coco import document
from schemas.errors import InvalidAnnotation
from schemas.pipelines import AUDIO, FACE, PERSON, SCENE
from schemas.storage.backend import StorageBackend
from tests.support.stores.fake_videos import RUN, Clip, done

CLIP = Clip()
KINDS = {
    SCENE: (SCENE_TYPE,),
    PERSON: (PERSON_DETECTION, PERSON_TRACK),
    FACE: (FACE_DETECTION, FACE_IDENTITY),
    AUDIO: (SPEECH, WORD, SPEAKER, AUDIO_EVENT, VOICE_ACTIVITY, LOUDNESS),
}
BOXED = (PERSON_DETECTION, FACE_DETECTION)
OWN = {
    PERSON_DETECTION: {
        "keypoints": st.lists(st.floats(0, 600), min_size=3, max_size=3),
        "num_keypoints": st.just(1),
    },
    FACE_DETECTION: {
        "landmarks": st.just([[1.5, 2.0]] * 5),
        "age": st.floats(0, 99),
        "gender": st.sampled_from(["female", "male"]),
    },
    SPEECH: {
        "text": st.text(max_size=9).filter(lambda text: "\0" not in text and text.isprintable()),
        "language": st.just("en"),
    },
    WORD: {"word": st.just("Grüße")},
    AUDIO_EVENT: {"label": st.just("Laughter")},
    LOUDNESS: {"rms_dbfs": st.floats(-90, 0), "peak_dbfs": st.floats(-90, 0)},
}
names = st.none() | st.sampled_from(["one_0001", "two_0002"])
seconds = st.floats(0, 1e4)


@st.composite
def annotations(draw: st.DrawFn, pipeline: str, number: int) -> Annotation:
    kind = draw(st.sampled_from(KINDS[pipeline]))
    start, length = draw(seconds), draw(seconds)
    free = {"mood": draw(st.none() | st.integers() | st.just("calm")), "frame_start": draw(st.integers(0, 9))}
    return Annotation(
        f"{kind} {number}",
        CLIP.video_id,
        pipeline,
        "c1",
        kind,
        start,
        None if kind in BOXED else start + length,
        draw(st.integers(0, 99)) if pipeline != AUDIO else None,
        *(draw(names) for _ in range(3)),
        f"scene_{number:04d}" if kind == SCENE_TYPE else draw(names),
        draw(st.none() | st.floats(0, 1)),
        BBox(*(draw(st.floats(-10, 4000)) for _ in range(4))) if kind in BOXED else None,
        {
            **{name: draw(values) for name, values in OWN.get(kind, {}).items()},
            **draw(st.sampled_from([{}, free])),
        },
    )


@st.composite
def results(draw: st.DrawFn) -> tuple[str, list[Annotation]]:
    pipeline = draw(st.sampled_from(sorted(KINDS)))
    return pipeline, [draw(annotations(pipeline, number)) for number in range(draw(st.integers(1, 5)))]


def as_loaded(loaded: list[dict], rows: Sequence[Annotation], pipeline: str) -> list[dict]:
    return loaded


def as_in_files(loaded: list[dict], rows: Sequence[Annotation], pipeline: str) -> list[dict]:
    """The records of the COCO-shaped file, from disk."""
    made = json.loads(json.dumps(document(pipeline, CLIP.video, rows, info={}, generation="g")))
    return [*made["annotations"], *made["tracks"]]


@pytest.mark.parametrize("form", [as_loaded, as_in_files])
def test_what_was_stored_is_saved_again_in_either_form_and_loaded_the_same(
    store: StorageBackend, form: Callable
) -> None:
    epoch = store.open_run(RUN)
    store.register(epoch, [CLIP.video], [])
    batches = iter(range(10**9))

    @settings(max_examples=25, deadline=None, suppress_health_check=list(HealthCheck))
    @given(results())
    def law(result: tuple[str, list[Annotation]]) -> None:
        pipeline, rows = result
        config = f"c{next(batches)}"  # a complete result is not finished twice
        one = CLIP.job(CLIP.key(pipeline, config))
        ids = [
            annotation_id(*astuple(CLIP.key(pipeline, config)), row.annotation_type, n, 0)
            for n, row in enumerate(rows)
        ]
        rows = [
            replace(row, config_hash=config, annotation_id=one) for row, one in zip(rows, ids, strict=True)
        ]
        store.register(epoch, [], [one])
        store.finish(epoch, done(one, CLIP.key(pipeline, config), rows))
        loaded = store.load_annotations(one.job_id, pipeline)
        assert len(loaded) == len(rows)
        store.save_annotations(one.job_id, pipeline, form(loaded, rows, pipeline))
        assert store.load_annotations(one.job_id, pipeline) == loaded

    law()


def test_a_wrong_row_is_told_and_nothing_is_saved(store: StorageBackend) -> None:
    job = CLIP.job(CLIP.key(PERSON))
    store.save_job_metadata(job)
    good = {"timestamp_seconds": 1.0, "bbox": [1, 2, 3, 4], "mood": "calm"}
    store.save_annotations(job.job_id, PERSON, [good])
    before = store.load_annotations(job.job_id, PERSON)
    with pytest.raises(
        InvalidAnnotation, match=r"annotation 2 for person_tracking .* did you mean 'timestamp_seconds'"
    ):
        store.save_annotations(job.job_id, PERSON, [good, {"timestamp_secnds": 1.0}])
    assert store.load_annotations(job.job_id, PERSON) == before


@pytest.mark.parametrize("form", [as_loaded, as_in_files])
@pytest.mark.parametrize(
    "target", [Clip(), Clip("/clips/other.mp4", "b")], ids=["of the same video", "of another video"]
)
def test_rows_of_one_job_may_be_saved_for_another(
    store: StorageBackend, form: Callable, target: Clip
) -> None:
    key, other = CLIP.key(PERSON), target.key(PERSON, "c2")
    rows = CLIP.boxes(key, 0, 2)
    store.save_job_metadata(CLIP.job(key))
    first, second = CLIP.job(key).job_id, target.job(other).job_id
    store.save_annotations(first, PERSON, form([row.to_data() for row in rows], rows, PERSON))
    loaded = store.load_annotations(first, PERSON)
    assert len(loaded) == len(rows)
    store.save_job_metadata(
        target.job(other)
    )  # after the first was complete, which replaces other configurations
    store.save_annotations(second, PERSON, form(loaded, rows, PERSON))
    own = {"annotation_id", "video_id", "config_hash"}
    copied = store.load_annotations(second, PERSON)
    assert sorted(map(str, (seen(row, own) for row in copied))) == sorted(
        map(str, (seen(row, own) for row in loaded))
    )
    assert {(row["video_id"], row["config_hash"]) for row in copied} == {(target.video_id, "c2")}
    store.save_annotations(second, PERSON, copied)
    assert store.load_annotations(second, PERSON) == copied


def seen(row: dict, without: set[str]) -> dict:
    return {name: row[name] for name in sorted(row.keys() - without)}
