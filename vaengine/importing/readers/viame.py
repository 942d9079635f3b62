"""VIAME's CSV, which DIVE writes too; frames count from 0, `# metadata` has the rate.

A row is a box: track, file or time, frame, left, top, right, bottom, confidence, length, then pairs of a
class and its confidence, then attributes. Source: VIAME, "Detection file conversions"; DIVE, "Data formats".
"""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Iterator, Sequence
from fractions import Fraction
from itertools import pairwise
from typing import Final

from schemas.annotations.annotation import BBox
from vaengine.importing.document import (
    PERSONS,
    FrameBox,
    FrameCount,
    ImportedFile,
    ImportedTrack,
    ImportedVideo,
)
from vaengine.importing.readers.parsing import number, own_id, person_name, rate_of, reason, whole

NAME: Final = "viame"
Rows = Sequence[tuple[int, list[str]]]
_FIXED: Final = 9  # columns before the classes
_RATE: Final = re.compile(r"fps[\"']?\s*[:=]\s*[\"']?([\d./]+)", re.I)
_VIDEO: Final = re.compile(r"(?:video|filename|exported_from)[\"']?\s*[:=]\s*[\"']?([^\"',]+\.\w+)", re.I)
_ATTRIBUTE: Final = re.compile(r"\((?:trk-)?atr\)\s*(\S+)\s+(.+)")


def matches(rows: Rows) -> bool:
    """Whether these are rows of VIAME's CSV."""
    head = rows[0][1][0].lstrip("# ").casefold() if rows else ""
    if head.startswith(("1: detection", "1:detection", "metadata")) and rows[0][1][0].startswith("#"):
        return True
    first = next((row for _, row in rows if not row[0].startswith("#")), None)
    return first is not None and len(first) >= _FIXED and all(map(_is_number, (first[0], *first[2:_FIXED])))


def _is_number(text: str) -> bool:
    try:
        number(text)
    except ValueError:
        return False
    return True


def read(rows: Rows) -> ImportedFile:
    """The one video of a file; raises ValueError."""
    comments = ",".join(",".join(row) for _, row in rows if row[0].startswith("#"))
    boxes: dict[str, dict[int, tuple[FrameBox, str, dict[str, str]]]] = defaultdict(dict)
    for line, row in rows:
        if row[0].startswith("#"):
            continue
        try:
            box = _box(row)
            label, _ = max(_classes(row), key=lambda pair: pair[1], default=("unknown", 0.0))
        except (IndexError, ValueError) as error:
            raise ValueError(f"line {line}: {reason(error)}") from error
        if box.frame in boxes[row[0]]:
            raise ValueError(f"line {line}: track {row[0]} has two boxes in frame {box.frame}")
        boxes[row[0]][box.frame] = (box, label, _attributes(row))
    named = _VIDEO.search(comments)
    tracks = tuple(_track(track, found) for track, found in boxes.items())
    counting = FrameCount("clock", _rate(comments))
    name = named[1].strip() if named else ""
    return ImportedFile(NAME, (ImportedVideo(name, tracks=tracks, counting=counting, labels=PERSONS),))


def _rate(comments: str) -> Fraction | None:
    found = _RATE.search(comments)
    return rate_of(found[1].strip(".")) if found else None


def _track(track: str, found: dict[int, tuple[FrameBox, str, dict[str, str]]]) -> ImportedTrack:
    ordered = [found[frame] for frame in sorted(found)]
    attributes = {name: text for _, _, own in ordered for name, text in own.items()}
    boxes = [box for box, _, _ in ordered]
    return ImportedTrack(
        own_id(attributes, track) or track, ordered[-1][1], tuple(_segments(boxes)), person_name(attributes)
    )


def _segments(boxes: Sequence[FrameBox]) -> Iterator[tuple[FrameBox, ...]]:
    """Boxes of consecutive frames, or of frames that are always equally far apart: a sampled track.

    A larger gap ends a segment.
    """
    step = min((after.frame - before.frame for before, after in pairwise(boxes)), default=1)
    segment: list[FrameBox] = []
    for box in boxes:
        if segment and box.frame - segment[-1].frame > step:
            yield tuple(segment)
            segment = []
        segment.append(box)
    if segment:
        yield tuple(segment)


def _box(row: Sequence[str]) -> FrameBox:
    left, top, right, bottom = map(number, row[3:7])
    confidence = number(row[7])
    return FrameBox(
        whole(row[2]),
        BBox(left, top, right - left, bottom - top),
        min(1.0, confidence) if confidence >= 0 else None,
    )


def _classes(row: Sequence[str]) -> Iterator[tuple[str, float]]:
    pairs = [cell.strip() for cell in row[_FIXED:] if cell.strip() and not cell.lstrip().startswith("(")]
    for name, confidence in zip(pairs[::2], pairs[1::2], strict=False):
        yield name, number(confidence)


def _attributes(row: Sequence[str]) -> dict[str, str]:
    found = (_ATTRIBUTE.fullmatch(cell.strip()) for cell in row[_FIXED:])
    return {each[1].casefold(): each[2].strip() for each in found if each}
