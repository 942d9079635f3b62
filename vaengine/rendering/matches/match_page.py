"""Writes a page of matches: one HTML file with a picture of each, which asks for nothing from elsewhere."""

from __future__ import annotations

import base64
from collections.abc import Iterator, Sequence
from hashlib import sha256
from html import escape
from pathlib import Path
from typing import Final

import numpy as np

from schemas.annotations.annotation import BBox
from schemas.errors import UsageError
from schemas.media.frames import Pixels
from schemas.paths import name_of
from schemas.storage.backend import ResultStore
from vaengine import __version__
from vaengine.queries.match import Match
from vaengine.queries.presentation import time_text
from vaengine.rendering.matches.match_page_parts import SCRIPT, STYLE
from vaengine.rendering.matches.match_pictures import MatchPicture, match_pictures
from vaengine.rendering.output_file import check_target, whole_file
from vaengine.rendering.source_marks import SourceMark, digest_of

MAX_CARDS: Final = 200
PICTURE_PIXELS: Final = 640  # the longer side
JPEG_QUALITY: Final = 82
NO_PICTURE: Final = "no picture"


def write_match_page(
    store: ResultStore,
    matches: Sequence[Match],
    target: Path,
    *,
    title: str,
    notes: Sequence[str] = (),
    force: bool = False,
) -> Path:
    """Write an HTML file with a card for each match, at most `MAX_CARDS`; returns its path.

    A page that is there already is replaced. Raises `UsageError` for another file there, unless `force`, and
    for another ending than .html; `DiskFull`.
    """
    if target.suffix.lower() != ".html":
        raise UsageError(f"{target.name} does not end in .html: a page of matches does")
    mark = SourceMark("page", "matches", digest_of(__version__, title, *notes, *matches))
    if check_target(target, force=force, mark=mark):
        pictures = match_pictures(store, matches[:MAX_CARDS])
        text = match_page(pictures, title=title, total=len(matches), notes=notes, mark=str(mark))
        with whole_file(target) as file:
            file.write(text.encode(errors="xmlcharrefreplace"))
    return target


def match_page(
    pictures: Sequence[MatchPicture], *, title: str, total: int, notes: Sequence[str] = (), mark: str = ""
) -> str:
    """The page as HTML; `total` is how many matches there are. Whatever comes from outside is escaped."""
    more = f", the first {len(pictures)} shown" if total > len(pictures) else ""
    count = f"{total:,} {'match' if total == 1 else 'matches'}{more}, best first"
    heading = title.strip() or "Matches"
    return "\n".join(
        [
            '<!doctype html>\n<html lang="en">\n<head>\n<meta charset="utf-8">',
            f'<meta http-equiv="Content-Security-Policy" content="{_policy()}">',
            '<meta name="viewport" content="width=device-width, initial-scale=1">',
            f'<meta name="description" content="{escape(mark)}">',
            f"<title>{escape(heading)}</title>\n<style>{STYLE}</style>\n</head>\n<body>",
            f"<header><h1>{escape(heading)}</h1><p>{escape(count)}</p>",
            *(f'<p class="note">{escape(note)}</p>' for note in notes),
            '<label>Find in these <input id="find" type="search" autocomplete="off"></label>',
            '<p class="keys"><kbd>←</kbd> <kbd>→</kbd> move · <kbd>Enter</kbd> larger · <kbd>/</kbd> find · '
            '<kbd>Esc</kbd> back</p></header>\n<main id="cards">',
            *(_card(number, picture) for number, picture in enumerate(pictures, start=1)),
            "</main>" if pictures else '<p class="none">Nothing was found.</p></main>',
            '<dialog id="large" aria-label="The chosen match"></dialog>',
            f"<script>{SCRIPT}</script>\n</body>\n</html>\n",
        ]
    )


def _policy() -> str:
    """What the page may load: pictures in itself, this style and this script; nothing from elsewhere."""
    digests = {
        name: base64.b64encode(sha256(text.encode()).digest()).decode()
        for name, text in (("script", SCRIPT), ("style", STYLE))
    }
    allowed = (f"{name}-src 'sha256-{digest}'" for name, digest in digests.items())
    return "; ".join(
        ["default-src 'none'", "img-src data:", "base-uri 'none'", "form-action 'none'", *allowed]
    )


def _card(number: int, picture: MatchPicture) -> str:
    match = picture.match
    name = name_of(match.path) or match.video_id
    score = "" if match.score is None else f'<span class="score" title="score">{match.score:.2f}</span>'
    return (
        f'<article tabindex="0" aria-label="{escape(f"{number}: {name}, {_time(match)}")}">'
        f'<figure>{_figure(picture)}<span class="number">{number}</span>'
        f"<figcaption>{escape(_time(match))}</figcaption></figure>"
        f"<h2>{escape(name)}{score}</h2><p>{escape(match.why)}</p></article>"
    )


def _time(match: Match) -> str:
    start = time_text(match.start_s)
    return start if match.start_s == match.end_s else f"{start} – {time_text(match.end_s)}"


def _figure(picture: MatchPicture) -> str:
    """The picture, with a frame around what was found, drawn in the picture's own pixels."""
    if picture.pixels is None:
        return f'<p class="fault">{escape(picture.fault or NO_PICTURE)}</p>'
    height, width = picture.pixels.shape[:2]
    source = base64.b64encode(_jpeg(picture.pixels)).decode()
    box = "".join(_frame(picture.box, width, height)) if picture.box else ""
    return (
        f'<svg viewBox="0 0 {width} {height}" role="img" aria-label="at {escape(time_text(picture.time_s))}">'
        f'<image width="{width}" height="{height}" href="data:image/jpeg;base64,{source}"/>{box}</svg>'
    )


def _frame(box: BBox, width: int, height: int) -> Iterator[str]:
    """A dark line below a light one, so that it is seen on any picture."""
    place = f'x="{box.x:.1f}" y="{box.y:.1f}" width="{box.width:.1f}" height="{box.height:.1f}"'
    thick = max(width, height) / 200
    for name, share in (("under", 2.0), ("over", 1.0)):
        yield f'<rect class="{name}" {place} rx="{thick:.1f}" stroke-width="{thick * share:.1f}"/>'


def _jpeg(pixels: Pixels) -> bytes:
    """The picture, made smaller where it is large, as JPEG."""
    import cv2

    height, width = pixels.shape[:2]
    share = min(1.0, PICTURE_PIXELS / max(height, width))
    size = (max(1, round(width * share)), max(1, round(height * share)))
    small = cv2.resize(np.ascontiguousarray(pixels), size, interpolation=cv2.INTER_AREA)
    done, data = cv2.imencode(".jpg", small, [cv2.IMWRITE_JPEG_QUALITY, JPEG_QUALITY])
    if not done:
        raise UsageError(f"a picture of {width} x {height} cannot be written as JPEG")
    return data.tobytes()
