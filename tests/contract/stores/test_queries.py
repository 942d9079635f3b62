"""Every store gives the same answers to the same questions."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest

from actors.stores import open_store
from schemas.errors import NotFound, UsageError
from schemas.pipelines import PERSON, SCENE
from schemas.storage.backend import Identity, StorageBackend
from tests.support.stores.asked import Filmed, filmed
from vaengine.queries.answers import Answers, answered, collection_of
from vaengine.queries.explain import explained
from vaengine.queries.facets import facets_of
from vaengine.queries.language.parsing import query_of
from vaengine.queries.language.saved import save, saved

GARDEN, KITCHEN = "garden-aaaaaaaa", "kitchen-bbbbbbbb"


def party() -> list[Filmed]:
    """In the garden four persons, laughter and speech; of the kitchen nobody has heard the sound."""
    garden, kitchen = Filmed("garden", "a"), Filmed("kitchen", "b", (SCENE, PERSON))
    garden.scene(0, 20)
    garden.scene(20, 40)
    garden.track("person_0001", 0, 3, confidence=0.75)
    for number in range(2, 6):
        garden.track(f"person_{number:04d}", number, number + 10)
    garden.track("person_0009", 30, 30.2)  # too short to be a person
    garden.identity("face_0001", 2, 9, "person_0002", "person_0003")  # two tracks of one person
    garden.sound("laughter", 8, 10, confidence=0.5)
    garden.speech("Good morning to you.", 1, 9)
    garden.word("Good", 1.0, 1.5)
    garden.word("Straße", 2.0, 2.5)
    garden.face(1.0, (10, 10, 40, 40), face_id="face_0001", confidence=0.9)
    garden.face(2.0, (400, 10, 40, 40), confidence=0.8)
    for second in range(40):
        garden.loudness(float(second), -20.0 if second < 20 else -50.0)
    kitchen.scene(0, 40)
    kitchen.track("person_0001", 0, 3)
    return [garden, kitchen]


@pytest.fixture
def asked(url: str) -> Iterator[StorageBackend]:
    filmed(url, party())
    with closing(open_store(url)) as store:
        store.put_identities([Identity("identity_0001", GARDEN, "face_0001", "c1", "arcface", 0.9, 2.0)])
        yield store


def ask(store: StorageBackend, text: str) -> Answers:
    with collection_of(store) as collection:
        return answered(query_of(text), collection)


def spans(answers: Answers) -> list[tuple[str, float, float]]:
    return [(match.video_id.partition("-")[0], match.start_s, match.end_s) for match in answers]


@pytest.mark.parametrize(
    ("question", "expected"),
    [
        (
            "find: person:person_0001\nsteps: [{relation: near, to: 'sound:LAUGHTER', within_s: 5}]",
            [("garden", 0.0, 10.0)],
        ),
        ("find: person:person_0001\nsteps: [{relation: near, to: sound, within_s: 4.9}]", []),
        ("find: {kind: face, region: top-left}", [("garden", 1.0, 1.0)]),
        (
            "find: scene\nwhere: [{count: person, gt: 3}, {coverage: [speech, voice], gt: 0.3}]",
            [("garden", 0.0, 20.0)],
        ),
        ("find: scene\nwhere: [{count: person, eq: 0}]", [("garden", 20.0, 40.0)]),
        ("find: scene\nwhere: [{count: person, concurrent: true, ge: 4}]", []),
        ("find: scene\nwhere: [{mean: rms_dbfs, percentile: 100}]", [("garden", 0.0, 20.0)]),
        ("find: scene\nwhere: [{not: {relation: overlaps, to: speech}}]", [("garden", 20.0, 40.0)]),
        ("find: speech:GOOD morning", [("garden", 1.0, 9.0)]),
        ("find: speech:morning good", []),
        ("find: {kind: speech, said: 'to \"good morn*\"'}", [("garden", 1.0, 9.0)]),
        ("find: word:Straße", [("garden", 2.0, 2.5)]),
        ("find: word:strasse", [("garden", 2.0, 2.5)]),
        ("find: word:GOOD", [("garden", 1.0, 1.5)]),
        ("find: speech:good\nsteps: [{relation: contains, to: 'speech:morning'}]", []),
        ("find: speech:good\nsteps: [{relation: contains, to: 'word:strasse'}]", [("garden", 1.0, 9.0)]),
        ("find: {kind: person, person: identity_0001}", [("garden", 2.0, 12.0), ("garden", 3.0, 13.0)]),
        (
            "find: scene\nsteps: [{relation: contains, to: person:person_0002},"
            " {relation: before, to: 'sound', within_s: 10}]",
            [],
        ),
        (
            "find: person:person_0001\nsteps: [{relation: before, to: 'sound', within_s: 10},"
            " {relation: before, to: {kind: scene, min_s: 20}, within_s: 10}]",
            [("garden", 0.0, 40.0)],
        ),
        ("find: person:person_0001\nanswers: videos", [("kitchen", 0.0, 3.0), ("garden", 0.0, 3.0)]),
        ("find: person\nvideos: [kitchen.mp4]", [("kitchen", 0.0, 3.0)]),
        ("find: video\nwhere: [{count: sound, eq: 1}]", [("garden", 0.0, 40.0)]),
        ("find: {kind: face, region: top-left}\npad_s: 2", [("garden", 0.0, 3.0)]),
    ],
)
def test_a_question_has_the_same_answer_in_every_store(
    question: str, expected: list[tuple[str, float, float]], asked: StorageBackend
) -> None:
    assert spans(ask(asked, question)) == expected


def test_not_analysed_is_not_absent(asked: StorageBackend) -> None:
    silent = ask(asked, "find: scene\nwhere: [{not: {relation: overlaps, to: speech}}]")
    assert [match.video_id for match in silent] == [GARDEN]  # nobody knows of the kitchen
    assert silent.analysed.lacking == {"audio_processing": (KITCHEN,)}
    assert silent.analysed.line == "not analysed is not absent: of 2 videos 1 lack audio"
    assert ask(asked, "find: person").analysed.line is None


def test_answers_say_why_and_that_sounds_come_in_windows(asked: StorageBackend) -> None:
    near = ask(asked, "find: person:person_0001\nsteps: [{relation: near, to: sound, within_s: 5}]")
    (match,) = near
    assert match.why == "person_0001 near laughter (5.0 s)"
    assert match.score == pytest.approx(0.5 / 6)
    assert len(match.annotation_ids) == 2
    assert "windows of 10 s every 5 s" in near.notes[0]
    (crowded,) = ask(asked, "find: scene\nwhere: [{count: person, gt: 3}, {mean: rms_dbfs, gt: -30}]")
    assert crowded.why.endswith("person: 4; -20.0 dBFS")


def test_pages_follow_each_other_without_gaps_and_only_of_their_own_query(asked: StorageBackend) -> None:
    everything = ask(asked, "find: person")
    assert len(everything) == 6
    pages, page = [], ask(asked, "find: person\nlimit: 4")
    pages += page
    assert page.next_page
    rest = ask(asked, f"find: person\nlimit: 4\npage: {page.next_page}")
    assert [*pages, *rest] == [*everything]
    assert rest.next_page is None
    with pytest.raises(UsageError, match="of another query"):
        ask(asked, f"find: scene\npage: {page.next_page}")
    with pytest.raises(UsageError, match="unknown"):
        ask(asked, "find: scene\npage: nonsense")


@pytest.mark.parametrize(
    ("question", "message"),
    [
        ("find: sound:laugther", "did you mean laughter"),
        ("find: person:person_001", "did you mean person_0001"),
        ("find: person\nvideos: [kitchn.mp4]", "did you mean kitchen.mp4"),
    ],
)
def test_unknown_words_are_refused_with_the_nearest(
    question: str, message: str, asked: StorageBackend
) -> None:
    with pytest.raises(UsageError, match=message):
        ask(asked, question)


def test_an_empty_answer_is_explained(asked: StorageBackend) -> None:
    text = "find: person:person_0001\nsteps: [{relation: near, to: sound, within_s: 2}]"
    with collection_of(asked) as collection:
        explanation = explained(query_of(text), collection)
    assert [(part.text, part.moments) for part in explanation.parts] == [
        ("person:person_0001", 2),
        ("near sound within 2 s", 0),
    ]
    assert explanation.relaxations == ("0 with near sound within 2 s, 1 with near sound within 5 s",)
    lines = "\n".join(explanation.lines())
    assert "within_s: 2.0" in lines
    assert "not analysed is not absent" in lines
    with collection_of(asked) as collection:
        crowded = explained(query_of("find: scene\nwhere: [{count: person, gt: 8}]"), collection)
    assert crowded.relaxations == ("0 with count of person > 8, 1 with count of person >= 4",)


def test_facets_tell_what_can_be_asked(asked: StorageBackend) -> None:
    found = {(facet.facet, facet.value): (facet.rows, facet.videos) for facet in facets_of(asked)}
    assert found["kind", "person"] == (7, 2)
    assert found["sound", "laughter"] == (1, 1)
    assert found["identity", "identity_0001"] == (1, 1)
    assert found["preset", "person by hand"] == (2, 2)


def test_queries_are_kept_by_name(asked: StorageBackend) -> None:
    query = query_of("find: scene\nwhere: [{count: person, gt: 3}]")
    save(asked, "crowded scenes", query)
    save(asked, "other", query)
    assert saved(asked, "crowded scenes") == query
    assert asked.drop_query("other")
    assert not asked.drop_query("other")
    assert list(asked.saved_queries()) == ["crowded scenes"]
    with pytest.raises(NotFound, match="did you mean crowded scenes"):
        saved(asked, "crowded scene")
    for name in ("person", "a.yaml", "", "a/b"):
        with pytest.raises(UsageError):
            save(asked, name, query)


def test_a_saved_query_moves_with_the_results(asked: StorageBackend, tmp_path: Path) -> None:
    from vaengine.cli.app import outcome

    save(asked, "crowded", query_of("find: scene\nwhere: [{count: person, gt: 3}]"))
    other = f"sqlite:///{tmp_path}/moved.db"
    assert outcome(["migrate", asked.connection_url, other]) == 0
    with closing(open_store(other)) as moved:
        assert moved.saved_queries() == asked.saved_queries()
