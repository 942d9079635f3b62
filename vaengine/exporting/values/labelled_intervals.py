"""Everything that lasts in a video as intervals with a label, and in tiers without overlap."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Final

from schemas.annotations.annotation import (
    AUDIO_EVENT,
    FACE_IDENTITY,
    PERSON_TRACK,
    SCENE_TYPE,
    SPEAKER,
    SPEECH,
    VOICE_ACTIVITY,
    WORD,
    Annotation,
)
from vaengine.exporting.values.exported_video import ExportedVideo
from vaengine.exporting.values.source import Source

# What lasts, in the order in which tools show it. Loudness is a curve, not an event.
LASTING: Final = (
    *(SCENE_TYPE, PERSON_TRACK, FACE_IDENTITY, SPEAKER, SPEECH, WORD, AUDIO_EVENT, VOICE_ACTIVITY),
)
NOUNS: Final[Mapping[str, str]] = {
    PERSON_TRACK: "person",
    FACE_IDENTITY: "face",
    SPEAKER: "speaking",
    AUDIO_EVENT: "sound",
    VOICE_ACTIVITY: "voice",
}
_OWN_TIERS: Final = (PERSON_TRACK, FACE_IDENTITY, SPEAKER, SPEECH, WORD)  # one for whoever it is of
_MS: Final = 1000


@dataclass(frozen=True, slots=True)
class LabelledInterval:
    """Something that lasts for `[start_s, end_s)`: who it is of, empty for nobody, and a label."""

    kind: str
    start_s: float
    end_s: float
    who: str
    label: str
    confidence: float | None = None

    @property
    def noun(self) -> str:
        """What it is, as a person says it."""
        return NOUNS.get(self.kind, self.kind)


@dataclass(frozen=True, slots=True)
class Span:
    """A label for `[start_ms, end_ms)`, at least a millisecond."""

    start_ms: int
    end_ms: int
    label: str


@dataclass(frozen=True, slots=True)
class Tier:
    """Spans in order, none of which overlaps another; `who` is empty for tiers that are of nobody."""

    name: str
    kind: str
    who: str
    spans: tuple[Span, ...]


def intervals_of(source: Source, video: ExportedVideo, *kinds: str) -> list[LabelledInterval]:
    """Rows that last, of some types or of all, by start."""
    found = (_interval(row, video) for row in source.rows(video, *(kinds or LASTING)))
    return sorted(filter(None, found), key=lambda one: (one.start_s, one.end_s, one.kind, one.who))


def intervals_from_zero(source: Source, video: ExportedVideo, *kinds: str) -> Iterator[LabelledInterval]:
    """The same for formats without times below 0: what ends earlier is lost, what begins earlier is cut."""
    for interval in intervals_of(source, video, *kinds):
        if interval.end_s <= 0 and interval.start_s < 0:
            source.losses.set(interval.kind, "is before the first frame", f"{video.video_id} {interval}", 1)
            continue
        if interval.start_s < 0:
            reason = "begins before the first frame and is cut there"
            source.losses.set(interval.kind, reason, f"{video.video_id} {interval}", 1)
        yield replace(interval, start_s=max(0.0, interval.start_s))


def _interval(row: Annotation, video: ExportedVideo) -> LabelledInterval | None:
    if row.timestamp_seconds is None:
        return None
    start_s, end_s = row.timestamp_seconds, row.end_seconds
    who = {
        PERSON_TRACK: row.person_id,
        FACE_IDENTITY: row.face_id,
    }.get(row.annotation_type, row.speaker_id)
    return LabelledInterval(
        row.annotation_type,
        start_s,
        start_s if end_s is None else end_s,
        video.name_for(who),
        label_text(row, video),
        row.confidence,
    )


def label_text(row: Annotation, video: ExportedVideo) -> str:
    """What is said, heard or seen in a row, on one line."""
    own = row.attributes.get("text") or row.attributes.get("word") or row.attributes.get("label")
    who = row.scene_id or row.person_id or row.face_id or row.speaker_id
    text = str(own) if own else video.name_for(who) or NOUNS.get(row.annotation_type, row.annotation_type)
    return " ".join(text.split())


def tiers_of(source: Source, video: ExportedVideo) -> list[Tier]:
    """The tiers of a video: one for each kind, and of persons, faces and speakers one for each of them.

    What overlaps goes to a further tier, `person Anna (2)`.
    """
    groups: defaultdict[tuple[int, str], list[LabelledInterval]] = defaultdict(list)
    for interval in intervals_from_zero(source, video):
        own = interval.who if interval.kind in _OWN_TIERS else ""
        groups[LASTING.index(interval.kind), own].append(interval)
    return [tier for (_, who), group in sorted(groups.items()) for tier in _tiers(group, who)]


def _tiers(group: list[LabelledInterval], who: str) -> Iterator[Tier]:
    kind, layers = group[0].kind, _layers(map(_span, group))
    base = f"{group[0].noun} {who}".strip()
    for number, spans in enumerate(layers, start=1):
        yield Tier(base if number == 1 else f"{base} ({number})", kind, who, tuple(spans))


def _span(interval: LabelledInterval) -> Span:
    start_ms = round(interval.start_s * _MS)
    return Span(start_ms, max(start_ms + 1, round(interval.end_s * _MS)), interval.label)


def _layers(spans: Iterable[Span]) -> list[list[Span]]:
    """Spans in as few lists without overlap as there are at once."""
    layers: list[list[Span]] = []
    for span in sorted(spans, key=lambda one: (one.start_ms, one.end_ms, one.label)):
        free = next((layer for layer in layers if layer[-1].end_ms <= span.start_ms), None)
        if free is None:
            layers.append([span])
        else:
            free.append(span)
    return layers
