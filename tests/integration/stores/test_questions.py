"""Questions by name, on both databases, against what a loop over all rows says."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping
from contextlib import closing
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import text

from actors.stores import open_store
from actors.stores.database.backend import DatabaseStorageBackend
from actors.stores.sql import named_queries
from schemas.annotations.annotation import (
    AUDIO_EVENT,
    FACE_DETECTION,
    LOUDNESS,
    PERSON_TRACK,
    Annotation,
    annotation_id,
)
from schemas.errors import NotFound
from schemas.pipelines import AUDIO, FACE, PERSON, SCENE
from tests.support.servers import postgres
from tests.support.stores.fake_rows import Rows
from tests.support.stores.fake_videos import RUN, Clip, broken, done

CLIPS = [Clip(f"/clips/film{number}.mp4", "0123456789abcdef"[number], 250) for number in range(6)]
STORES = {
    "sqlite": lambda folder: f"sqlite:///{folder}/questions.db",
    "postgresql": lambda _: postgres.fresh_database(),
}


def owned(row: Annotation, clip: Clip, ordinal: int) -> Annotation:
    """With an id that both databases take."""
    new = annotation_id(clip.video_id, row.pipeline, "c1", row.annotation_type, -1, ordinal)
    return replace(row, annotation_id=new, video_id=clip.video_id)


def rows_of(clip: Clip) -> dict[str, list[Annotation]]:
    """What is found in a clip; something else in each."""
    number, made = CLIPS.index(clip), Rows(clip.video_id)
    persons = [
        replace(
            clip.track(clip.key(PERSON), f"person_{n:04d}"), timestamp_seconds=float(n), end_seconds=n + 2.0
        )
        for n in range(number)
    ]
    faces = [made.face(frame, x=10.0 + 100 * (frame % 6)) for frame in range(0, 10 * number, 2)]
    heard = [made.event("Laughter", 2.0 * number, 2.0 * number + 1), made.event("Music", 0.0, 10.0)]
    loud = [made.loudness(second, rms=-10.0 * (second % 4)) for second in range(10)]
    found = {SCENE: clip.scenes(clip.key(SCENE), [100]), PERSON: persons, FACE: faces, AUDIO: [*heard, *loud]}
    return {
        pipeline: [owned(row, clip, at) for at, row in enumerate(rows)] for pipeline, rows in found.items()
    }


EVERY = [row for clip in CLIPS for rows in rows_of(clip).values() for row in rows]


@pytest.fixture(params=STORES, scope="module")
def store(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[DatabaseStorageBackend]:
    with closing(open_store(STORES[request.param](tmp_path_factory.mktemp("questions")))) as opened:
        epoch = opened.open_run(RUN)
        for clip in CLIPS:
            found = rows_of(clip)
            job = clip.job(*(clip.key(pipeline) for pipeline in found))
            opened.register(epoch, [clip.video], [job])
            for pipeline, rows in found.items():
                opened.finish(epoch, done(job, clip.key(pipeline), rows))
        lost = CLIPS[0].job(CLIPS[0].key(SCENE, "c9"))
        opened.register(epoch, [], [lost])
        opened.finish(epoch, broken(lost, CLIPS[0].key(SCENE, "c9")))
        assert isinstance(opened, DatabaseStorageBackend)
        yield opened


def of(kind: str) -> list[Annotation]:
    return [row for row in EVERY if row.annotation_type == kind]


def test_videos_with_many_confident_faces(store):
    counts = Counter(row.video_id for row in of(FACE_DETECTION) if row.confidence > 0.7)
    wanted = [
        {"video_id": video, "face_count": count} for video, count in sorted(counts.items()) if count > 10
    ]
    assert wanted
    assert store.ask("confident_faces", confidence=0.7, faces=10) == wanted


def test_faces_in_the_top_left_quarter(store):
    inside = [row for row in of(FACE_DETECTION) if row.bbox.x + 20 < 320 and row.bbox.y + 25 < 180]
    found = store.ask(
        "faces_in_region", confidence=0.5, left_share=0.0, right_share=0.5, top_share=0.0, bottom_share=0.5
    )
    assert 0 < len(inside) < len(of(FACE_DETECTION))
    assert sorted(row["annotation_id"] for row in found) == sorted(row.annotation_id for row in inside)


@pytest.mark.parametrize("seconds", [0.0, 3.0])
def test_a_person_within_some_seconds_of_laughter(store, seconds):
    pairs = [
        (track.video_id, track.timestamp_seconds, sound.timestamp_seconds)
        for track in of(PERSON_TRACK)
        for sound in of(AUDIO_EVENT)
        if track.video_id == sound.video_id
        and track.person_id == "person_0001"
        and sound.attributes["label"] == "Laughter"
        if track.timestamp_seconds - sound.end_seconds <= seconds
        and sound.timestamp_seconds - track.end_seconds <= seconds
    ]
    found = store.ask("person_near_sound", person_id="person_0001", label="Laughter", seconds=seconds)
    assert sorted((row["video_id"], row["seen_from"], row["heard_from"]) for row in found) == sorted(pairs)
    assert pairs or seconds == 0


def test_loud_scenes_with_several_persons(store):
    wanted = []
    for scene in of("scene"):
        own = [row for row in EVERY if row.video_id == scene.video_id]
        persons = {
            row.person_id for row in own if row.annotation_type == PERSON_TRACK and _overlap(row, scene)
        }
        loud = [
            row.attributes["rms_dbfs"]
            for row in own
            if row.annotation_type == LOUDNESS and _begins_in(row, scene)
        ]
        if len(persons) > 2 and loud and sum(loud) / len(loud) > -20:
            wanted.append((scene.video_id, scene.scene_id, len(persons), sum(loud) / len(loud)))
    found = store.ask("crowded_loud_scenes", persons=2, dbfs=-20.0)
    assert wanted
    assert [
        (row["video_id"], row["scene_id"], row["persons"], pytest.approx(row["mean_dbfs"])) for row in found
    ] == sorted(wanted)


def _overlap(row: Annotation, scene: Annotation) -> bool:
    return row.timestamp_seconds < scene.end_seconds and row.end_seconds > scene.timestamp_seconds


def _begins_in(row: Annotation, scene: Annotation) -> bool:
    return scene.timestamp_seconds <= row.timestamp_seconds < scene.end_seconds


def test_what_each_pipeline_has_done(store):
    found = {row["name"]: row for row in store.ask("pipeline_statistics")}
    assert {name: row["total_jobs"] for name, row in found.items()} == dict.fromkeys(
        (SCENE, PERSON, FACE, AUDIO), len(CLIPS)
    )
    assert found[AUDIO]["avg_annotations"] == 12


def test_jobs_that_failed_lately(store):
    (found,) = store.ask("failed_jobs", hours=24)
    assert found["video_path"] == CLIPS[0].name
    assert found["error_message"].endswith("7 of 100 frames are missing")


def test_both_databases_know_the_same_questions():
    assert named_queries.names("sqlite") == named_queries.names("postgresql")
    for name in named_queries.names("sqlite"):
        assert named_queries.parameters(named_queries.load(name, "sqlite")) == named_queries.parameters(
            named_queries.load(name, "postgresql")
        )


def test_an_unknown_question_and_a_wrong_parameter_are_named(store):
    with pytest.raises(NotFound, match=r"question 'weather' not found in \S+: there are confident_faces, "):
        store.ask("weather")
    with pytest.raises(
        TypeError, match="confident_faces takes confidence, faces; missing or too much: faces"
    ):
        store.ask("confident_faces", confidence=0.5)


BY_CONFIDENCE = "idx_annotations_type_confidence"
# Either index of faces has their confidence first. Which one a server takes hangs on its statistics, which it
# makes when it has time.
USED = {
    "confident_faces": ({"confidence": 0.9, "faces": 1}, ("idx_annotations_face_box", BY_CONFIDENCE)),
    "person_near_sound": ({"person_id": "p", "label": "Laughter", "seconds": 1.0}, (BY_CONFIDENCE,)),
}


@pytest.mark.parametrize("name", USED)
def test_an_index_finds_what_a_question_is_about(store, name):
    told, indexes = USED[name]
    plan = _plan(store, name, told)
    assert any(index in plan for index in indexes), plan


def test_scenes_are_found_past_all_other_rows_of_their_video(store):
    """PostgreSQL joins them by hash; SQLite took the index by time, and went through half of what there
    is.
    """
    index = {
        "sqlite": "SEARCH scene USING INDEX idx_annotations_type_video (annotation_type=? AND video_id=?)",
        "postgresql": "idx_annotations_type_confidence",
    }
    with store._db.read() as connection:
        dialect = connection.dialect.name
    assert index[dialect] in _plan(store, "crowded_loud_scenes", {"persons": 2, "dbfs": -20.0})


def _plan(store: DatabaseStorageBackend, name: str, told: Mapping[str, Any]) -> str:
    with store._db.read() as connection:
        dialect = connection.dialect.name
        if dialect == "postgresql":
            connection.exec_driver_sql(
                "SET LOCAL enable_seqscan = off"
            )  # a table this small is read whole otherwise
        asked = named_queries.load(name, dialect)
        explain: Any = text(f"EXPLAIN {'QUERY PLAN ' if dialect == 'sqlite' else ''}{asked.text}")
        return "\n".join(str(tuple(row)) for row in connection.execute(explain, told))


def test_where_the_sql_lies_is_part_of_the_package():
    assert (Path(named_queries.__file__).parent / "named" / "sqlite" / "person_near_sound.sql").is_file()
