"""VGG Image Annotator: CSV of version 2 with a track for each region, and CSV of version 3.

Frames count from 0. Version 2 has the number of the frame in each file name, or as an attribute of the file.
Source: the manuals of VIA 2 and 3; movement, "Load bounding boxes from VIA tracks".
"""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Final

import msgspec

from schemas.annotations.annotation import BBox
from vaengine.importing.document import (
    PERSONS,
    FrameBox,
    FrameCount,
    ImportedEvent,
    ImportedFile,
    ImportedTrack,
    ImportedVideo,
)
from vaengine.importing.readers.parsing import number, own_id, person_name, text_of, whole

NAME: Final = "via"
_SECOND: Final = ("filename", "file_size", "file_attributes", "region_count")
_THIRD: Final = ("metadata_id", "file_list", "flags", "temporal_coordinates")
_LABEL_KEYS: Final = ("label", "class", "type", "category", "species")
_FRAME: Final = re.compile(r"(?:^|[._-]|frame)(\d+)(?=\.\w+$)")
Rows = Sequence[tuple[int, list[str]]]


def matches(rows: Rows) -> bool:
    """Whether these are rows of VIA's CSV."""
    return bool(rows) and (_is_second(rows[0][1]) or _titles_of_third(rows) is not None)


def _is_second(row: Sequence[str]) -> bool:
    return tuple(cell.strip().lstrip("#") for cell in row[: len(_SECOND)]) == _SECOND


def _titles_of_third(rows: Rows) -> list[str] | None:
    """The titles of version 3, which stand in a comment."""
    for _, row in rows:
        if row[0].startswith("#"):
            titles = [
                cell.strip() for cell in ",".join(row).lstrip("# ").removeprefix("CSV_HEADER = ").split(",")
            ]
            if tuple(titles[: len(_THIRD)]) == _THIRD:
                return titles
    return None


def read(rows: Rows) -> ImportedFile:
    """The videos of a file; raises ValueError and KeyError."""
    is_second = _is_second(rows[0][1])
    titles = rows[0][1] if is_second else _titles_of_third(rows) or []
    records = [_record_at(line, titles, row) for line, row in rows if row is not titles and row[0][:1] != "#"]
    return ImportedFile(NAME, tuple(_of_second(records) if is_second else _of_third(records)))


def _record_at(line: int, titles: Sequence[str], row: Sequence[str]) -> dict[str, Any]:
    try:
        return _record(titles, row)
    except (ValueError, msgspec.DecodeError) as error:
        raise ValueError(f"line {line}: {error}") from error


def _record(titles: Sequence[str], row: Sequence[str]) -> dict[str, Any]:
    """A row by title; cells of JSON are read."""
    if len(row) != len(titles):
        raise ValueError(f"{len(row)} cells under {len(titles)} titles")
    return {
        title.strip().lstrip("#"): msgspec.json.decode(cell.encode()) if cell[:1] in "{[" and cell else cell
        for title, cell in zip(titles, row, strict=True)
    }


# Version 2: a row for each box.


def _of_second(records: Sequence[Mapping[str, Any]]) -> Iterator[ImportedVideo]:
    tracks: dict[str | None, list[tuple[FrameBox, Mapping[str, Any]]]] = defaultdict(list)
    videos = set()
    for record in records:
        about = record["file_attributes"] if isinstance(record["file_attributes"], Mapping) else {}
        videos.add(text_of(about, "video", "video_name"))
        shape, attributes = record["region_shape_attributes"], record["region_attributes"]
        if not shape:
            continue  # an image without a region
        if shape["name"] != "rect":
            raise ValueError(f"{record['filename']}: {shape['name']} is no box")
        box = BBox(*(number(shape[side]) for side in ("x", "y", "width", "height")))
        attributes = {str(key).casefold(): value for key, value in attributes.items()}
        track = attributes.get("track")
        name = own_id(attributes) or (None if track in (None, "") else str(track))
        tracks[name].append((FrameBox(_frame(record["filename"], about), box), attributes))
    name = videos.pop() if len(videos) == 1 else ""
    yield ImportedVideo(name, tracks=tuple(_tracks(tracks)), labels=PERSONS)


def _frame(filename: str, about: Mapping[str, Any]) -> int:
    if about.get("frame") is not None:
        return whole(about["frame"])
    found = _FRAME.search(filename)
    if found is None:
        raise ValueError(
            f"{filename!r} does not say which frame it is: its name has no number before the ending"
        )
    return int(found[1])


def _tracks(
    tracks: Mapping[str | None, Sequence[tuple[FrameBox, Mapping[str, Any]]]],
) -> Iterator[ImportedTrack]:
    for track, found in tracks.items():
        if track is None:
            for box, attributes in found:
                yield ImportedTrack(None, _label(attributes), ((box,),), person_name(attributes))
            continue
        ordered = sorted(found, key=lambda pair: pair[0].frame)
        attributes = ordered[-1][1]
        boxes = tuple(box for box, _ in ordered)
        yield ImportedTrack(track, _label(attributes), (boxes,), person_name(attributes))


def _label(attributes: Mapping[str, Any]) -> str:
    """The label of a region; one without a label is a person."""
    return text_of(attributes, *_LABEL_KEYS) or "person"


# Version 3: a row for each stretch of time, or each box at a time.


def _of_third(records: Sequence[Mapping[str, Any]]) -> Iterator[ImportedVideo]:
    of_file: dict[str, list[Mapping[str, Any]]] = defaultdict(list)
    for record in records:
        files = record["file_list"]
        of_file[str(files[0] if isinstance(files, list) else files)].append(record)
    for name, own in of_file.items():
        boxes = [one for one in own if one["spatial_coordinates"]]
        if boxes:
            raise ValueError("boxes of VIA 3 have times and no frames: export them as tracks of VIA 2")
        events = tuple(_event(one) for one in own if one["temporal_coordinates"])
        yield ImportedVideo(name, events=events, counting=FrameCount("clock"))


def _event(record: Mapping[str, Any]) -> ImportedEvent:
    times = [number(time) for time in record["temporal_coordinates"]]
    values = [str(value) for value in record["metadata"].values() if str(value).strip()]
    label = values[-1] if values else "event"
    return ImportedEvent(
        label, times[0], times[-1] if len(times) > 1 else None, text=" ".join(values) or None
    )
