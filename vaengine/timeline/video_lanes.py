"""Lanes of a timeline: who has which, and what of them lies in a stretch of time."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import pairwise

from vaengine.results.presence_intervals import Run


def packed(stretches: Mapping[str, Sequence[Run]], most: int) -> list[list[str]]:
    """Persons in at most `most` lanes: one each where there is room, else those share a lane who are not
    there at the same time.

    Where even that does not fit, a person is put where the one before leaves first, and bars lie upon one
    another. Greedy interval partitioning by first appearance (Kleinberg and Tardos, Algorithm Design, 4.1)
    needs the fewest lanes.
    """
    ordered = sorted(
        (person for person in stretches if stretches[person]), key=lambda person: stretches[person][0]
    )
    if len(ordered) <= most:
        return [[person] for person in ordered]
    lanes: list[list[str]] = []
    free_s: list[float] = []
    for person in ordered:
        start_s, end_s = stretches[person][0][0], stretches[person][-1][1]
        lane = next((lane for lane, free in enumerate(free_s) if free <= start_s), None)
        if lane is None and len(lanes) < most:
            lanes.append([])
            free_s.append(end_s)
            lane = len(lanes) - 1
        elif lane is None:
            lane = min(range(len(lanes)), key=free_s.__getitem__)
        lanes[lane].append(person)
        free_s[lane] = max(free_s[lane], end_s)
    return lanes


def within(stretches: Mapping[str, Sequence[Run]], start_s: float, end_s: float) -> dict[str, list[Run]]:
    """What of the stretches lies in `[start_s, end_s)`, persons who are not there left out."""
    cut = {
        person: [
            (max(start, start_s), min(end, end_s)) for start, end in own if end > start_s and start < end_s
        ]
        for person, own in stretches.items()
    }
    return {person: own for person, own in cut.items() if own}


def is_crowded(lanes: Sequence[Sequence[str]], stretches: Mapping[str, Sequence[Run]]) -> bool:
    """Whether any two of one lane are there at the same time."""
    pairs = (
        pair
        for lane in lanes
        for pair in pairwise(sorted((stretches[one][0][0], stretches[one][-1][1]) for one in lane))
    )
    return any(after[0] < before[1] for before, after in pairs)
