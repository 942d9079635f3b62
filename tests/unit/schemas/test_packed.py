"""A packed sequence is the tuple of the same values, in less memory."""

from __future__ import annotations

import pickle
from unittest import mock

from hypothesis import given
from hypothesis import strategies as st

from schemas import packed as module
from schemas.packed import PackedSequence, packed

PLACES = st.none() | st.integers(-12, 12)


@given(st.lists(st.text(max_size=3), max_size=10), PLACES, PLACES, st.sampled_from([None, 1, 2, -1]))
def test_it_has_the_length_values_and_slices_of_a_tuple(
    values: list[str], start: int | None, stop: int | None, step: int | None
) -> None:
    with mock.patch.multiple(module, BLOCK=3, LEAST=5):
        few, one = tuple(values), PackedSequence(values)
        assert (len(one), tuple(one), [one[at] for at in range(-len(one), len(one))]) == (
            len(few),
            few,
            [few[at] for at in range(-len(few), len(few))],
        )
        assert tuple(one[start:stop:step]) == few[start:stop:step]
        assert one == few == tuple(packed(values))
        assert pickle.loads(pickle.dumps(one)) == one


def test_few_values_are_a_tuple_and_many_take_a_few_bytes_each() -> None:
    assert packed(iter("abc")) == ("a", "b", "c")
    paths = [f"/videos/{number // 1000:03}/clip_{number:07}.mp4" for number in range(20_000)]
    many = packed(iter(paths))
    assert isinstance(many, PackedSequence)
    assert list(many) == paths
    assert many[:None] is many
    assert len(pickle.dumps(many)) < 20 * len(paths)
