"""Colours of persons, faces and speakers: nobody shares one with somebody else who is there at the same
time.
"""

from __future__ import annotations

from itertools import combinations, islice

import pytest
from hypothesis import given
from hypothesis import strategies as st

from schemas.annotations.annotation import FACE_DETECTION, Annotation
from tests.support.stores.fake_rows import Rows
from tests.support.stores.plotted import box
from vaengine.results.presence_intervals import Run
from vaengine.timeline.colour_assignment import Colours, assigned, palette
from vaengine.timeline.palette import COLOURS, NO_TRACK, TONES, colour_of
from vaengine.timeline.presence import Presence
from vaengine.timeline.video_colours import colours_of, links_of

ROWS = Rows()
Presences = dict[str, list[Run]]

runs = st.lists(
    st.tuples(st.integers(0, 60), st.integers(1, 20)).map(lambda two: (float(two[0]), float(sum(two)))),
    min_size=1,
    max_size=3,
)


def presences(kind: str, most: int = 12) -> st.SearchStrategy[Presences]:
    return st.dictionaries(st.integers(1, 30).map(lambda number: f"{kind}_{number:04d}"), runs, max_size=most)


def meet(some: list[Run], others: list[Run]) -> bool:
    return any(a < d and c < b for a, b in some for c, d in others)


everybody = presences("person"), presences("face"), presences("speaker")
links = st.dictionaries(
    st.integers(1, 30).map(lambda number: f"face_{number:04d}"),
    st.lists(st.integers(1, 30).map(lambda number: f"person_{number:04d}"), min_size=1, max_size=3),
    max_size=8,
)


@given(*everybody)
def test_ids_of_different_people_who_are_there_at_the_same_time_never_share_a_colour(
    persons: Presences, faces: Presences, speakers: Presences
) -> None:
    colours = assigned(persons, faces, speakers)
    for (one, mine), (other, theirs) in combinations({**persons, **faces, **speakers}.items(), 2):
        assert not meet(mine, theirs) or colours.of(one) != colours.of(other)


@given(*everybody, links)
def test_whoever_is_linked_two_persons_or_two_faces_at_the_same_time_never_share_a_colour(
    persons: Presences, faces: Presences, speakers: Presences, linked: dict[str, list[str]]
) -> None:
    colours = assigned(persons, faces, speakers, linked)
    for kind in (persons, faces, speakers):
        for (one, mine), (other, theirs) in combinations(kind.items(), 2):
            assert not meet(mine, theirs) or colours.of(one) != colours.of(other)
    strangers = {name: own for name, own in faces.items() if name not in linked}
    for face, mine in strangers.items():
        for person, theirs in persons.items():
            assert not meet(mine, theirs) or colours.of(face) != colours.of(person)


@given(*everybody, links)
def test_colours_depend_on_what_is_there_and_not_on_its_order(
    persons: Presences, faces: Presences, speakers: Presences, linked: dict[str, list[str]]
) -> None:
    turned = [dict(reversed(list(kind.items()))) for kind in (persons, faces, speakers, linked)]
    assert assigned(persons, faces, speakers, linked) == assigned(*turned)


@given(*everybody, links)
def test_nobody_has_the_grey_of_nobody(
    persons: Presences, faces: Presences, speakers: Presences, linked: dict[str, list[str]]
) -> None:
    colours = assigned(persons, faces, speakers, linked)
    assert NO_TRACK not in {colours.of(one) for one in (*persons, *faces, *speakers)}
    assert {colours.of(one) for one in (*persons, *faces, *speakers)} <= set(colours.palette)


def test_eight_persons_at_once_have_eight_colours_the_first_seven_those_of_their_numbers() -> None:
    persons = {f"person_{number:04d}": [(0.0, 9.0)] for number in range(1, 9)}
    colours = assigned(persons)
    assert [colours.of(person) for person in persons][:7] == list(COLOURS)
    assert len({colours.of(person) for person in persons}) == 8


def test_a_person_who_comes_later_has_the_colour_of_the_number() -> None:
    colours = assigned(
        {f"person_{number:04d}": [(10.0 * number, 10.0 * number + 5)] for number in range(1, 30)}
    )
    assert all(colours.of(person) == colour_of(person) for person in colours.own)


def test_a_face_without_a_person_has_not_the_colour_of_the_person_with_its_number() -> None:
    colours = assigned({"person_0004": [(0.0, 9.0)]}, {"face_0004": [(2.0, 3.0)]})
    assert colours.of("face_0004") != colours.of("person_0004")


def test_a_face_has_its_persons_colour_and_so_has_the_track_in_which_the_person_comes_back() -> None:
    persons = {"person_0002": [(0.0, 5.0)], "person_0003": [(0.0, 30.0)], "person_0005": [(20.0, 25.0)]}
    colours = assigned(
        persons,
        {"face_0001": [(1.0, 4.0), (21.0, 22.0)]},
        links={"face_0001": ["person_0002", "person_0005"]},
    )
    assert colours.of("face_0001") == colours.of("person_0005") == colour_of("person_0002")
    assert colours.of("person_0003") == colour_of("person_0003")


def test_two_faces_at_once_that_are_linked_to_one_person_are_two_people() -> None:
    faces = {"face_0001": [(0.0, 5.0)], "face_0002": [(3.0, 6.0)]}
    colours = assigned({"person_0001": [(0.0, 9.0)]}, faces, links={face: ["person_0001"] for face in faces})
    assert colours.of("face_0001") == colours.of("person_0001") != colours.of("face_0002")


def test_there_are_as_many_colours_as_are_needed() -> None:
    first = list(islice(palette(), 3000))
    assert first[:7] == list(COLOURS)
    assert len(set(first)) == len(first)
    assert not {NO_TRACK, *TONES} & set(first)


def test_an_id_that_is_not_known_has_the_colour_of_its_number_and_nobody_is_grey() -> None:
    assert (Colours().of("person_0002"), Colours().of(None), Colours().of("")) == (
        COLOURS[1],
        NO_TRACK,
        NO_TRACK,
    )


# From rows.


def face(frame: int, face_id: str, person: str | None) -> Annotation:
    return ROWS.face(frame, face_id, person)


def test_a_person_belongs_to_the_face_that_lies_in_its_boxes_most_often() -> None:
    rows = [
        *(face(n, "face_0001", "person_0001") for n in range(5)),
        *(face(n, "face_0001", "person_0002") for n in range(5, 8)),
    ]
    rows += [*(face(n, "face_0002", "person_0002") for n in range(9)), face(20, "face_0003", None)]
    assert links_of(rows) == {"face_0002": ["person_0002"], "face_0001": ["person_0001"]}


@pytest.mark.parametrize("reverse", [False, True])
def test_everybody_in_a_videos_rows_has_a_colour(reverse: bool) -> None:
    rows = [
        *(box(n, "person_0001") for n in range(0, 50, 5)),
        *(face(n, "face_0001", None) for n in range(0, 50, 5)),
    ]
    rows += [ROWS.turn("speaker_0001", 0.0, 1.0), ROWS.speech("a", 0.5, 2.0, "speaker_0002")]
    given = rows[::-1] if reverse else rows
    colours = colours_of(given, Presence.of(given, 5), Presence.of(given, 5, kind=FACE_DETECTION))
    assert set(colours.own) == {"person_0001", "face_0001", "speaker_0001", "speaker_0002"}
    assert len(set(colours.own.values())) == 4
