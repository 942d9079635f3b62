"""ELAN annotation files (EAF 3.0): a tier for each kind, and for each person, face and speaker.

The type of a tier is the type of its rows. Schema: http://www.mpi.nl/tools/elan/EAFv3.0.xsd. Times are
whole milliseconds.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import count
from pathlib import PurePath
from typing import Final

from schemas.paths import is_url
from vaengine.console.units import timestamp
from vaengine.exporting.format import Format
from vaengine.exporting.output_file import OutputFile, text_file
from vaengine.exporting.values.exported_video import ExportedVideo
from vaengine.exporting.values.labelled_intervals import LASTING, Tier, tiers_of
from vaengine.exporting.values.source import Source
from vaengine.exporting.xml_text import xml_tag, xml_text

_SCHEMA: Final = "http://www.mpi.nl/tools/elan/EAFv3.0.xsd"
_DEFAULT_TYPE: Final = "default-lt"
_MIME_TYPES: Final = {".mp4": "video/mp4", ".mov": "video/quicktime", ".wav": "audio/x-wav"}


def files(source: Source) -> Iterator[OutputFile]:
    """`VIDEO_ID.eaf` of each video."""
    for video in source.videos():
        yield text_file(f"{video.video_id}.eaf", _document(video, tiers_of(source, video)))


def _document(video: ExportedVideo, tiers: Sequence[Tier]) -> Iterator[str]:
    yield '<?xml version="1.0" encoding="UTF-8"?>\n'
    root = {
        "AUTHOR": "vaengine",
        "DATE": timestamp().replace("Z", "+00:00"),
        "FORMAT": "3.0",
        "VERSION": "3.0",
        "xmlns:xsi": "http://www.w3.org/2001/XMLSchema-instance",
        "xsi:noNamespaceSchemaLocation": _SCHEMA,
    }
    yield xml_tag("ANNOTATION_DOCUMENT", root, is_empty=False) + "\n"
    yield from _header(video)
    yield from _time_slots(tiers)
    yield from _tiers(tiers)
    for kind in dict.fromkeys([_DEFAULT_TYPE, *(tier.kind for tier in tiers)]):
        own = {"GRAPHIC_REFERENCES": "false", "LINGUISTIC_TYPE_ID": kind, "TIME_ALIGNABLE": "true"}
        yield xml_tag("LINGUISTIC_TYPE", own) + "\n"
    yield "</ANNOTATION_DOCUMENT>\n"


def _header(video: ExportedVideo) -> Iterator[str]:
    path = video.video.path
    media = {
        "MEDIA_URL": path if is_url(path) else PurePath(path).as_uri(),
        "MIME_TYPE": _MIME_TYPES.get(PurePath(video.file_name).suffix.lower(), "video/*"),
        "RELATIVE_MEDIA_URL": f"./{video.file_name}",
    }
    yield xml_tag("HEADER", {"MEDIA_FILE": "", "TIME_UNITS": "milliseconds"}, is_empty=False) + "\n"
    yield xml_tag("MEDIA_DESCRIPTOR", media) + "\n"
    yield xml_tag("PROPERTY", {"NAME": "vaengine video_id"}, is_empty=False)
    yield f"{xml_text(video.video_id)}</PROPERTY>\n</HEADER>\n"


def _time_slots(tiers: Sequence[Tier]) -> Iterator[str]:
    """Two slots for each span, numbered in the order of `_tiers`."""
    yield "<TIME_ORDER>\n"
    numbers = count(1)
    for tier in tiers:
        for span in tier.spans:
            for time_ms in (span.start_ms, span.end_ms):
                slot = {"TIME_SLOT_ID": f"ts{next(numbers)}", "TIME_VALUE": time_ms}
                yield xml_tag("TIME_SLOT", slot) + "\n"
    yield "</TIME_ORDER>\n"


def _tiers(tiers: Sequence[Tier]) -> Iterator[str]:
    number = 0
    for tier in tiers:
        own = {"LINGUISTIC_TYPE_REF": tier.kind, "TIER_ID": tier.name}
        yield xml_tag("TIER", own | ({"PARTICIPANT": tier.who} if tier.who else {}), is_empty=False) + "\n"
        for span in tier.spans:
            number += 1
            alignable = {
                "ANNOTATION_ID": f"a{number}",
                "TIME_SLOT_REF1": f"ts{2 * number - 1}",
                "TIME_SLOT_REF2": f"ts{2 * number}",
            }
            yield f"<ANNOTATION>{xml_tag('ALIGNABLE_ANNOTATION', alignable, is_empty=False)}"
            yield f"<ANNOTATION_VALUE>{xml_text(span.label)}</ANNOTATION_VALUE>"
            yield "</ALIGNABLE_ANNOTATION></ANNOTATION>\n"
        yield "</TIER>\n"


FORMAT = Format(
    "elan",
    "ELAN, pympi, speach",
    LASTING,
    files,
    ("fractions of a millisecond", "confidence, language, age and gender"),
)
