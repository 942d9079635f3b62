"""Splits videos into train, val and test, so that no person and no video is in two of them.

Videos that share a person, directly or by way of others, are a component. A component is never divided: a
model that has seen somebody in training is not measured on the same person.
"""

from __future__ import annotations

import hashlib
from collections.abc import Collection, Mapping, Sequence

from vaengine.training.dataset.request import SPLITS, Shares, Split

Component = tuple[str, ...]  # ids of videos, sorted


def components(people: Mapping[str, Collection[str]]) -> list[Component]:
    """The components of videos, given the people in each, by their first video."""
    parents = {name: name for name in people}

    def root(name: str) -> str:
        while parents[name] != name:
            parents[name] = parents[parents[name]]
            name = parents[name]
        return name

    first_with: dict[str, str] = {}
    for video_id in sorted(people):
        for person in people[video_id]:
            parents[root(video_id)] = root(first_with.setdefault(person, video_id))
    members: dict[str, list[str]] = {}
    for video_id in sorted(people):
        members.setdefault(root(video_id), []).append(video_id)
    return sorted(map(tuple, members.values()))


def split_videos(
    pictures: Mapping[str, int], people: Mapping[str, Collection[str]], shares: Shares, seed: int
) -> dict[str, Split]:
    """The split of each video with pictures; the same for the same values and seed, in any order.

    Components are given out from large to small, those of about one size in an order that `seed` decides,
    each to the split that lacks most pictures. As long as there are enough components, no split with a share
    stays empty.
    """
    found = components({video_id: people.get(video_id, ()) for video_id in pictures})
    sizes = {component: sum(pictures[video_id] for video_id in component) for component in found}
    wanted = [split for split in SPLITS if shares.of_split(split)]
    missing = {split: shares.of_split(split) * sum(sizes.values()) for split in wanted}
    chosen: dict[Component, Split] = {}
    for component in sorted(found, key=lambda one: (-sizes[one].bit_length(), _draw(seed, one))):
        split = max(wanted, key=lambda one: (missing[one], shares.of_split(one)))
        chosen[component] = split
        missing[split] -= sizes[component]
    _fill_empty(chosen, sizes, wanted)
    return {video_id: split for component, split in chosen.items() for video_id in component}


def _draw(seed: int, component: Component) -> str:
    return hashlib.sha256(f"{seed}/{component[0]}".encode()).hexdigest()


def _fill_empty(
    chosen: dict[Component, Split], sizes: Mapping[Component, int], wanted: Sequence[Split]
) -> None:
    """Give the smallest component of the split that has most of them to each split that is empty."""
    for split in wanted:
        if split in chosen.values():
            continue
        rich = max(wanted, key=lambda one: len(_of_split(chosen, one)))
        own = _of_split(chosen, rich)
        if len(own) > 1:
            chosen[min(own, key=lambda one: (sizes[one], one))] = split


def _of_split(chosen: Mapping[Component, Split], split: Split) -> Sequence[Component]:
    return [component for component, own in chosen.items() if own == split]
