"""A strip below the picture: scenes as bands, persons and faces as lanes, what is heard, and a playhead;
drawn once, but for what moves.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Final

import numpy as np

from schemas.media.frames import Pixels
from vaengine.rendering.strip_layout import LETTER_SCALE, MARGIN_TEXT, NOBODY, StripLayout, text_width
from vaengine.timeline.audio import Mark, TimelineRow
from vaengine.timeline.colour_assignment import Colours
from vaengine.timeline.palette import bgr, ink_on, short_name
from vaengine.timeline.presence import SceneSpan, Stretch
from vaengine.timeline.video_lanes import packed

PAPER: Final = (34, 34, 34)  # BGR, as everything OpenCV draws
LANE_PAPER: Final = (48, 48, 48)
INK: Final = (235, 235, 235)
FAINT_INK: Final = (170, 170, 170)  # of the names of rows
LETTERS: Final = 8  # pixels, at 360 lines, of a row that names fit in
BANDS: Final = ((112, 92, 74), (84, 66, 50))  # scenes in turn: two slates


class TimelineStrip:
    """The timeline of `[start_s, end_s)`; `draw` copies the background and adds the playhead and a line
    of text.
    """

    def __init__(
        self,
        layout: StripLayout,
        start_s: float,
        end_s: float,
        scenes: Sequence[SceneSpan],
        persons: Mapping[str, Sequence[Stretch]],
        faces: Mapping[str, Sequence[Stretch]] = NOBODY,
        sounds: Sequence[TimelineRow] = (),
        colours: Colours | None = None,
    ) -> None:
        self.layout, self._start_s, self._length_s = layout, start_s, max(end_s - start_s, 1e-9)
        self._colours = colours or Colours()
        self.background: Pixels = np.empty((layout.height, layout.width, 3), np.uint8)
        self.background[:] = PAPER
        self._bands(scenes)
        self._lanes("persons", persons, layout.person_lanes, layout.lanes_top)
        self._lanes("faces", faces, layout.face_lanes, layout.faces_top)
        for number, row in enumerate(sounds):
            self._marks(row, layout.sounds_top + number * layout.sound_height)

    def draw(self, canvas: Pixels, time_s: float, caption: Sequence[str], *, is_detected: bool) -> None:
        """Onto `canvas`, H x W x 3 uint8 BGR of the layout's size, with as many parts of the caption as fit.

        The dot is filled where a detector looked at this very frame.
        """
        import cv2

        layout, unit = self.layout, self.layout.unit
        canvas[:] = self.background
        at, middle, radius = self.x(time_s), layout.text_height // 2, round(3.5 * unit)
        cv2.line(
            canvas, (at, layout.text_height), (at, layout.height - 1), (0, 0, 0), max(3, round(3 * unit))
        )
        cv2.line(
            canvas, (at, layout.text_height), (at, layout.height - 1), (255, 255, 255), max(1, round(unit))
        )
        cv2.circle(
            canvas,
            (round(8 * unit), middle),
            radius,
            INK,
            -1 if is_detected else max(1, round(unit)),
            cv2.LINE_AA,
        )
        _write(canvas, self._fitting(caption), round(18 * unit), middle, INK, unit)

    def _fitting(self, parts: Sequence[str]) -> str:
        """The first parts, as many as there is room for."""
        room = self.layout.width - 20 * self.layout.unit
        texts = ["   ".join(parts[:count]) for count in range(len(parts), 0, -1)]
        return next(
            (text for text in texts if text_width(text, self.layout.unit) <= room), parts[0] if parts else ""
        )

    def x(self, time_s: float) -> int:
        """The column of a moment, within the strip."""
        return self.layout.x((time_s - self._start_s) / self._length_s)

    def _bands(self, scenes: Sequence[SceneSpan]) -> None:
        top, bottom = self.layout.text_height, self.layout.text_height + self.layout.band_height
        self._row("scenes", top, bottom)
        for number, scene in enumerate(scenes):
            if scene.end_s <= self._start_s or scene.start_s >= self._start_s + self._length_s:
                continue
            left, right = self.x(scene.start_s), self._right(scene.end_s)
            self.background[top:bottom, left:right] = BANDS[number % 2]
            self._name(short_name(scene.name), left, right, (top, bottom), INK)

    def _lanes(self, name: str, stretches: Mapping[str, Sequence[Stretch]], lanes: int, top: int) -> None:
        height = self.layout.lane_height
        gap = 1 if height < 6 else max(1, height // 6)
        for lane, ids in enumerate(packed(stretches, lanes) if lanes else ()):
            first = top + lane * height
            self._row("", first, first + height - gap)
            for one in ids:
                self._bars(one, stretches[one], first, first + height - gap)
        self._row_name(name, top, top + lanes * height - gap)

    def _bars(self, identity: str, stretches: Sequence[Stretch], top: int, bottom: int) -> None:
        """With the short id in each that it fits in."""
        colour = self._colours.of(identity)
        for start_s, end_s in stretches:
            left = self.x(start_s)
            right = max(left + 1, self._right(end_s))
            self.background[top:bottom, left:right] = bgr(colour)
            self._name(short_name(identity), left, right, (top, bottom), bgr(ink_on(colour)))

    def _marks(self, row: TimelineRow, top: int) -> None:
        bottom = top + self.layout.sound_height - max(1, round(2 * self.layout.unit))
        self._row(row.name, top, bottom)
        for mark in row.marks:
            if mark.end_s > self._start_s and mark.start_s < self._start_s + self._length_s:
                self._mark(mark, top, bottom)

    def _mark(self, mark: Mark, top: int, bottom: int) -> None:
        left = self.x(mark.start_s)
        right = max(left + 1, self._right(mark.end_s))
        self.background[top:bottom, left:right] = bgr(mark.colour)
        self._name(mark.name, left, right, (top, bottom), bgr(ink_on(mark.colour)))

    def _row(self, name: str, top: int, bottom: int) -> None:
        self.background[top:bottom, self.layout.margin :] = LANE_PAPER
        self._row_name(name, top, bottom)

    def _row_name(self, name: str, top: int, bottom: int) -> None:
        """In the margin, where there is one and the row is high enough."""
        unit = self.layout.unit
        if name and self.layout.margin and bottom - top >= LETTERS * unit:
            _write(self.background, name, round(3 * unit), (top + bottom) // 2, FAINT_INK, unit * MARGIN_TEXT)

    def _name(
        self, name: str, left: int, right: int, rows: tuple[int, int], colour: tuple[int, int, int]
    ) -> None:
        """Written where it fits."""
        unit, (top, bottom) = self.layout.unit, rows
        if text_width(name, unit * 0.85) + 4 * unit < right - left and bottom - top >= LETTERS * unit:
            _write(self.background, name, left + round(3 * unit), (top + bottom) // 2, colour, unit * 0.85)

    def _right(self, end_s: float) -> int:
        """The column behind a stretch's last one."""
        return self.x(end_s) if end_s < self._start_s + self._length_s else self.layout.width


def _write(canvas: Pixels, text: str, x: int, middle: int, colour: tuple[int, int, int], unit: float) -> None:
    import cv2

    scale = LETTER_SCALE * unit
    height = cv2.getTextSize("0", cv2.FONT_HERSHEY_SIMPLEX, scale, 1)[0][1]
    place = (x, middle + height // 2)
    cv2.putText(
        canvas, text, place, cv2.FONT_HERSHEY_SIMPLEX, scale, colour, max(1, round(unit)), cv2.LINE_AA
    )
