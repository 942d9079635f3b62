"""Nobody, and no video, is in two splits."""

from __future__ import annotations

import random
from collections import Counter

import pytest
from hypothesis import given
from hypothesis import strategies as st

from schemas.errors import UsageError
from vaengine.training.dataset.request import SPLITS, Shares
from vaengine.training.dataset.splitting import components, split_videos

NAMES = st.sampled_from([f"video {number}" for number in range(12)])
PEOPLE = st.dictionaries(NAMES, st.sets(st.integers(0, 9).map(str), max_size=3), min_size=1)
SHARES = st.sampled_from([Shares(), Shares(0.8, 0.2, 0.0), Shares(0.5, 0.25, 0.25), Shares(1.0, 0.0, 0.0)])


@given(PEOPLE, SHARES, st.integers(0, 5), st.data())
def test_no_person_is_in_two_splits_and_every_video_is_in_one(
    people: dict[str, set[str]], shares: Shares, seed: int, data: st.DataObject
) -> None:
    pictures = {name: data.draw(st.integers(1, 500)) for name in people}
    found = split_videos(pictures, people, shares, seed)
    assert found.keys() == people.keys()
    splits_of: dict[str, set[str]] = {}
    for name, split in found.items():
        assert shares.of_split(split) > 0
        for person in people[name]:
            splits_of.setdefault(person, set()).add(split)
    assert all(len(splits) == 1 for splits in splits_of.values())


@given(PEOPLE, st.integers(0, 5), st.randoms(use_true_random=False))
def test_a_split_depends_on_the_seed_and_on_nothing_else(
    people: dict[str, set[str]], seed: int, chance: random.Random
) -> None:
    pictures = {name: 10 + len(own) for name, own in people.items()}
    names = list(people)
    chance.shuffle(names)
    again = {name: people[name] for name in names}
    assert split_videos(pictures, people, Shares(), seed) == split_videos(pictures, again, Shares(), seed)


@given(PEOPLE, st.integers(0, 5))
def test_no_split_with_a_share_is_empty_while_there_are_components_for_it(
    people: dict[str, set[str]], seed: int
) -> None:
    pictures = dict.fromkeys(people, 7)
    filled = set(split_videos(pictures, people, Shares(), seed).values())
    assert len(filled) == min(len(SPLITS), len(components(people)))
    assert "train" in filled


def test_videos_are_joined_by_people_they_share_through_others() -> None:
    people = {"a": {"Anna"}, "b": {"Ben"}, "c": {"Anna", "Ben"}, "d": set(), "e": {"Eve"}}
    assert components(people) == [("a", "b", "c"), ("d",), ("e",)]


def test_many_alike_videos_are_split_by_their_shares_and_differently_by_another_seed() -> None:
    names = [f"video {number}" for number in range(100)]
    splits = [split_videos(dict.fromkeys(names, 10), {}, Shares(), seed) for seed in range(2)]
    assert Counter(splits[0].values()) == {"train": 70, "val": 15, "test": 15}
    assert splits[0] != splits[1]


def test_two_videos_are_one_for_training_and_one_held_out() -> None:
    for sizes in ({"a": 47, "b": 15}, {"a": 10, "b": 10}):
        assert split_videos(sizes, {}, Shares(), 0) == {"a": "train", "b": "val"} or sizes["a"] == sizes["b"]
        assert set(split_videos(sizes, {}, Shares(), 0).values()) == {"train", "val"}


def test_shares_are_given_in_per_cent() -> None:
    assert Shares.of("80/20/0") == Shares(0.8, 0.2, 0.0)
    for text in ("80/20", "80/30/0", "0/50/50", "a/b/c", "120/-20/0"):
        with pytest.raises(UsageError, match="--split"):
            Shares.of(text)
