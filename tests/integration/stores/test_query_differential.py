"""Databases answer queries as the algebra of intervals does, whatever is asked of whatever is stored."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from itertools import combinations_with_replacement
from pathlib import Path
from typing import Any, Final, get_args

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from actors.stores import open_store
from schemas.pipelines import AUDIO, FACE, PERSON, SCENE
from tests.support.servers import postgres
from tests.support.stores.asked import Filmed, filmed
from tests.support.suite.clock import Clock, clock
from vaengine.queries.answers import collection_of
from vaengine.queries.collection import Collection, Row
from vaengine.queries.files_collection import FilesCollection
from vaengine.queries.language.document import Query
from vaengine.queries.language.parsing import query_of
from vaengine.queries.language.words import MEASURED_RELATIONS, TOLERANCE_S, RelationName
from vaengine.queries.resolve import resolved

__all__ = ["clock"]

RELATIONS = get_args(RelationName)


class Named:
    """Somebody with a name, who is two tracks and a face of some videos."""

    holders: Final = {
        (video_id, label): "Anna"
        for video_id in ("garden-aaaaaaaa", "kitchen-bbbbbbbb", "grid-aaaaaaaa")
        for label in ("person_0001", "person_0003", "face_0002")
    }

    def names(self) -> list[str]:
        return []

    def resolve(self, name: str) -> None:
        return None


NAMED: Final = Named()


@contextmanager
def both(url: str) -> Iterator[tuple[Collection, Collection]]:
    """A store as a database and by the algebra."""
    with closing(open_store(url, read_only=True)) as store, collection_of(store) as database:
        yield database, FilesCollection(store)


def whole(query: Query, collection: Collection) -> list[Row]:
    return collection.page(*resolved(query, collection, NAMED), None, None)


def paged(query: Query, collection: Collection, size: int) -> list[Row]:
    """All answers, read page by page."""
    asked, resolution = resolved(query, collection, NAMED)
    rows: list[Row] = []
    while page := collection.page(
        asked, resolution, rows[-1].position(asked.answers) if rows else None, size
    ):
        rows += page
    return rows


# Every arrangement of two intervals.

# A grid, and times beside it that are a little less and a little more apart than what counts as equal.
TIMES = (1.0, 2.0, 3.0, 3.0004, 3.0 + TOLERANCE_S, 3.0006, 4.0)


@pytest.fixture(scope="module")
def arranged(tmp_path_factory: pytest.TempPathFactory) -> str:
    video = Filmed("grid", "a")
    for start_s, end_s in combinations_with_replacement(TIMES, 2):  # points too
        video.track("person_0001", start_s, end_s)
        video.sound("laughter", start_s, end_s)
    return filmed(f"sqlite:///{tmp_path_factory.mktemp('grid')}/store.db", [video])


@pytest.mark.parametrize("relation", RELATIONS)
def test_every_relation_is_the_same_in_every_arrangement_of_two_intervals(
    relation: str, arranged: str
) -> None:
    distances: tuple[float | None, ...] = (None,)
    if relation in MEASURED_RELATIONS:
        distances = (0.0, 0.5, 1.0, 2.0, *(() if relation == "near" else (None,)))
    with both(arranged) as (database, algebra):
        for within_s in distances:
            step = {"relation": relation, "to": "sound"}
            step |= {} if within_s is None else {"within_s": within_s}
            query = query_of({"find": {"kind": "person", "min_s": 0}, "steps": [step]})
            answers = whole(query, database)
            assert answers == whole(query, algebra)
            pairs = len(list(combinations_with_replacement(TIMES, 2))) ** 2
            assert 0 < len(answers) < pairs or (within_s or 0) >= 2


@pytest.mark.parametrize("about", ["count", "share"])
@pytest.mark.parametrize("bound", ["gt", "ge", "lt", "le", "eq"])
def test_every_bound_is_the_same(bound: str, about: str, arranged: str) -> None:
    conditions = {
        "count": [{"count": "person", "min_overlap_s": 0.0, "distinct": "row", bound: n} for n in range(6)],
        "share": [{"coverage": {"kind": "person", "min_s": 0}, bound: n / 4} for n in range(5)],
    }
    with both(arranged) as (database, algebra):
        for condition in conditions[about]:
            query = query_of({"find": "sound", "where": [condition]})
            assert whole(query, database) == whole(query, algebra)


# Random collections and documents.

GRID = st.integers(0, 12).map(lambda n: n / 2)
PERSONS = st.sampled_from(["person_0001", "person_0002", "person_0003"])
CONFIDENCE = st.sampled_from([None, 0.25, 0.5, 0.75])
SPOKEN = st.sampled_from(["Good morning", "a good night", "Gute Nacht, STRASSE!"])
SAID = st.sampled_from(["good", "Good Morning", "go*", 'night "a good"', "straße"])
ANALYSED = st.sets(st.sampled_from([SCENE, PERSON, FACE, AUDIO])).map(sorted)


@st.composite
def videos(draw: st.DrawFn) -> list[Filmed]:
    names = [("garden", "a"), ("kitchen", "b"), ("garden", "c")]
    return [_video(draw, name, content) for name, content in names[: draw(st.integers(1, 3))]]


def _video(draw: st.DrawFn, name: str, content: str) -> Filmed:
    video = Filmed(name, content, draw(ANALYSED))
    rows: list[Callable[[], object]] = [
        lambda: video.scene(*_span(draw)),
        lambda: video.track(draw(PERSONS), *_span(draw), confidence=draw(CONFIDENCE)),
        lambda: video.sound(draw(st.sampled_from(["laughter", "Laughter", "music"])), *_span(draw)),
        lambda: video.speech(draw(SPOKEN), *_span(draw), "speaker_0001"),
        lambda: video.word(draw(st.sampled_from(["Good", "Straße", "GUTE"])), *_span(draw)),
        lambda: video.face(
            draw(GRID),
            (64.0 * draw(st.integers(0, 9)), 36.0 * draw(st.integers(0, 9)), 64.0, 72.0),
            face_id=draw(st.sampled_from(["face_0001", None])),
            confidence=draw(CONFIDENCE),
        ),
        lambda: video.identity(
            draw(st.sampled_from(["face_0001", "face_0002"])),
            *_span(draw),
            *draw(st.lists(PERSONS, max_size=2)),
        ),
        lambda: video.loudness(float(draw(st.integers(0, 6))), float(draw(st.integers(-4, -1)) * 8)),
    ]
    for number in draw(st.lists(st.integers(0, len(rows) - 1), max_size=14)):
        rows[number]()
    return video


def _span(draw: st.DrawFn) -> tuple[float, float]:
    first, last = sorted([draw(GRID), draw(GRID)])
    return first, last


REGIONS = ["top-left", "right", {"name": "middle", "mode": "inside"}, {"name": "left", "mode": "intersects"}]
REGIONS += [{"name": "bottom", "mode": "fraction", "fraction": 0.5}]
PLAIN = st.one_of(
    st.sampled_from(["scene", "person", "face", "sound", "speech", "identity", "voice"]).map(
        lambda kind: {"kind": kind}
    ),
    st.builds(lambda label: {"kind": "sound", "label": label}, st.sampled_from(["LAUGHTER", "music"])),
    st.builds(lambda kind, said: {"kind": kind, "said": said}, st.sampled_from(["speech", "word"]), SAID),
    st.builds(lambda region: {"kind": "face", "region": region}, st.sampled_from(REGIONS)),
    st.builds(lambda s: {"kind": "person", "min_s": s}, st.sampled_from([0, 0.5, 1])),
    st.builds(lambda c: {"kind": "person", "min_confidence": c}, st.sampled_from([0.25, 0.5])),
    st.just({"kind": "person", "person": "person_0001"}),
)
BOUND = st.builds(
    lambda name, n: {name: n}, st.sampled_from(["gt", "ge", "lt", "le", "eq"]), st.integers(0, 3)
)
SHARE = st.builds(lambda name, n: {name: n / 4}, st.sampled_from(["gt", "ge", "lt", "le"]), st.integers(0, 4))


@st.composite
def relations(draw: st.DrawFn) -> dict[str, Any]:
    relation = draw(st.sampled_from(RELATIONS))
    value = {"relation": relation, "to": draw(PLAIN)}
    if relation == "near" or (relation in MEASURED_RELATIONS and draw(st.booleans())):
        value["within_s"] = draw(st.sampled_from([0.0, 0.5, 1.0, 2.0]))
    return value


def _nested(inner: st.SearchStrategy[Any]) -> st.SearchStrategy[Any]:
    return st.one_of(
        inner.map(lambda one: {"not": one}),
        st.lists(inner, min_size=1, max_size=2).map(lambda some: {"any": some}),
        st.lists(inner, max_size=2).map(lambda some: {"all": some}),
        st.builds(
            lambda relation, condition: {**relation, "to": {**relation["to"], "where": [condition]}},
            relations(),
            inner,
        ),
    )


CONDITION = st.recursive(
    st.one_of(
        relations(),
        st.builds(
            lambda of, bound, most: {"count": of, "concurrent": most, **bound}, PLAIN, BOUND, st.booleans()
        ),
        st.builds(
            lambda of, bound: {"coverage": of, **bound}, st.lists(PLAIN, min_size=1, max_size=2), SHARE
        ),
        st.builds(lambda level: {"mean": "rms_dbfs", "ge": level * 8}, st.integers(-4, -1)),
        st.builds(lambda bound: {"duration": True, **bound}, BOUND),
    ),
    _nested,
    max_leaves=3,
)


@st.composite
def documents(draw: st.DrawFn) -> dict[str, Any]:
    found = draw(st.one_of(PLAIN, st.just({"kind": "video"})))
    steps = [] if found["kind"] == "video" else draw(st.lists(relations(), max_size=2))
    return {
        "find": found,
        "where": draw(st.lists(CONDITION, max_size=2)),
        "steps": steps,
        "answers": draw(st.sampled_from(["moments", "videos"])),
    }


def _agree(collection: list[Filmed], asked: list[dict[str, Any]], url: str) -> None:
    filmed(url, collection)
    with both(url) as (database, algebra):
        for document in asked:
            query = query_of(_askable(document, algebra))
            expected = whole(query, algebra)
            assert whole(query, database) == expected, document
            assert paged(query, database, 3) == expected
            moments = expected if query.answers == "moments" else whole(_as_moments(query), algebra)
            videos = {row.video_id for row in moments}
            assert database.count(*resolved(query, database, NAMED)) == (len(moments), len(videos))


def _as_moments(query: Query) -> Query:
    return query.model_copy(update={"answers": "moments"})


def _askable(value: Any, collection: Collection) -> Any:
    """The document without labels and persons that this collection does not have: those are refused."""
    labels = {label.casefold() for label in collection.labels()}
    ids = collection.local_ids()
    if isinstance(value, list):
        return [_askable(each, collection) for each in value]
    if not isinstance(value, dict):
        return value
    known = {name: _askable(each, collection) for name, each in value.items()}
    if "label" in known and known["label"].casefold() not in labels:
        del known["label"]
    if "person" in known and known["person"] not in ids:
        del known["person"]
    return known


ASKED = st.lists(documents(), min_size=4, max_size=6)


@settings(max_examples=6, suppress_health_check=list(HealthCheck))
@given(collection=videos(), asked=ASKED)
def test_sqlite_answers_as_the_algebra_does(
    collection: list[Filmed], asked: list[dict[str, Any]], tmp_path_factory: pytest.TempPathFactory
) -> None:
    _agree(collection, asked, f"sqlite:///{tmp_path_factory.mktemp('asked')}/store.db")


@pytest.mark.long
@settings(max_examples=200, suppress_health_check=list(HealthCheck))
@given(collection=videos(), asked=ASKED)
def test_sqlite_answers_as_the_algebra_does_at_length(
    collection: list[Filmed], asked: list[dict[str, Any]], tmp_path_factory: pytest.TempPathFactory
) -> None:
    _agree(collection, asked, f"sqlite:///{tmp_path_factory.mktemp('asked')}/store.db")


@settings(max_examples=3, suppress_health_check=list(HealthCheck))
@given(collection=videos(), asked=ASKED)
def test_postgresql_answers_as_the_algebra_does(
    collection: list[Filmed], asked: list[dict[str, Any]]
) -> None:
    with postgres.take_back():
        _agree(collection, asked, postgres.migrated_database())


@pytest.mark.long
@settings(max_examples=60, suppress_health_check=list(HealthCheck))
@given(collection=videos(), asked=ASKED)
def test_postgresql_answers_as_the_algebra_does_at_length(
    collection: list[Filmed], asked: list[dict[str, Any]]
) -> None:
    with postgres.take_back():
        _agree(collection, asked, postgres.migrated_database())


# Results of several configurations.


@pytest.mark.parametrize("kind", ["sqlite", "postgresql"])
def test_only_the_newest_complete_result_of_a_video_is_asked(kind: str, tmp_path: Path, clock: Clock) -> None:
    older, newer = Filmed("garden", "a"), Filmed("garden", "a", config_hash="c2")
    older.track("person_0001", 0, 5)
    older.identity("face_0001", 0, 5, "person_0001", "person_0002")
    newer.track("person_0001", 0, 5)
    newer.track("person_0002", 0, 5)
    newer.scene(0, 10)
    url = f"sqlite:///{tmp_path}/store.db" if kind == "sqlite" else postgres.migrated_database()
    filmed(url, [older])
    clock.forward(2)  # times of results are in whole seconds
    filmed(url, [newer])
    query = query_of({"find": "scene", "where": [{"count": "person", "eq": 2}]})
    with both(url) as (database, algebra):
        assert not database.contents().all_current
        assert whole(query, database) == whole(query, algebra)
        assert len(whole(query, database)) == 1
        assert len(whole(query_of({"find": "person"}), database)) == 2
