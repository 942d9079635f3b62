"""Draws a contact sheet: one picture with a thumbnail of each match, its time, and why it was found."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import numpy as np

from schemas.errors import UsageError
from schemas.paths import name_of
from schemas.storage.backend import ResultStore
from vaengine import __version__
from vaengine.console.units import clock
from vaengine.queries.match import Match
from vaengine.rendering.matches.match_pictures import MatchPicture, match_pictures
from vaengine.rendering.output_file import check_target, whole_file
from vaengine.rendering.source_marks import PLACES, SourceMark, digest_of
from vaengine.timeline.palette import COLOURS, rgb

if TYPE_CHECKING:
    from PIL.Image import Image
    from PIL.ImageDraw import ImageDraw
    from PIL.ImageFont import FreeTypeFont

MAX_CARDS: Final = 60
SUBJECT: Final = "matches"
MARGIN, GAP, HEADER = 48, 28, 112  # pixels
CARD_WIDTH, PICTURE_HEIGHT, TEXT_HEIGHT = 400, 225, 96
RADIUS: Final = 12
BLUR, DIMMED = 18, 0.35  # pixels, and the share of the brightness that is left
PAPER, INK, SOFT_INK, FAINT_INK = "#F6F7F9", "#1B2430", "#5B6776", "#98A2AF"
CARD, EDGE, DARK = "#FFFFFF", "#E1E5EA", "#12161C"
ACCENT: Final = COLOURS[6]
BOX: Final = COLOURS[0]


@dataclass(frozen=True, slots=True)
class SheetLayout:
    """The places of cards on a sheet: `columns` of them in each row."""

    cards: int

    @property
    def columns(self) -> int:
        return min(max(1, self.cards), 3 if self.cards <= 9 else 4 if self.cards <= 24 else 5)

    @property
    def size(self) -> tuple[int, int]:
        """Width and height of the sheet in pixels."""
        rows = -(-self.cards // self.columns)
        width = 2 * MARGIN + self.columns * CARD_WIDTH + (self.columns - 1) * GAP
        return width, 2 * MARGIN + HEADER + rows * (self._card_height + GAP) - GAP

    @property
    def _card_height(self) -> int:
        return PICTURE_HEIGHT + TEXT_HEIGHT

    def corner(self, number: int) -> tuple[int, int]:
        """The left top corner of a card."""
        row, column = divmod(number, self.columns)
        return MARGIN + column * (CARD_WIDTH + GAP), MARGIN + HEADER + row * (self._card_height + GAP)


def write_contact_sheet(
    store: ResultStore, matches: Sequence[Match], target: Path, *, title: str, force: bool = False
) -> Path:
    """Write a PNG with a card for each match, at most `MAX_CARDS`; returns its path.

    A sheet that is there already is replaced. Raises `UsageError` for another file there, unless `force`, for
    another ending than .png, and where there is no match; `DiskFull`.
    """
    if target.suffix.lower() != ".png":
        raise UsageError(f"{target.name} does not end in .png: a contact sheet is a PNG")
    if not matches:
        raise UsageError("nothing was found, so there is nothing to draw a contact sheet of")
    mark = SourceMark("sheet", SUBJECT, digest_of(__version__, title, *matches))
    if check_target(target, force=force, mark=mark):
        sheet = contact_sheet(match_pictures(store, matches[:MAX_CARDS]), title=title, total=len(matches))
        with whole_file(target) as file:
            _save(sheet, file, mark)
    return target


def contact_sheet(pictures: Sequence[MatchPicture], *, title: str, total: int | None = None) -> Image:
    """The sheet as an RGB image; `total` is how many matches there are, if not all are shown."""
    from PIL import Image, ImageDraw

    layout = SheetLayout(len(pictures))
    sheet = Image.new("RGB", layout.size, PAPER)
    pen = ImageDraw.Draw(sheet)
    _draw_header(pen, layout, title, len(pictures), len(pictures) if total is None else total)
    for number, picture in enumerate(pictures):
        _draw_card(sheet, layout.corner(number), number + 1, picture)
    return sheet


def _save(sheet: Image, file: Any, mark: SourceMark) -> None:
    from PIL.PngImagePlugin import PngInfo

    facts = PngInfo()
    facts.add_text(PLACES["png"], str(mark))
    sheet.save(file, "PNG", pnginfo=facts, optimize=True)


def _draw_header(pen: ImageDraw, layout: SheetLayout, title: str, shown: int, total: int) -> None:
    width = layout.size[0] - 2 * MARGIN
    pen.rounded_rectangle((MARGIN, MARGIN + 4, MARGIN + 6, MARGIN + 68), 3, fill=ACCENT)
    left, large = MARGIN + 24, font(34, is_bold=True)
    pen.text((left, MARGIN), shortened(title, large, width - 24), font=large, fill=INK)
    count = f"{total:,} {'match' if total == 1 else 'matches'}"
    more = f", the first {shown} shown" if total > shown else ""
    pen.text((left, MARGIN + 48), f"{count}{more}, best first", font=font(18), fill=SOFT_INK)


def _draw_card(sheet: Image, corner: tuple[int, int], number: int, picture: MatchPicture) -> None:
    from PIL import Image, ImageDraw

    card = Image.new("RGB", (CARD_WIDTH, PICTURE_HEIGHT + TEXT_HEIGHT), CARD)
    pen = ImageDraw.Draw(card)
    _draw_picture(card, pen, picture)
    _draw_badge(card, (12, 12), str(number))
    time = _time_text(picture)
    _draw_badge(card, (CARD_WIDTH - 12, PICTURE_HEIGHT - 12), time, is_right_bottom=True)
    _draw_words(pen, picture.match)
    mask = _rounded_mask(card.size)
    sheet.paste(card, corner, mask)
    edge = (*corner, corner[0] + CARD_WIDTH - 1, corner[1] + PICTURE_HEIGHT + TEXT_HEIGHT - 1)
    ImageDraw.Draw(sheet).rounded_rectangle(edge, RADIUS, outline=EDGE, width=1)


def _draw_picture(card: Image, pen: ImageDraw, picture: MatchPicture) -> None:
    """The picture, whole and centred, with a frame around what was found; beside it a dim blur of itself."""
    from PIL import Image

    pen.rectangle((0, 0, CARD_WIDTH, PICTURE_HEIGHT), fill=DARK)
    if picture.pixels is None:
        lines = list(wrapped(picture.fault or "no picture", font(15), CARD_WIDTH - 80, 3))
        for row, line in enumerate(lines):
            place = (CARD_WIDTH / 2, PICTURE_HEIGHT / 2 + 22 * (row - (len(lines) - 1) / 2))
            pen.text(place, line, font=font(15), fill=FAINT_INK, anchor="mm")
        return
    height, width = picture.pixels.shape[:2]
    share = min(CARD_WIDTH / width, PICTURE_HEIGHT / height)
    size = (max(1, round(width * share)), max(1, round(height * share)))
    frame = Image.fromarray(np.ascontiguousarray(picture.pixels[:, :, ::-1])).resize(
        size, Image.Resampling.LANCZOS
    )
    left, top = (CARD_WIDTH - size[0]) // 2, (PICTURE_HEIGHT - size[1]) // 2
    card.paste(_backdrop(frame), (0, 0))
    card.paste(frame, (left, top))
    if box := picture.box:
        corners = (box.x, box.y, box.x + box.width, box.y + box.height)
        x0, y0, x1, y1 = (at * share + shift for at, shift in zip(corners, (left, top) * 2, strict=True))
        pen.rounded_rectangle((x0 - 2, y0 - 2, x1 + 2, y1 + 2), 6, outline=DARK, width=4)
        pen.rounded_rectangle((x0 - 1, y0 - 1, x1 + 1, y1 + 1), 5, outline=BOX, width=2)


def _backdrop(frame: Image) -> Image:
    """A dark blur of a picture that fills the card, so that no picture looks cut off."""
    from PIL import ImageEnhance, ImageFilter, ImageOps

    filled = ImageOps.fit(frame, (CARD_WIDTH, PICTURE_HEIGHT))
    return ImageEnhance.Brightness(filled.filter(ImageFilter.GaussianBlur(BLUR))).enhance(DIMMED)


def _draw_badge(card: Image, at: tuple[int, int], text: str, *, is_right_bottom: bool = False) -> None:
    """Light letters on a dark plate that the picture shines through."""
    from PIL import Image, ImageDraw

    letters = font(15, is_bold=True)
    width, height = round(letters.getlength(text)) + 18, 26
    left, top = (at[0] - width, at[1] - height) if is_right_bottom else at
    plate = Image.new("RGBA", (width, height), (0, 0, 0, 0))
    pen = ImageDraw.Draw(plate)
    pen.rounded_rectangle((0, 0, width - 1, height - 1), 7, fill=(*rgb(DARK), 205))
    pen.text((width / 2, height / 2), text, font=letters, fill="#FFFFFF", anchor="mm")
    card.paste(plate, (left, top), plate)


def _draw_words(pen: ImageDraw, match: Match) -> None:
    """The video's name, the score at the right, and below them why, in two lines."""
    bold, plain = font(16, is_bold=True), font(14)
    score = "" if match.score is None else f"{match.score:.2f}"
    right = CARD_WIDTH - 16
    room = right - 16 - (bold.getlength(score) + 14 if score else 0)
    pen.text(
        (16, PICTURE_HEIGHT + 12),
        shortened(name_of(match.path) or match.video_id, bold, room),
        font=bold,
        fill=INK,
    )
    if score:
        pen.text((right, PICTURE_HEIGHT + 12), score, font=bold, fill=ACCENT, anchor="ra")
    for row, line in enumerate(wrapped(match.why, plain, CARD_WIDTH - 32, 2)):
        pen.text((16, PICTURE_HEIGHT + 40 + 21 * row), line, font=plain, fill=SOFT_INK)


