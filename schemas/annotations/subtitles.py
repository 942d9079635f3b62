"""Writes speech as subtitles (WebVTT, SubRip) and speakers' turns as RTTM, from stored rows.

Formats: WebVTT (W3C, "WebVTT: The Web Video Text Tracks Format"), SubRip, and RTTM (NIST, Rich
Transcription 2009 evaluation plan, appendix A). None of them has times before 0: a stretch that begins
earlier is cut there, one that ends earlier is left out.
"""

from __future__ import annotations

import re
import textwrap
from bisect import bisect_left
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import accumulate, pairwise
from math import ceil
from typing import Final

from schemas.annotations.annotation import SPEAKER, SPEECH, WORD, Annotation

# Characters; the usual guideline of broadcasters and streaming services.
LINE_LENGTH: Final = 42
MAX_LINES: Final = 2
_NUMBERED: Final = re.compile(r"speaker_0*(\d+)", re.ASCII)
_VTT: Final = str.maketrans({"&": "&amp;", "<": "&lt;", ">": "&gt;"})
# SubRip has tags and arrows, but no way to escape their characters.
_SRT: Final = str.maketrans({"<": "‹", ">": "›"})


@dataclass(frozen=True, slots=True)
class Cue:
    """A subtitle: one or two `lines`, shown in `[start_s, end_s)` seconds since the first frame."""

    start_s: float
    end_s: float
    lines: tuple[str, ...]
    speaker_id: str | None = None

    def __post_init__(self) -> None:
        if not 0 <= self.start_s <= self.end_s or not 1 <= len(self.lines) <= MAX_LINES:
            raise ValueError(f"impossible cue: [{self.start_s}, {self.end_s}) with {len(self.lines)} lines")


def cues(rows: Iterable[Annotation]) -> list[Cue]:
    """Cues of the speech among these rows, in order of time.

    A text longer than two lines becomes several cues. They change at the times of the words among the rows,
    or in proportion to their characters where those are not the words of the text.
    """
    all_rows = list(rows)
    starts_s = sorted(
        row.timestamp_seconds
        for row in all_rows
        if row.annotation_type == WORD and row.timestamp_seconds is not None
    )
    return [cue for row in _stretches(all_rows, SPEECH) for cue in _cues(row, starts_s)]


def webvtt(rows: Iterable[Annotation]) -> str:
    """The speech among these rows as WebVTT, speakers as voices; empty without speech."""
    blocks = [f"{_span(cue, '.')}\n{_with_voice(cue)}" for cue in cues(rows)]
    return "\n\n".join(["WEBVTT", *blocks]) + "\n" if blocks else ""


def srt(rows: Iterable[Annotation]) -> str:
    """The speech among these rows as SubRip, with the speaker's name where the speaker changes.

    Empty without speech.
    """
    all_cues = cues(rows)
    speakers = pairwise([None, *(cue.speaker_id for cue in all_cues)])
    blocks = (
        f"{number}\n{_span(cue, ',')}\n{_with_speaker(cue, is_new=after != before)}\n"
        for number, (cue, (before, after)) in enumerate(zip(all_cues, speakers, strict=True), start=1)
    )
    return "\n".join(blocks)


def rttm(rows: Iterable[Annotation], uri: str) -> str:
    """Speakers' turns among these rows as RTTM about the recording `uri`; empty without turns."""
    lines = (
        f"SPEAKER {_one_field(uri)} 1 {start_s:.3f} {end_s - start_s:.3f} <NA> <NA> "
        f"{_one_field(row.speaker_id)} <NA> <NA>\n"
        for row in _stretches(rows, SPEAKER)
        if row.speaker_id
        for start_s, end_s in [_clipped(row)]
    )
    return "".join(lines)


def speaker_name(speaker_id: str) -> str:
    """`Speaker 1` for `speaker_0001`; other ids as they are, on one line."""
    numbered = _NUMBERED.fullmatch(speaker_id)
    return f"Speaker {numbered[1]}" if numbered else " ".join(speaker_id.split())


