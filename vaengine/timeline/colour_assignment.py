"""Assigns a colour to each person, face and speaker; those visible at the same time never share one."""

from __future__ import annotations

import colorsys
import re
from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import chain, count
from types import MappingProxyType
from typing import Final

from vaengine.results.presence_intervals import Run, merged
from vaengine.timeline.palette import COLOURS, NO_TRACK, TONES, colour_of, rgb

PERSONS, FACES, SPEAKERS = "persons", "faces", "speakers"
REST_S: Final = 1.0  # before and after somebody is there, in which no other person takes the colour
LIGHTER: Final = 0.5  # of the way to white
DARKER: Final = 0.4  # of the way to black
_NUMBER: Final = re.compile(r"(\d+)$")
_STEPS: Final = (
    0.8191725133961645,
    0.6710436067037893,
    0.5497004779019703,
)  # powers of 1/1.2207..., the R3 sequence of M. Roberts (2018)


def _mixed(colour: str, towards: int, share: float) -> str:
    return "#{:02X}{:02X}{:02X}".format(*(round(part + (towards - part) * share) for part in rgb(colour)))


VARIANTS: Final = (
    *(_mixed(one, 255, LIGHTER) for one in COLOURS),
    *(_mixed(one, 0, DARKER) for one in COLOURS),
)

Presences = Mapping[str, Sequence[Run]]  # an id, and when it is there
NOBODY: Final[Presences] = MappingProxyType({})


@dataclass(frozen=True, slots=True)
class Colours:
    """`#RRGGBB` of the ids of one video; an id that is not among them has that of its number, grey is for
    nobody.
    """

    own: Mapping[str, str] = field(default_factory=dict)

    def of(self, identity: str | None) -> str:
        """The colour of an id of whatever kind."""
        return self.own.get(identity or "") or colour_of(identity)

    @property
    def palette(self) -> tuple[str, ...]:
        """Every colour that `of` can give."""
        return tuple(dict.fromkeys((*COLOURS, NO_TRACK, *self.own.values())))


@dataclass(slots=True)
class _Human:
    """Ids that are one person's, of each kind, and when any of them is there."""

    ids: dict[str, list[str]]
    runs: list[Run]

    @property
    def first(self) -> str:
        """The id that gives its number: a person's rather than a face's."""
        kind = next(kind for kind in (PERSONS, FACES, SPEAKERS) if kind in self.ids)
        return min(self.ids[kind], key=_order)


def assigned(
    persons: Presences = NOBODY,
    faces: Presences = NOBODY,
    speakers: Presences = NOBODY,
    links: Mapping[str, Sequence[str]] = MappingProxyType({}),
) -> Colours:
    """Colours of all ids of a video; `links` has for a face the persons that it belongs to, the likeliest
    first.

    A face has the colour of its person, and so have all tracks of one person that a face joins, unless they
    are there at the same time: then they are not one person. Ids are served in order of their numbers,
    persons first. Each gets the colour of its number where nobody has it who is there within `REST_S`; else
    the one of the seven that was given least often and is free; else a lighter or darker one; else one by
    hue.
    """
    humans = _humans({PERSONS: persons, FACES: faces, SPEAKERS: speakers}, links)
    beside, own, given = _neighbours(humans), dict[int, str](), Counter[str]()
    for place, human in enumerate(humans):
        own[place] = _chosen(
            colour_of(human.first), {own[other] for other in beside[place] if other in own}, given
        )
        given[own[place]] += 1
    return Colours(
        {
            identity: own[place]
            for place, human in enumerate(humans)
            for ids in human.ids.values()
            for identity in ids
        }
    )


def palette() -> Iterator[str]:
    """Colours without end, no two alike: those of Okabe and Ito, lighter and darker ones of them, then
    others by hue.
    """
    told = {NO_TRACK, *TONES}
    for colour in chain(COLOURS, VARIANTS, _by_hue()):
        if colour not in told:
            told.add(colour)
            yield colour


def _chosen(preferred: str, taken: set[str], given: Mapping[str, int]) -> str:
    if preferred not in taken:
        return preferred
    for colours in (COLOURS, VARIANTS):
        if free := [colour for colour in colours if colour not in taken]:
            return min(free, key=lambda colour: given[colour])  # of equals the first
    return next(colour for colour in palette() if colour not in taken)


def _humans(kinds: Mapping[str, Presences], links: Mapping[str, Sequence[str]]) -> list[_Human]:
    """In the order in which they are served."""
    found: dict[tuple[str, str], _Human] = {}
    for kind, presences in kinds.items():
        for identity in sorted(presences, key=_order):
            found[kind, identity] = _Human({kind: [identity]}, merged(presences[identity]))
    for face in sorted(links, key=_order):
        for person in links[face]:
            if (FACES, face) in found and (PERSONS, person) in found:
                _join(found, found[FACES, face], found[PERSONS, person], kinds)
    return list({id(human): human for human in found.values()}.values())


def _join(
    found: dict[tuple[str, str], _Human], into: _Human, other: _Human, kinds: Mapping[str, Presences]
) -> None:
    """Make two one, unless that would have two persons, or two faces, of one human at the same time."""
    mine, theirs = (
        {kind: _all_runs(kinds[kind], one.ids.get(kind, ())) for kind in kinds} for one in (into, other)
    )
    if into is other or any(_meet(mine[kind], theirs[kind]) for kind in kinds):
        return
    into.runs = merged([*into.runs, *other.runs])
    for kind, ids in other.ids.items():
        into.ids.setdefault(kind, []).extend(ids)
        found.update({(kind, identity): into for identity in ids})


def _all_runs(presences: Presences, ids: Iterable[str]) -> list[Run]:
    return merged(run for identity in ids for run in presences[identity])


def _meet(some: Sequence[Run], others: Sequence[Run]) -> bool:
    """Whether two that are each in order have a moment in common."""
    mine = theirs = 0
    while mine < len(some) and theirs < len(others):
        if some[mine][0] < others[theirs][1] and others[theirs][0] < some[mine][1]:
            return True
        if some[mine][1] <= others[theirs][1]:
            mine += 1
        else:
            theirs += 1
    return False


def _neighbours(humans: Sequence[_Human]) -> Mapping[int, set[int]]:
    """For each the places of those who are there at the same time, or within `REST_S`: a sweep over time."""
    runs = sorted(
        (start_s, end_s + REST_S, place)
        for place, human in enumerate(humans)
        for start_s, end_s in human.runs
    )
    beside: dict[int, set[int]] = defaultdict(set)
    here: dict[int, float] = {}
    for start_s, end_s, place in runs:
        here = {other: until_s for other, until_s in here.items() if until_s >= start_s}
        for other in here.keys() - {place}:
            beside[place].add(other)
            beside[other].add(place)
        here[place] = max(end_s, here.get(place, end_s))
    return beside


def _order(identity: str) -> tuple[int, str]:
    number = _NUMBER.search(identity)
    return (int(number[1]) if number else 0, identity)


def _by_hue() -> Iterator[str]:
    """Spread evenly over hues, and over lightness and saturation between bounds in which they are neither
    grey, black nor white.
    """
    for number in count(1):
        hue, lightness, saturation = (number * step % 1 for step in _STEPS)
        parts = colorsys.hls_to_rgb(hue, 0.3 + 0.45 * lightness, 0.55 + 0.45 * saturation)
        yield "#{:02X}{:02X}{:02X}".format(*(round(255 * part) for part in parts))
