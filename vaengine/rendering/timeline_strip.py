"""A strip below the picture: scenes as bands, persons and faces as lanes, what is heard, and a playhead.

Only what moves is drawn for each frame.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Final

import numpy as np

from schemas.media.frames import Pixels
from vaengine.rendering.strip_layout import LETTER_SCALE, MARGIN_TEXT, StripLayout, text_width
from vaengine.timeline.lanes import Bar, Row, Track, clip_bars, pack_tracks
from vaengine.timeline.palette import NO_TRACK, bgr, ink_on

PAPER: Final = (34, 34, 34)  # BGR, as everything OpenCV draws
LANE_PAPER: Final = (48, 48, 48)
INK: Final = (235, 235, 235)
FAINT_INK: Final = (170, 170, 170)  # of the names of rows
LETTERS: Final = 8  # pixels, at 360 lines, of a row that names fit in
BGR = tuple[int, int, int]
BANDS: Final = ((112, 92, 74), (84, 66, 50))  # scenes in turn: two slates


class TimelineStrip:
    """The timeline of `[start_s, end_s)`.

    `draw` copies the background and adds the playhead and a line of text.
    """

    def __init__(
        self,
        layout: StripLayout,
        start_s: float,
        end_s: float,
        scenes: Sequence[Bar],
        persons: Sequence[Track],
        faces: Sequence[Track] = (),
        sounds: Sequence[Row] = (),
    ) -> None:
        self.layout, self._start_s, self._end_s = layout, start_s, end_s
        self._length_s = max(end_s - start_s, 1e-9)
        self.background: Pixels = np.empty((layout.height, layout.width, 3), np.uint8)
        self.background[:] = PAPER
        self._bands(scenes)
        self._lanes("persons", persons, layout.person_lanes, layout.lanes_top)
        self._lanes("faces", faces, layout.face_lanes, layout.faces_top)
        for number, row in enumerate(sounds):
            self._sounds(row, layout.sounds_top + number * layout.sound_height)

    def draw(self, canvas: Pixels, time_s: float, caption: Sequence[str], *, is_detected: bool) -> None:
        """Onto `canvas`, H x W x 3 uint8 BGR of the layout's size, with as many parts of the caption as fit.

        The dot is filled where a detector looked at this very frame.
        """
        import cv2

        layout, unit = self.layout, self.layout.unit
        canvas[:] = self.background
        at, middle, radius = self.x(time_s), layout.text_height // 2, round(3.5 * unit)
        top, bottom = (at, layout.text_height), (at, layout.height - 1)
        cv2.line(canvas, top, bottom, (0, 0, 0), max(3, round(3 * unit)))
        cv2.line(canvas, top, bottom, (255, 255, 255), max(1, round(unit)))
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
        fitting = (text for text in texts if text_width(text, self.layout.unit) <= room)
        return next(fitting, parts[0] if parts else "")

    def x(self, time_s: float) -> int:
        """The column of a moment, within the strip."""
        return self.layout.x((time_s - self._start_s) / self._length_s)

    def _bands(self, scenes: Sequence[Bar]) -> None:
        top, bottom = self.layout.text_height, self.layout.text_height + self.layout.band_height
        self._row("scenes", top, bottom)
        for number, scene in enumerate(scenes):
            if part := scene.clipped(self._start_s, self._end_s):
                self._bar(part, (top, bottom), BANDS[number % 2], INK)

    def _lanes(self, name: str, tracks: Sequence[Track], lanes: int, top: int) -> None:
        height = self.layout.lane_height
        gap = 1 if height < 6 else max(1, height // 6)
        for lane, own in enumerate(pack_tracks(tracks, lanes).lanes if lanes else ()):
            first = top + lane * height
            self._row("", first, first + height - gap)
            for track in own:
                self._bars(track.bars, first, first + height - gap)
        self._row_name(name, top, top + lanes * height - gap)

    def _sounds(self, row: Row, top: int) -> None:
        bottom = top + self.layout.sound_height - max(1, round(2 * self.layout.unit))
        self._row(row.name, top, bottom)
        self._bars(row.bars, top, bottom)

    def _bars(self, bars: Iterable[Bar], top: int, bottom: int) -> None:
        for bar in clip_bars(bars, self._start_s, self._end_s):
            colour = bar.colour or NO_TRACK
            self._bar(bar, (top, bottom), bgr(colour), bgr(ink_on(colour)))

    def _bar(self, bar: Bar, rows: tuple[int, int], colour: BGR, ink: BGR) -> None:
        """With its label where that fits."""
        left = self.x(bar.start_s)
        right = max(left + 1, self._right(bar.end_s))
        self.background[rows[0] : rows[1], left:right] = colour
        self._label(bar.label, left, right, rows, ink)

    def _row(self, name: str, top: int, bottom: int) -> None:
        self.background[top:bottom, self.layout.margin :] = LANE_PAPER
        self._row_name(name, top, bottom)

    def _row_name(self, name: str, top: int, bottom: int) -> None:
        """In the margin, where there is one and the row is high enough."""
        unit = self.layout.unit
        if name and self.layout.margin and bottom - top >= LETTERS * unit:
            _write(self.background, name, round(3 * unit), (top + bottom) // 2, FAINT_INK, unit * MARGIN_TEXT)

    def _label(self, name: str, left: int, right: int, rows: tuple[int, int], colour: BGR) -> None:
        """Written where it fits."""
        unit, (top, bottom) = self.layout.unit, rows
        if text_width(name, unit * 0.85) + 4 * unit < right - left and bottom - top >= LETTERS * unit:
            _write(self.background, name, left + round(3 * unit), (top + bottom) // 2, colour, unit * 0.85)

    def _right(self, end_s: float) -> int:
        """The column behind a stretch's last one."""
        return self.x(end_s) if end_s < self._end_s else self.layout.width


def _write(canvas: Pixels, text: str, x: int, middle: int, colour: BGR, unit: float) -> None:
    import cv2

    scale = LETTER_SCALE * unit
    height = cv2.getTextSize("0", cv2.FONT_HERSHEY_SIMPLEX, scale, 1)[0][1]
    place = (x, middle + height // 2)
    thickness = max(1, round(unit))
    cv2.putText(canvas, text, place, cv2.FONT_HERSHEY_SIMPLEX, scale, colour, thickness, cv2.LINE_AA)
