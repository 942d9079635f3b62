from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from vaengine.comparing.stretches import agreement, covered, matched

STRETCHES = st.lists(
    st.tuples(st.integers(0, 90), st.integers(1, 10)).map(lambda pair: (pair[0] / 10, sum(pair) / 10)),
    max_size=6,
)


def test_kappa_is_agreement_beyond_chance() -> None:
    # Of 10 s: both 2, only A 1, only B 1, neither 6. Observed 0.8, by chance 0.3 * 0.3 + 0.7 * 0.7 = 0.58.
    found = agreement([(0.0, 3.0)], [(1.0, 4.0)], 10.0, 0.1)
    assert (found.both_s, found.only_a_s, found.only_b_s, found.neither_s) == pytest.approx((2, 1, 1, 6))
    assert found.agreement == pytest.approx(0.8)
    assert found.kappa == pytest.approx((0.8 - 0.58) / 0.42)


def test_beginnings_and_ends_differ_by_seconds_with_their_sign() -> None:
    found = agreement([(1.0, 3.0), (5.0, 7.0)], [(0.8, 3.2), (5.4, 7.0)], 10.0, 0.1)
    assert (found.start_error_s, found.end_error_s) == pytest.approx((0.3, 0.1))
    assert (found.start_shift_s, found.end_shift_s) == pytest.approx((0.1, 0.1))


def test_stretches_that_overlap_by_less_than_half_are_not_the_same() -> None:
    assert matched([(0.0, 3.0)], [(2.0, 5.0)]) == []
    assert matched([(0.0, 3.0)], [(1.0, 4.0)]) == [(0, 0)]


def test_points_in_time_match_within_a_second() -> None:
    assert matched([(1.0, 1.0), (5.0, 5.0)], [(1.9, 1.9), (6.1, 6.1)]) == [(0, 0)]


def test_where_only_one_label_is_used_there_is_no_kappa() -> None:
    assert agreement([], [], 10.0, 0.1).kappa is None
    assert agreement([(0.0, 10.0)], [(0.0, 10.0)], 10.0, 0.1).kappa is None
    assert agreement([], [], 10.0, 0.1).agreement == 1.0


@given(a=STRETCHES, b=STRETCHES)
def test_the_other_way_round_has_the_same_kappa_and_exchanges_precision_and_recall(
    a: list[tuple[float, float]], b: list[tuple[float, float]]
) -> None:
    one, other = agreement(a, b, 10.0, 0.1), agreement(b, a, 10.0, 0.1)
    assert one.kappa == pytest.approx(other.kappa)
    assert (one.precision, one.recall) == (other.recall, other.precision)
    assert one.total_s == pytest.approx(10.0)


@given(a=STRETCHES, b=STRETCHES)
def test_two_videos_together_have_the_sums_of_both(
    a: list[tuple[float, float]], b: list[tuple[float, float]]
) -> None:
    total = agreement(a, b, 10.0, 0.1) + agreement(b, a, 10.0, 0.1)
    assert total.total_s == pytest.approx(20.0)
    assert total.only_a_s == pytest.approx(total.only_b_s)
    if total.start_shift_s is not None:
        assert total.start_shift_s == pytest.approx(0.0, abs=1e-9)


@pytest.mark.long
@given(a=STRETCHES, b=STRETCHES)
def test_kappa_is_that_of_scikit_learn(a: list[tuple[float, float]], b: list[tuple[float, float]]) -> None:
    from sklearn.metrics import cohen_kappa_score

    kappa = agreement(a, b, 10.0, 0.1).kappa
    if kappa is not None:
        masks = covered(a, 100, 0.1), covered(b, 100, 0.1)
        assert kappa == pytest.approx(cohen_kappa_score(*masks))
