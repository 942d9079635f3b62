"""Limits of databases and of time: long lists are one parameter, and a statement ends when its time is up."""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import closing
from pathlib import Path

import pytest

from actors.stores import open_store
from schemas.errors import QueryTimeout
from tests.support.servers import postgres
from tests.support.stores.asked import Filmed, filmed
from vaengine.queries.answers import answered, collection_of
from vaengine.queries.language.parsing import query_of
from vaengine.queries.resolution import Appearances, Member, Resolution

MANY = 20_000


class Crowd:
    """A name of twenty thousand tracks in as many videos, two of which are stored."""

    @property
    def holders(self) -> Mapping[Member, str]:
        return {}

    def names(self) -> list[str]:
        return ["crowd"]

    def resolve(self, name: str) -> Appearances | None:
        stored = [(Filmed(*who).clip.video_id, "person_0001") for who in (("garden", "a"), ("kitchen", "b"))]
        tracks = frozenset([*stored, *((f"video {number}", f"person_{number}") for number in range(MANY))])
        return Appearances(tracks) if name == "crowd" else None


def two_videos() -> list[Filmed]:
    garden, kitchen = Filmed("garden", "a"), Filmed("kitchen", "b")
    garden.track("person_0001", 0, 3)
    kitchen.track("person_0001", 1, 4)
    kitchen.track("person_0002", 1, 4)
    return [garden, kitchen]


@pytest.fixture(params=["sqlite", "postgresql"])
def url(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    address = f"sqlite:///{tmp_path}/store.db" if request.param == "sqlite" else postgres.migrated_database()
    return filmed(address, two_videos())


def test_a_person_may_have_twenty_thousand_tracks(url: str) -> None:
    near = query_of("find: person:crowd\nsteps: [{relation: near, to: 'person:crowd', within_s: 1}]")
    with closing(open_store(url, read_only=True)) as store, collection_of(store) as collection:
        found = answered(query_of("find: person:crowd"), collection, Crowd())
        assert sorted(match.start_s for match in found) == [0.0, 1.0]
        assert not answered(near, collection, Crowd()).matches
        assert "person_19999" in collection.plan(query_of("find: person:crowd"), _resolution())[0]


def _resolution() -> Resolution:
    return Resolution(people={"crowd": Crowd().resolve("crowd") or Appearances()})


def test_twenty_thousand_ids_and_videos_may_be_meant(url: str) -> None:
    query = query_of("find: {kind: face, similar: {annotation: a}}")
    many = {f"00000000-0000-4000-8000-{number:012d}": 0.5 for number in range(MANY)}
    videos = tuple(sorted([f"video {number}" for number in range(MANY)] + [two_videos()[0].clip.video_id]))
    with closing(open_store(url, read_only=True)) as store, collection_of(store) as collection:
        assert collection.page(query, Resolution(found=many, videos=videos), None, 10) == []
        persons = collection.page(query_of("find: person"), Resolution(videos=videos), None, 10)
        assert [row.start_s for row in persons] == [0.0]


ENDLESS = {
    "sqlite": "WITH RECURSIVE n(x) AS (SELECT 1 UNION ALL SELECT x + 1 FROM n) SELECT count(*) FROM n",
    "postgresql": "SELECT pg_sleep(60)",
}


def test_a_statement_that_takes_longer_is_ended_and_the_store_answers_on(url: str) -> None:
    with closing(open_store(url, read_only=True)) as store:
        with (
            pytest.raises(QueryTimeout, match=r"within 0\.05 s: ask of fewer videos"),
            store.reading(0.05) as it,
        ):
            it.exec_driver_sql(ENDLESS[it.dialect.name])
        with collection_of(store) as collection:
            assert len(answered(query_of("find: person"), collection)) == 3


def test_files_are_read_no_longer_than_allowed(tmp_path: Path) -> None:
    url = filmed(f"files:{tmp_path}/out", two_videos())
    with (
        closing(open_store(url, read_only=True)) as store,
        pytest.raises(QueryTimeout),
        collection_of(store, 0.0) as collection,
    ):
        answered(query_of("find: person"), collection)
