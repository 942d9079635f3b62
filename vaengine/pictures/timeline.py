"""A strip below the picture: scenes as bands, persons as lanes, what is heard, and a playhead; drawn once, but for what moves."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np

from schemas.frames import Pixels
from vaengine.pictures.hearing import Mark
from vaengine.pictures.palette import bgr, colour_of, ink_on, short_name
from vaengine.pictures.presence import Scene, Stretch

PAPER: Final = (34, 34, 34)  # BGR, as everything OpenCV draws
LANE_PAPER: Final = (48, 48, 48)
INK: Final = (235, 235, 235)
BANDS: Final = ((112, 92, 74), (84, 66, 50))  # scenes in turn: two slates
REFERENCE_SIDE: Final = 360  # shorter side, in pixels, of the picture whose text has scale 1
GROWTH: Final = 0.8  # larger pictures are looked at from relatively further away
SHARE: Final = 0.22  # of the picture's height that lanes may take


def packed(stretches: Mapping[str, Sequence[Stretch]], most: int) -> list[list[str]]:
    """Persons in at most `most` lanes: one each where there is room, else those share a lane who are not there at the same time.

    Where even that does not fit, a person is put where the one before leaves first, and bars lie upon one another. Greedy interval
    partitioning by first appearance (Kleinberg and Tardos, Algorithm Design, 4.1) needs the fewest lanes.
    """
    ordered = sorted((person for person in stretches if stretches[person]), key=lambda person: stretches[person][0])
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


def within(stretches: Mapping[str, Sequence[Stretch]], start_s: float, end_s: float) -> dict[str, list[Stretch]]:
    """What of the stretches lies in `[start_s, end_s)`, persons who are not there left out."""
    cut = {
        person: [(max(start, start_s), min(end, end_s)) for start, end in own if end > start_s and start < end_s]
        for person, own in stretches.items()
    }
    return {person: own for person, own in cut.items() if own}


def text_size(width: int, height: int) -> float:
    """How much larger than at 360 lines text and lines are drawn; never smaller."""
    return max(1.0, float((min(width, height) / REFERENCE_SIDE) ** GROWTH))


@dataclass(frozen=True, slots=True)
class Layout:
    """Where things are in a strip of `width` x `height` pixels, from its top: a row of text, scenes, lanes `lane_height` apart, sounds."""

    width: int
    height: int
    text_height: int
    band_height: int
    lane_height: int
    lanes: int
    sound_height: int
    sounds: int
    unit: float

    @classmethod
    def of(cls, width: int, picture_height: int, stretches: Mapping[str, Sequence[Stretch]], sounds: int = 0) -> Layout:
        """For a picture of this size: even height, lanes as tall as there is room for those that are needed, `sounds` rows below."""
        unit = text_size(width, picture_height)
        text, band, room = round(20 * unit), round(15 * unit), round(SHARE * picture_height)
        tallest, least = round(9 * unit), max(3, round(3 * unit))
        lanes = len(packed(stretches, max(1, room // least)))
        lane = max(least, min(tallest, room // lanes)) if lanes else 0
        sound = round(13 * unit)
        height = text + band + lanes * lane + sounds * sound + round(4 * unit)
        return cls(width, height + height % 2, text, band, lane, lanes, sound, sounds, unit)

    @property
    def lanes_top(self) -> int:
        return self.text_height + self.band_height + round(2 * self.unit)

    @property
    def sounds_top(self) -> int:
        return self.lanes_top + self.lanes * self.lane_height


class Strip:
    """The timeline of `[start_s, end_s)`; `draw` copies the background and adds the playhead and a line of text."""

    def __init__(
        self,
        layout: Layout,
        start_s: float,
        end_s: float,
        scenes: Sequence[Scene],
        stretches: Mapping[str, Sequence[Stretch]],
        sounds: Sequence[Sequence[Mark]] = (),
    ) -> None:
        self.layout, self._start_s, self._length_s = layout, start_s, max(end_s - start_s, 1e-9)
        self.background: Pixels = np.empty((layout.height, layout.width, 3), np.uint8)
        self.background[:] = PAPER
        self._bands(scenes)
        self._lanes(stretches)
        for row, marks in enumerate(sounds):
            self._marks(marks, layout.sounds_top + row * layout.sound_height)

    def draw(self, canvas: Pixels, time_s: float, caption: Sequence[str], *, is_detected: bool) -> None:
        """Onto `canvas`, H x W x 3 uint8 BGR of the layout's size, with as many parts of the caption as fit.

        The dot is filled where a detector looked at this very frame.
        """
        import cv2

        layout, unit = self.layout, self.layout.unit
        canvas[:] = self.background
        at, middle, radius = self.x(time_s), layout.text_height // 2, round(3.5 * unit)
        cv2.line(canvas, (at, layout.text_height), (at, layout.height - 1), (0, 0, 0), max(3, round(3 * unit)))
        cv2.line(canvas, (at, layout.text_height), (at, layout.height - 1), (255, 255, 255), max(1, round(unit)))
        cv2.circle(canvas, (round(8 * unit), middle), radius, INK, -1 if is_detected else max(1, round(unit)), cv2.LINE_AA)
        _write(canvas, self._fitting(caption), round(18 * unit), middle, INK, unit)

    def _fitting(self, parts: Sequence[str]) -> str:
        """The first parts, as many as there is room for."""
        room = self.layout.width - 20 * self.layout.unit
        texts = ["   ".join(parts[:count]) for count in range(len(parts), 0, -1)]
        return next((text for text in texts if _text_width(text, self.layout.unit) <= room), parts[0] if parts else "")

    def x(self, time_s: float) -> int:
        """The column of a moment, within the strip."""
        share = (time_s - self._start_s) / self._length_s
        return min(self.layout.width - 1, max(0, int(share * self.layout.width)))

    def _bands(self, scenes: Sequence[Scene]) -> None:
        top, bottom = self.layout.text_height, self.layout.text_height + self.layout.band_height
        self.background[top:bottom] = LANE_PAPER
        for number, scene in enumerate(scenes):
            if scene.end_s <= self._start_s or scene.start_s >= self._start_s + self._length_s:
                continue
            left, right = self.x(scene.start_s), self._right(scene.end_s)
            self.background[top:bottom, left:right] = BANDS[number % 2]
            self._name(short_name(scene.name), left, right, (top + bottom) // 2, INK)

    def _lanes(self, stretches: Mapping[str, Sequence[Stretch]]) -> None:
        layout = self.layout
        gap = 1 if layout.lane_height < 6 else max(1, layout.lane_height // 5)
        for lane, persons in enumerate(packed(stretches, layout.lanes)):
            top = layout.lanes_top + lane * layout.lane_height
            bottom = top + layout.lane_height - gap
            self.background[top:bottom] = LANE_PAPER
            for person in persons:
                for start_s, end_s in stretches[person]:
                    left = self.x(start_s)
                    self.background[top:bottom, left : max(left + 1, self._right(end_s))] = bgr(colour_of(person))

    def _marks(self, marks: Sequence[Mark], top: int) -> None:
        bottom = top + self.layout.sound_height - max(1, round(2 * self.layout.unit))
        self.background[top:bottom] = LANE_PAPER
        for mark in marks:
            if mark.end_s <= self._start_s or mark.start_s >= self._start_s + self._length_s:
                continue
            left, right = self.x(mark.start_s), max(self.x(mark.start_s) + 1, self._right(mark.end_s))
            self.background[top:bottom, left:right] = bgr(mark.colour)
            self._name(mark.name, left, right, (top + bottom) // 2, bgr(ink_on(mark.colour)))

    def _name(self, name: str, left: int, right: int, middle: int, colour: tuple[int, int, int]) -> None:
        """Written where it fits."""
        unit = self.layout.unit
        if _text_width(name, unit * 0.85) + 4 * unit < right - left:
            _write(self.background, name, left + round(3 * unit), middle, colour, unit * 0.85)

    def _right(self, end_s: float) -> int:
        """The column behind a stretch's last one."""
        return self.x(end_s) if end_s < self._start_s + self._length_s else self.layout.width


def _write(canvas: Pixels, text: str, x: int, middle: int, colour: tuple[int, int, int], unit: float) -> None:
    import cv2

    scale = 0.42 * unit
    height = cv2.getTextSize("0", cv2.FONT_HERSHEY_SIMPLEX, scale, 1)[0][1]
    place = (x, middle + height // 2)
    cv2.putText(canvas, text, place, cv2.FONT_HERSHEY_SIMPLEX, scale, colour, max(1, round(unit)), cv2.LINE_AA)


def _text_width(text: str, unit: float) -> float:
    import cv2

    return float(cv2.getTextSize(text, cv2.FONT_HERSHEY_SIMPLEX, 0.42 * unit, 1)[0][0])