def _time_text(picture: MatchPicture) -> str:
    """`0:07.5` for a frame, `0:07 – 0:12` for a stretch."""
    match = picture.match
    if match.start_s == match.end_s:
        return f"{clock(int(match.start_s))}.{int(match.start_s * 10) % 10}"
    return f"{clock(match.start_s)} – {clock(match.end_s)}"


def _rounded_mask(size: tuple[int, int]) -> Image:
    """A mask with round corners, smooth: drawn four times as large."""
    from PIL import Image, ImageDraw

    large = Image.new("L", (4 * size[0], 4 * size[1]), 0)
    ImageDraw.Draw(large).rounded_rectangle((0, 0, *large.size), 4 * RADIUS, fill=255)
    return large.resize(size, Image.Resampling.LANCZOS)


# Words.


@lru_cache(maxsize=16)
def font(size: int, *, is_bold: bool = False) -> FreeTypeFont:
    """DejaVu Sans, which is the same on every machine."""
    from matplotlib import get_data_path
    from PIL import ImageFont

    name = "DejaVuSans-Bold.ttf" if is_bold else "DejaVuSans.ttf"
    path = Path(get_data_path()) / "fonts" / "ttf" / name
    return ImageFont.truetype(str(path), size, layout_engine=ImageFont.Layout.BASIC)


def shortened(text: str, letters: FreeTypeFont, width: float) -> str:
    """The text in one line, cut with an ellipsis where it is wider."""
    line = " ".join(text.split())
    if letters.getlength(line) <= width:
        return line
    while line and letters.getlength(f"{line}…") > width:
        line = line[:-1]
    return f"{line.rstrip()}…"


def wrapped(text: str, letters: FreeTypeFont, width: float, lines: int) -> Iterator[str]:
    """The text in at most so many lines; the last is cut with an ellipsis where there is more."""
    words = text.split()
    for number in range(lines):
        if not words:
            return
        if number == lines - 1:
            yield shortened(" ".join(words), letters, width)
            return
        count = next(
            (size for size in range(len(words), 1, -1) if letters.getlength(" ".join(words[:size])) <= width),
            1,
        )
        yield shortened(" ".join(words[:count]), letters, width)
        words = words[count:]