def _stretches(rows: Iterable[Annotation], kind: str) -> list[Annotation]:
    """Rows of one type that end after 0, in order of time."""
    stretches = [
        row
        for row in rows
        if row.annotation_type == kind and row.end_seconds is not None and row.end_seconds > 0
    ]
    return sorted(stretches, key=lambda row: (*_clipped(row), row.annotation_id))


def _clipped(row: Annotation) -> tuple[float, float]:
    return max(0.0, row.timestamp_seconds or 0.0), row.end_seconds or 0.0


def _cues(row: Annotation, word_starts_s: Sequence[float]) -> Iterator[Cue]:
    text = " ".join(str(row.attributes.get("text") or "").split())
    if not text:
        return
    pages = _parts(text, MAX_LINES * LINE_LENGTH)
    start_s, end_s = _clipped(row)
    own = word_starts_s[
        bisect_left(word_starts_s, row.timestamp_seconds or 0.0) : bisect_left(word_starts_s, end_s)
    ]
    starts_s = [
        min(end_s, max(start_s, page_start_s)) for page_start_s in _page_starts(pages, own, start_s, end_s)
    ]
    for page, (first_s, last_s) in zip(pages, pairwise([start_s, *starts_s, end_s]), strict=True):
        yield Cue(first_s, last_s, _lines(page), row.speaker_id or None)


def _page_starts(
    pages: Sequence[str], word_starts_s: Sequence[float], start_s: float, end_s: float
) -> list[float]:
    """When each page but the first begins."""
    words = list(accumulate(len(page.split()) for page in pages))
    if words[-1] == len(word_starts_s):
        return [word_starts_s[number] for number in words[:-1]]
    read = list(accumulate(map(len, pages)))
    return [start_s + (end_s - start_s) * characters / read[-1] for characters in read[:-1]]


def _parts(text: str, width: int) -> list[str]:
    """As few parts of at most `width` characters as the text needs, as even as its words allow."""
    fewest = len(_wrapped(text, width))
    candidates = (_wrapped(text, narrower) for narrower in range(max(1, len(text) // fewest), width))
    return next((parts for parts in candidates if len(parts) == fewest), _wrapped(text, width))


def _lines(page: str) -> tuple[str, ...]:
    """One line where the page fits, else two lines as even as words allow.

    Long words may make a line longer than `LINE_LENGTH`.
    """
    if len(page) <= LINE_LENGTH:
        return (page,)
    candidates = (_wrapped(page, width) for width in range(ceil(len(page) / MAX_LINES), len(page) + 1))
    return tuple(next(lines for lines in candidates if len(lines) <= MAX_LINES))


def _wrapped(text: str, width: int) -> list[str]:
    return textwrap.wrap(text, width, break_on_hyphens=False)


def _span(cue: Cue, mark: str) -> str:
    """`00:00:01.000 --> 00:00:02.500`; neither format has cues that do not last."""
    start_ms = round(cue.start_s * 1000)
    end_ms = max(start_ms + 1, round(cue.end_s * 1000))
    return f"{_time(start_ms, mark)} --> {_time(end_ms, mark)}"


def _time(milliseconds: int, mark: str) -> str:
    seconds, rest = divmod(milliseconds, 1000)
    return f"{seconds // 3600:02}:{seconds // 60 % 60:02}:{seconds % 60:02}{mark}{rest:03}"


def _with_voice(cue: Cue) -> str:
    text = "\n".join(cue.lines).translate(_VTT)
    # Hyphens before the tag's end would make it an arrow.
    name = speaker_name(cue.speaker_id or "").rstrip("- ").translate(_VTT)
    return f"<v {name}>{text}</v>" if name else text


def _with_speaker(cue: Cue, *, is_new: bool) -> str:
    text = "\n".join(cue.lines).translate(_SRT)
    return f"{speaker_name(cue.speaker_id).translate(_SRT)}: {text}" if cue.speaker_id and is_new else text


def _one_field(text: str | None) -> str:
    """A text as one field of RTTM: fields are separated by spaces."""
    return "_".join((text or "").split()) or "<NA>"
