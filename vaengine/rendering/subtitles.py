"""Draws subtitles over the bottom of a frame, in DejaVu Sans, which is the same on every machine."""

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

WIDTH_SHARE: Final = 0.92  # of the frame's width, for a line
EM_SHARE: Final = 0.55  # average width of a letter in em
MIN_EM_PIXELS: Final = 9  # pixels of an em; smaller letters cannot be read
MAX_EM_PIXELS: Final = 15  # pixels of an em at 360 lines; letters grow with the frame
PLATE_COLOUR: Final = (0, 0, 0, 165)  # RGBA behind the letters
TEXT_COLOUR: Final = (255, 255, 255, 255)
MAX_CUES_AT_ONCE: Final = 3  # speakers whose words are shown at once


class Subtitles:
    """The subtitles of a video over frames of `width` x `height` pixels."""

    def __init__(
        self, speech: Sequence[Cue], width: int, height: int, colours: Colours | None = None
    ) -> None:
        self._cues, self._colours = IntervalIndex(speech), colours or Colours()
        self._width, self._margin = width, round(0.03 * height)
        unit = text_size(width, height)
        self._em = max(
            MIN_EM_PIXELS,
            min(round(MAX_EM_PIXELS * unit), int(WIDTH_SHARE * width / (LINE_LENGTH * EM_SHARE))),
        )
        self._plate = lru_cache(maxsize=8)(self._draw_plate)

    @classmethod
    def of(
        cls, annotations: Iterable[Annotation], width: int, height: int, colours: Colours | None = None
    ) -> Subtitles:
        """Subtitles from the speech among rows of any types."""
        return cls(cues(annotations), width, height, colours)

    def at(self, time_s: float) -> list[Cue]:
        """The cues at a time, the last to begin last."""
        return self._cues.at(time_s)[-MAX_CUES_AT_ONCE:]

    def draw(self, picture: Pixels, time_s: float) -> None:
        """Draw onto `picture`, H x W x 3 uint8 BGR; of several cues the last to begin is lowest."""
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
        """The words of a cue in lines that fit the frame, after the speaker's name."""
        name = f"{speaker_name(cue.speaker_id)}: " if cue.speaker_id else ""
        lines = [name + cue.lines[0], *cue.lines[1:]]
        max_length = WIDTH_SHARE * self._width
        return (
            lines
            if all(self.length(line) <= max_length for line in lines)
            else _wrapped(" ".join(lines), self.length, max_length)
        )

    def length(self, line: str) -> float:
        """The width of a drawn line in pixels."""
        return _font(self._em).getlength(line)

    def _draw_plate(self, cue: Cue) -> Pixels:
        """The lines of a cue on their plate, h x w x 4 uint8 RGBA."""
        from PIL import Image
        from PIL.ImageDraw import Draw

        font, lines, padding = _font(self._em), self.lines(cue), max(2, self._em // 3)
        step = round(1.25 * self._em)
        width = min(self._width, round(max(map(self.length, lines))) + 2 * padding)
        plate = Image.new("RGBA", (width, step * len(lines) + padding), PLATE_COLOUR)
        pen = Draw(plate)
        for number, line in enumerate(lines):
            x, y = (width - self.length(line)) / 2, padding // 2 + step * number + step // 2
            pen.text((x, y), line, font=font, fill=TEXT_COLOUR, anchor="lm")
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
    """DejaVu Sans from matplotlib; characters that it lacks appear as boxes."""
    from matplotlib import get_data_path
    from PIL import ImageFont

    path = Path(get_data_path()) / "fonts" / "ttf" / "DejaVuSans.ttf"
    return ImageFont.truetype(str(path), em, layout_engine=ImageFont.Layout.BASIC)


def _wrapped(text: str, length: Callable[[str], float], max_length: float) -> list[str]:
    """Lines of at most so many pixels, broken between words, and within words that are longer."""
    lines = [""]
    for word in text.split():
        longer = f"{lines[-1]} {word}".strip()
        if length(longer) <= max_length:
            lines[-1] = longer
        else:
            lines += _broken_word(word, length, max_length)
    return [line for line in lines if line]


def _broken_word(word: str, length: Callable[[str], float], max_length: float) -> list[str]:
    pieces = [""]
    for letter in word:
        if pieces[-1] and length(pieces[-1] + letter) > max_length:
            pieces.append("")
        pieces[-1] += letter
    return pieces


def _blend(view: Pixels, plate: Pixels) -> None:
    """Lay `plate`, h x w x 4 uint8 RGBA, over `view`, h x w x 3 uint8 BGR."""
    share = plate[:, :, 3:].astype(np.uint16)
    mixed = plate[:, :, 2::-1].astype(np.uint16) * share + view.astype(np.uint16) * (255 - share)
    view[:] = mixed // 255
