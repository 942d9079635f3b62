"""ELAN's EAF: annotations in tiers; times are in whole milliseconds since the beginning of the medium.

Source: ELAN, "EAF annotation format", schema 3.0.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, Final
from urllib.parse import unquote, urlsplit
from xml.etree.ElementTree import Element

from vaengine.importing.document import ImportedEvent, ImportedFile, ImportedVideo
from vaengine.importing.readers.parsing import number, whole

NAME: Final = "eaf"
_MS: Final = 1000.0
Span = tuple[float, float]


def matches(root: Element) -> bool:
    """Whether this is the root of an EAF document."""
    return root.tag == "ANNOTATION_DOCUMENT"


def read(root: Element) -> ImportedFile:
    """The one recording of a file; raises ValueError and KeyError."""
    return ImportedFile(NAME, (_video(root),))


def _video(root: Element) -> ImportedVideo:
    media = root.findall("HEADER/MEDIA_DESCRIPTOR")
    origin_s = number(media[0].get("TIME_ORIGIN") or 0) / _MS if media else 0.0
    slots = {
        slot.attrib["TIME_SLOT_ID"]: whole(value) / _MS - origin_s
        for slot in root.iterfind("TIME_ORDER/TIME_SLOT")
        if (value := slot.get("TIME_VALUE")) is not None
    }
    spans: dict[str, Span | None] = {}
    tiers = root.findall("TIER")
    events = [event for tier in tiers for event in _tier(tier, slots, spans)]
    unaligned = sum(span is None for span in spans.values())
    notes = [f"{unaligned} annotations without times are left out"] if unaligned else []
    return ImportedVideo(_name(media), events=tuple(events), notes=tuple(notes))


def _name(media: list[Element]) -> str:
    urls = [one.get("RELATIVE_MEDIA_URL") or one.get("MEDIA_URL") or "" for one in media]
    return next((unquote(urlsplit(url).path) for url in urls if url), "")


def _tier(
    tier: Element, slots: Mapping[str, float], spans: dict[str, Span | None]
) -> Iterator[ImportedEvent]:
    subject = (tier.get("PARTICIPANT") or "").strip() or None
    for annotation in tier.iterfind("ANNOTATION/*"):
        span = _span(annotation, slots, spans)
        spans[annotation.attrib["ANNOTATION_ID"]] = span
        text = (annotation.findtext("ANNOTATION_VALUE") or "").strip()
        if span is not None:
            yield ImportedEvent(text, *span, subject, tier.attrib["TIER_ID"], text, _facts(tier))


def _facts(tier: Element) -> dict[str, Any]:
    kind = tier.get("LINGUISTIC_TYPE_REF")
    return {"linguistic_type": kind} if kind else {}


def _span(annotation: Element, slots: Mapping[str, float], spans: Mapping[str, Span | None]) -> Span | None:
    """The times of an annotation, which for one that refers to another are the other's; None without any."""
    if annotation.tag == "REF_ANNOTATION":
        return spans.get(annotation.attrib["ANNOTATION_REF"])
    start, end = annotation.attrib["TIME_SLOT_REF1"], annotation.attrib["TIME_SLOT_REF2"]
    return (slots[start], slots[end]) if start in slots and end in slots else None
