"""SQLite answers the usual questions by the indexes that are made for them."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.support.stores.asked import Filmed, filmed
from vaengine.queries.collection import Collection
from vaengine.queries.language.parsing import query_of
from vaengine.queries.resolve import resolved


@pytest.fixture(scope="module")
def collection(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Collection]:
    from contextlib import closing

    from actors.stores import open_store
    from vaengine.queries.answers import collection_of

    garden = Filmed("garden", "a")
    garden.track("person_0001", 0, 3)
    garden.sound("laughter", 8, 10)
    url = filmed(f"sqlite:///{tmp_path_factory.mktemp('plans')}/store.db", [garden])
    with closing(open_store(url, read_only=True)) as store, collection_of(store) as opened:
        yield opened


def plan(collection: Collection, text: str) -> str:
    return collection.plan(*resolved(query_of(text), collection))[1]


def test_a_person_near_a_sound_is_found_by_two_indexes(collection: Collection) -> None:
    near = "find: person:person_0001\nsteps: [{relation: near, to: 'sound:laughter', within_s: 5}]"
    told = plan(collection, near)
    assert "idx_annotations_person_track (person_id=? AND annotation_type=?" in told
    assert "idx_annotations_label (label=? AND annotation_type=? AND video_id=? AND timestamp_" in told


def test_persons_of_a_scene_are_counted_by_an_index_alone(collection: Collection) -> None:
    told = plan(collection, "find: scene\nwhere: [{count: person, gt: 3}]")
    assert "CORRELATED SCALAR SUBQUERY" in told
    assert "COVERING INDEX idx_annotations_type_video (annotation_type=? AND video_id=?" in told


def test_faces_in_a_region_are_found_by_an_index_alone(collection: Collection) -> None:
    told = plan(collection, "find: {kind: face, region: top-left}")
    assert "COVERING INDEX idx_annotations_face_box" in told
