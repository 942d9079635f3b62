"""How large things are in the timeline below a picture, and where they lie."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from vaengine.timeline.lanes import Track, pack_tracks

REFERENCE_SIDE: Final = 360  # shorter side, in pixels, of the picture whose text has scale 1
GROWTH: Final = 0.8  # larger pictures are looked at from relatively further away
SHARE: Final = 0.22  # of the picture's height that lanes may take
NAMED_SHARE: Final = 0.32  # the same of lanes in which names fit
MARGIN_SHARE: Final = 0.2  # of its width that names of rows may take; in narrower pictures there are none
FACES_SHARE: Final = 1 / 3  # of lanes that faces may take where there is no room for all
LETTER_SCALE: Final = 0.42  # of FONT_HERSHEY_SIMPLEX at 360 lines
NAMED: Final = 11  # pixels of a lane, at 360 lines, that a name fits in
MARGIN_TEXT: Final = 0.75  # of the size of other text

Tracks = Sequence[Track]


def text_size(width: int, height: int) -> float:
    """How much larger than at 360 lines text and lines are drawn; never smaller."""
    return max(1.0, float((min(width, height) / REFERENCE_SIDE) ** GROWTH))


def text_width(text: str, unit: float) -> float:
    """Pixels that it takes at `unit` times the size of 360 lines."""
    import cv2

    return float(cv2.getTextSize(text, cv2.FONT_HERSHEY_SIMPLEX, LETTER_SCALE * unit, 1)[0][0])


@dataclass(frozen=True, slots=True)
class StripLayout:
    """Where things are in a strip of `width` x `height` pixels.

    From the top these are a row of text, scenes, lanes `lane_height` apart, and rows of sound.
    The names of rows stand in the first `margin` columns, which is 0 where there is no room for them.
    """

    width: int
    height: int
    text_height: int
    band_height: int
    lane_height: int
    person_lanes: int
    face_lanes: int
    sound_height: int
    sounds: int
    margin: int
    unit: float

    @classmethod
    def of(
        cls,
        width: int,
        picture_height: int,
        persons: Tracks,
        faces: Tracks = (),
        sounds: Sequence[str] = (),
    ) -> StripLayout:
        """For a picture of this size, of even height.

        Lanes are as tall as there is room for those that are needed; rows named `sounds` are below.
        """
        unit = text_size(width, picture_height)
        text, band, room = round(20 * unit), round(15 * unit), round(SHARE * picture_height)
        tallest, least = round(1.2 * NAMED * unit), max(3, round(3 * unit))
        named, room_named = round(NAMED * unit), round(NAMED_SHARE * picture_height)
        own = _lanes(persons, faces, max(1, room_named // named), max(1, room // least))
        room = room_named if sum(own) <= room_named // named else room
        lane = max(least, min(tallest, room // sum(own))) if sum(own) else 0
        sound = round(13 * unit)
        height = text + band + sum(own) * lane + len(sounds) * sound + round(4 * unit)
        names = [
            "scenes",
            *(name for name, lanes in zip(("persons", "faces"), own, strict=True) if lanes),
            *sounds,
        ]
        margin = round(max(text_width(name, MARGIN_TEXT * unit) for name in names) + 7 * unit)
        margin = margin if margin <= MARGIN_SHARE * width else 0
        return cls(width, height + height % 2, text, band, lane, *own, sound, len(sounds), margin, unit)

    @property
    def lanes(self) -> int:
        return self.person_lanes + self.face_lanes

    @property
    def lanes_top(self) -> int:
        return self.text_height + self.band_height + round(2 * self.unit)

    @property
    def faces_top(self) -> int:
        return self.lanes_top + self.person_lanes * self.lane_height

    @property
    def sounds_top(self) -> int:
        return self.lanes_top + self.lanes * self.lane_height

    def x(self, share: float) -> int:
        """The column of a share of the time, 0..1."""
        return min(self.width - 1, max(self.margin, self.margin + int(share * (self.width - self.margin))))


def _lanes(persons: Tracks, faces: Tracks, most_named: int, most: int) -> tuple[int, int]:
    """Lanes of persons and of faces: so few that names fit in, where nobody has to lie upon another.

    Otherwise there are as many as there is room for.
    """
    own = _shared(persons, faces, most_named)
    kinds = zip((persons, faces), own, strict=True)
    is_full = any(pack_tracks(tracks, lanes).is_crowded for tracks, lanes in kinds if lanes)
    return _shared(persons, faces, most) if is_full else own


def _shared(persons: Tracks, faces: Tracks, most: int) -> tuple[int, int]:
    """How many of `most` lanes each kind needs; at least one each."""
    mine, theirs = len(pack_tracks(persons, most).lanes), len(pack_tracks(faces, most).lanes)
    if mine + theirs > most:
        theirs = min(theirs, max(1, most - mine, int(most * FACES_SHARE)))
        mine = min(mine, max(1, most - theirs))
    return mine, theirs
