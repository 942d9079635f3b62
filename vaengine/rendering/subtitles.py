"""What is said, drawn over the bottom of a picture as it is said: in the letters of DejaVu Sans, which
are the same on every machine.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING, Final

import numpy as np

from schemas.annotations.annotation import Annotation
from schemas.annotations.subtitles import LINE_LENGTH, Cue, cues, speaker_name
from schemas.media.frames import Pixels
from vaengine.rendering.strip_layout import text_size
from vaengine.timeline.colour_assignment import Colours
from vaengine.timeline.interval_index import IntervalIndex
from vaengine.timeline.palette import rgb

if TYPE_CHECKING:
    from PIL.ImageDraw import ImageDraw
    from PIL.ImageFont import FreeTypeFont

WIDTH_SHARE: Final = 0.92  # of the picture's width that a line may take
EM_SHARE: Final = 0.55  # of an em that a letter is wide, on average
SMALLEST: Final = 9  # pixels of an em that can be read at all
LARGEST: Final = 15  # the same at 360 lines; letters grow with the picture
PLATE: Final = (0, 0, 0, 165)  # RGBA behind the letters
INK: Final = (255, 255, 255, 255)
MOST_AT_ONCE: Final = 3  # speakers at once whose words are shown


class Subtitles:
    """The speech of a video over pictures of `width` x `height` pixels."""

    def __init__(
        self, speech: Sequence[Cue], width: int, height: int, colours: Colours | None = None
    ) -> None:
        self._cues, self._colours = IntervalIndex(speech), colours or Colours()
        self._width, self._margin = width, round(0.03 * height)
        unit = text_size(width, height)
        self._em = max(
            SMALLEST, min(round(LARGEST * unit), int(WIDTH_SHARE * width / (LINE_LENGTH * EM_SHARE)))
        )
        self._plate = lru_cache(maxsize=8)(self._drawn)

    @classmethod
    def of(
        cls, annotations: Iterable[Annotation], width: int, height: int, colours: Colours | None = None
    ) -> Subtitles:
        """Of the speech among rows of whatever types."""
        return cls(cues(annotations), width, height, colours)

    def at(self, time_s: float) -> list[Cue]:
        """What is being said, the last to begin last."""
        return self._cues.at(time_s)[-MOST_AT_ONCE:]

    def draw(self, picture: Pixels, time_s: float) -> None:
        """Onto `picture`, H x W x 3 uint8 BGR; of several at once the last to begin is lowest."""
        bottom = picture.shape[0] - self._margin
        for cue in reversed(self.at(time_s)):
            plate = self._plate(cue)
            height, width = min(plate.shape[0], bottom), min(plate.shape[1], picture.shape[1])
            if height < self._em:
                return
            left = (picture.shape[1] - width) // 2
            _blend(picture[bottom - height : bottom, left : left + width], plate[:height, :width])
            bottom -= height + 1

    def lines(self, cue: Cue) -> list[str]:
        """Its words in lines that fit the picture, the speaker's name before them."""
        name = f"{speaker_name(cue.speaker_id)}: " if cue.speaker_id else ""
        whole = [name + cue.lines[0], *cue.lines[1:]]
        room = WIDTH_SHARE * self._width
        return (
            whole
            if all(self.length(line) <= room for line in whole)
            else _wrapped(" ".join(whole), self.length, room)
        )

    def length(self, line: str) -> float:
        """How wide it is when it is drawn, in pixels."""
        return _font(self._em).getlength(line)

    def _drawn(self, cue: Cue) -> Pixels:
        """Lines of a cue on their plate, h x w x 4 uint8 RGBA."""
        from PIL import Image
        from PIL.ImageDraw import Draw

        font, lines, padding = _font(self._em), self.lines(cue), max(2, self._em // 3)
        step = round(1.25 * self._em)
        width = min(self._width, round(max(map(self.length, lines))) + 2 * padding)
        plate = Image.new("RGBA", (width, step * len(lines) + padding), PLATE)
        pen = Draw(plate)
        for number, line in enumerate(lines):
            x, y = (width - self.length(line)) / 2, padding // 2 + step * number + step // 2
            pen.text((x, y), line, font=font, fill=INK, anchor="lm")
        self._draw_name(pen, cue, lines[0], (width - self.length(lines[0])) / 2, padding // 2 + step // 2)
        return np.asarray(plate)

    def _draw_name(self, pen: ImageDraw, cue: Cue, line: str, x: float, y: int) -> None:
        """The speaker's name once more, in the speaker's colour."""
        name = f"{speaker_name(cue.speaker_id)}:" if cue.speaker_id else ""
        if name and line.startswith(name):
            pen.text(
                (x, y),
                name,
                font=_font(self._em),
                fill=(*rgb(self._colours.of(cue.speaker_id)), 255),
                anchor="lm",
            )


@lru_cache(maxsize=8)
def _font(em: int) -> FreeTypeFont:
    """DejaVu Sans as it comes with matplotlib; what it has no letters for is shown as boxes."""
    from matplotlib import get_data_path
    from PIL import ImageFont

    path = Path(get_data_path()) / "fonts" / "ttf" / "DejaVuSans.ttf"
    return ImageFont.truetype(str(path), em, layout_engine=ImageFont.Layout.BASIC)


def _wrapped(text: str, length: Callable[[str], float], room: float) -> list[str]:
    """Lines that are at most `room` pixels long, broken between words, and within those that are longer."""
    lines = [""]
    for word in text.split():
        longer = f"{lines[-1]} {word}".strip()
        if length(longer) <= room:
            lines[-1] = longer
        else:
            lines += _broken(word, length, room)
    return [line for line in lines if line]


def _broken(word: str, length: Callable[[str], float], room: float) -> list[str]:
    pieces = [""]
    for letter in word:
        if pieces[-1] and length(pieces[-1] + letter) > room:
            pieces.append("")
        pieces[-1] += letter
    return pieces


def _blend(view: Pixels, plate: Pixels) -> None:
    """Lay `plate`, h x w x 4 uint8 RGBA, over `view`, h x w x 3 uint8 BGR."""
    share = plate[:, :, 3:].astype(np.uint16)
    mixed = plate[:, :, 2::-1].astype(np.uint16) * share + view.astype(np.uint16) * (255 - share)
    view[:] = mixed // 255
