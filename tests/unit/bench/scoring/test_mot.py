"""The evaluator is checked before what it says of a tracker is believed."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bench.scoring.mot import Accuracy, AnnotatedPerson, accuracy, annotated

LEFT, RIGHT = (0.0, 0.0, 10.0, 20.0), (50.0, 0.0, 60.0, 20.0)
N_FRAMES = 4
TRUTH = [
    AnnotatedPerson(frame, who, box) for frame in range(N_FRAMES) for who, box in (("a", LEFT), ("b", RIGHT))
]
PERFECT = Accuracy(mota=1.0, idf1=1.0, precision=1.0, recall=1.0, switches=0, fragmentations=0)

LEFTS = {"a": 0.0, "b": 100.0, "c": 200.0}  # far enough apart that nobody is taken for another
law = settings(max_examples=25, deadline=None)  # motmetrics takes 50 ms for a handful of boxes


@st.composite
def tracked(draw: st.DrawFn, least: int = 0) -> list[AnnotatedPerson]:
    """Up to three people over up to five frames, each once in a frame and near their place."""
    steps = draw(
        st.dictionaries(
            st.tuples(st.integers(0, 4), st.sampled_from("abc")),
            st.integers(0, 8),
            min_size=least,
            max_size=12,
        )
    )
    return [
        AnnotatedPerson(frame, who, (LEFTS[who] + step, 0.0, LEFTS[who] + step + 10, 20.0))
        for (frame, who), step in steps.items()
    ]


@pytest.mark.shared
@pytest.mark.parametrize(
    ("sequence", "idf1", "mota"), [("TUD-Campus", 0.5577, 0.5265), ("TUD-Stadtmitte", 0.6446, 0.5640)]
)
def test_published_figures_come_out_to_the_last_digit(shared: Path, sequence: str, idf1: float, mota: float):
    folder = shared / "media" / "groundtruth" / "motmetrics_eval" / sequence
    score = accuracy(annotated(folder / "gt.txt"), annotated(folder / "test.txt"))
    assert (round(score.idf1, 4), round(score.mota, 4)) == (idf1, mota)


def test_the_truth_itself_is_perfect():
    assert accuracy(TRUTH, TRUTH) == PERFECT
    assert accuracy(TRUTH, TRUTH).f1 == 1.0


def test_two_people_who_swap_names_are_two_switches():
    swapped = [replace(p, who={"a": "b", "b": "a"}[p.who]) if p.frame >= N_FRAMES // 2 else p for p in TRUTH]
    score = accuracy(TRUTH, swapped)
    assert (score.switches, score.precision, score.recall) == (2, 1.0, 1.0)
    assert score.mota == 1 - 2 / len(TRUTH)
    assert score.idf1 == 0.5  # half of each person's boxes carry the other's name


def test_a_new_name_in_the_middle_is_one_switch():
    renamed = [replace(p, who="c") if p.who == "a" and p.frame >= N_FRAMES // 2 else p for p in TRUTH]
    assert accuracy(TRUTH, renamed).switches == 1


def test_a_missed_box_in_the_middle_is_a_miss_and_a_gap():
    score = accuracy(TRUTH, [p for p in TRUTH if (p.frame, p.who) != (1, "a")])
    assert (score.switches, score.fragmentations, score.precision) == (0, 1, 1.0)
    assert score.recall == score.mota == 1 - 1 / len(TRUTH)


def test_a_box_that_is_nobody_costs_precision_even_in_a_frame_without_people():
    score = accuracy(TRUTH, [*TRUTH, AnnotatedPerson(N_FRAMES, "c", LEFT)])
    assert (score.recall, score.precision) == (1.0, len(TRUTH) / (len(TRUTH) + 1))
    assert score.mota == 1 - 1 / len(TRUTH)


@pytest.mark.parametrize(("height", "hit"), [(10.0, True), (9.9, False)])
def test_a_hit_is_an_overlap_of_at_least_half(height: float, hit: bool):
    upper_part = AnnotatedPerson(0, "a", (0.0, 0.0, 10.0, height))  # of a box 20 high
    assert accuracy(TRUTH[:1], [upper_part]).recall == float(hit)


def test_more_errors_than_people_make_mota_negative():
    assert accuracy(TRUTH[:1], [AnnotatedPerson(0, who, RIGHT) for who in "xyz"]).mota == -3.0


def test_nothing_found_is_all_missed():
    assert accuracy(TRUTH, []) == Accuracy(
        mota=0.0, idf1=0.0, precision=0.0, recall=0.0, switches=0, fragmentations=0
    )
    assert accuracy(TRUTH, []).f1 == 0.0


def test_without_truth_there_is_nothing_to_say():
    with pytest.raises(ValueError, match="no truth"):
        accuracy([], TRUTH)


def test_nobody_is_twice_in_one_frame():
    with pytest.raises(ValueError, match="a has two boxes in frame 0"):
        accuracy(TRUTH, [AnnotatedPerson(0, "a", LEFT), AnnotatedPerson(0, "a", RIGHT)])


@law
@given(tracked(least=1), tracked(), st.permutations("abc"))
def test_what_tracks_are_called_does_not_matter(
    truth: list[AnnotatedPerson], found: list[AnnotatedPerson], names: list[str]
):
    renamed = [replace(person, who=dict(zip("abc", names, strict=True))[person.who]) for person in found]
    assert accuracy(truth, renamed) == accuracy(truth, found)


@law
@given(tracked(least=1))
def test_every_truth_agrees_with_itself(truth: list[AnnotatedPerson]):
    score = accuracy(truth, truth)
    assert (score.mota, score.idf1, score.switches) == (1.0, 1.0, 0)


@pytest.mark.long
@law
@given(tracked(least=1), tracked(), st.integers(1, 1000))
def test_when_it_happens_does_not_matter(
    truth: list[AnnotatedPerson], found: list[AnnotatedPerson], later: int
):
    def shifted(people: list[AnnotatedPerson]) -> list[AnnotatedPerson]:
        return [replace(person, frame=person.frame + later) for person in people]

    assert accuracy(shifted(truth), shifted(found)) == accuracy(truth, found)


def test_a_mot_file_counts_frames_from_one_and_flags_what_not_to_count(tmp_path: Path):
    (tmp_path / "gt.txt").write_text("1,7,10,20,30,40,1,-1,-1,-1\n2,7,10,20,30,40,0,-1,-1,-1\n")
    assert annotated(tmp_path / "gt.txt") == [AnnotatedPerson(0, "7", (10.0, 20.0, 40.0, 60.0))]
