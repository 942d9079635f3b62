"""Assigns colours to persons, faces and speakers; those present at the same time have different ones."""

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
MIN_GAP_S: Final = 1.0  # between two persons who are there one after the other in the same colour
LIGHTER_SHARE: Final = 0.5  # of the way to white
DARKER_SHARE: Final = 0.4  # of the way to black
_NUMBER: Final = re.compile(r"(\d+)$")
# Powers of 1/1.2207..., the R3 sequence of M. Roberts (2018).
_R3_STEPS: Final = (0.8191725133961645, 0.6710436067037893, 0.5497004779019703)


def _mix(colour: str, towards: int, share: float) -> str:
    """A colour moved towards a grey level, 0 to 255, by a share of the way."""
    return "#{:02X}{:02X}{:02X}".format(*(round(part + (towards - part) * share) for part in rgb(colour)))


VARIANTS: Final = (
    *(_mix(colour, 255, LIGHTER_SHARE) for colour in COLOURS),
    *(_mix(colour, 0, DARKER_SHARE) for colour in COLOURS),
)

Presences = Mapping[str, Sequence[Run]]  # id -> the times at which it is there
NOBODY: Final[Presences] = MappingProxyType({})


@dataclass(frozen=True, slots=True)
class Colours:
    """The colours `#RRGGBB` of the ids of one video.

    Other ids have the colour of their number, and None is grey.
    """

    own: Mapping[str, str] = field(default_factory=dict)

    def of(self, identity: str | None) -> str:
        """The colour of an id of any kind."""
        return self.own.get(identity or "") or colour_of(identity)

    @property
    def palette(self) -> tuple[str, ...]:
        """All colours that `of` may return."""
        return tuple(dict.fromkeys((*COLOURS, NO_TRACK, *self.own.values())))


@dataclass(slots=True)
class _Human:
    """The ids of one human, by kind, and the times at which any of them is there."""

    ids: dict[str, list[str]]
    runs: list[Run]

    @property
    def main_id(self) -> str:
        """The id whose number counts: of a person, else of a face, else of a speaker."""
        kind = next(kind for kind in (PERSONS, FACES, SPEAKERS) if kind in self.ids)
        return min(self.ids[kind], key=_order)


def assigned(
    persons: Presences = NOBODY,
    faces: Presences = NOBODY,
    speakers: Presences = NOBODY,
    links: Mapping[str, Sequence[str]] = MappingProxyType({}),
) -> Colours:
    """Assign colours to all ids of a video.

    `links` has the persons of each face, the likeliest first. A face has the colour of its person. Tracks of
    persons that a face links have one colour, unless they are there at the same time: then they are not one
    person. Ids get colours in the order of their numbers, persons first: the colour of the number if nobody
    within `MIN_GAP_S` has it, else the free one of the seven colours that was used least, else a lighter or
    darker one, else one by hue.
    """
    humans = _humans({PERSONS: persons, FACES: faces, SPEAKERS: speakers}, links)
    neighbours, colours, uses = _neighbours(humans), dict[int, str](), Counter[str]()
    for index, human in enumerate(humans):
        taken = {colours[other] for other in neighbours[index] if other in colours}
        colours[index] = _free_colour(colour_of(human.main_id), taken, uses)
        uses[colours[index]] += 1
    return Colours(
        {
            identity: colours[index]
            for index, human in enumerate(humans)
            for ids in human.ids.values()
            for identity in ids
        }
    )


def palette() -> Iterator[str]:
    """Yield different colours without end: of Okabe and Ito, their variants, then others by hue."""
    used = {NO_TRACK, *TONES}
    for colour in chain(COLOURS, VARIANTS, _colours_by_hue()):
        if colour not in used:
            used.add(colour)
            yield colour


def _free_colour(preferred: str, taken: set[str], uses: Mapping[str, int]) -> str:
    if preferred not in taken:
        return preferred
    for colours in (COLOURS, VARIANTS):
        if free := [colour for colour in colours if colour not in taken]:
            return min(free, key=lambda colour: uses[colour])  # the first of equals
    return next(colour for colour in palette() if colour not in taken)


def _humans(kinds: Mapping[str, Presences], links: Mapping[str, Sequence[str]]) -> list[_Human]:
    """The humans of a video, in the order in which they get colours."""
    humans: dict[tuple[str, str], _Human] = {}
    for kind, presences in kinds.items():
        for identity in sorted(presences, key=_order):
            humans[kind, identity] = _Human({kind: [identity]}, merged(presences[identity]))
    for face in sorted(links, key=_order):
        for person in links[face]:
            if (FACES, face) in humans and (PERSONS, person) in humans:
                _join(humans, humans[FACES, face], humans[PERSONS, person], kinds)
    return list({id(human): human for human in humans.values()}.values())


def _join(
    humans: dict[tuple[str, str], _Human], into: _Human, other: _Human, kinds: Mapping[str, Presences]
) -> None:
    """Join two humans, unless the result would have two ids of one kind at the same time."""
    into_runs, other_runs = (
        {kind: _all_runs(kinds[kind], human.ids.get(kind, ())) for kind in kinds} for human in (into, other)
    )
    if into is other or any(_overlap(into_runs[kind], other_runs[kind]) for kind in kinds):
        return
    into.runs = merged([*into.runs, *other.runs])
    for kind, ids in other.ids.items():
        into.ids.setdefault(kind, []).extend(ids)
        humans.update({(kind, identity): into for identity in ids})


def _all_runs(presences: Presences, ids: Iterable[str]) -> list[Run]:
    return merged(run for identity in ids for run in presences[identity])


def _overlap(first: Sequence[Run], second: Sequence[Run]) -> bool:
    """Whether two sequences of runs, each in order of time, have a moment in common."""
    index = other = 0
    while index < len(first) and other < len(second):
        if first[index][0] < second[other][1] and second[other][0] < first[index][1]:
            return True
        if first[index][1] <= second[other][1]:
            index += 1
        else:
            other += 1
    return False


def _neighbours(humans: Sequence[_Human]) -> Mapping[int, set[int]]:
    """The indexes of those within `MIN_GAP_S` of each human, by index; found by a sweep over time."""
    runs = sorted(
        (start_s, end_s + MIN_GAP_S, index)
        for index, human in enumerate(humans)
        for start_s, end_s in human.runs
    )
    neighbours: dict[int, set[int]] = defaultdict(set)
    present: dict[int, float] = {}  # index -> until when
    for start_s, end_s, index in runs:
        present = {other: until_s for other, until_s in present.items() if until_s >= start_s}
        for other in present.keys() - {index}:
            neighbours[index].add(other)
            neighbours[other].add(index)
        present[index] = max(end_s, present.get(index, end_s))
    return neighbours


def _order(identity: str) -> tuple[int, str]:
    """A sort key: ids by number, then by name."""
    number = _NUMBER.search(identity)
    return (int(number[1]) if number else 0, identity)


def _colours_by_hue() -> Iterator[str]:
    """Yield colours spread evenly over hue, lightness and saturation.

    The bounds of lightness and saturation exclude grey, black and white.
    """
    for number in count(1):
        hue, lightness, saturation = (number * step % 1 for step in _R3_STEPS)
        parts = colorsys.hls_to_rgb(hue, 0.3 + 0.45 * lightness, 0.55 + 0.45 * saturation)
        yield "#{:02X}{:02X}{:02X}".format(*(round(255 * part) for part in parts))
