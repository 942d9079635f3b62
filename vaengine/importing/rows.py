"""Makes annotation rows of what a file says of one video."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, Final

from schemas.annotations.annotation import (
    AUDIO_EVENT,
    BEHAVIOR_TYPE,
    FACE_DETECTION,
    FACE_IDENTITY,
    PERSON_DETECTION,
    PERSON_TRACK,
    SCENE_TYPE,
    SPEAKER,
    SPEECH,
    VOICE_ACTIVITY,
    WORD,
    Annotation,
    annotation_id,
    canonical_digest,
)
from schemas.pipelines import AUDIO, BEHAVIOR, FACE, PERSON, SCENE, of_human
from vaengine.importing.document import FrameBox, ImportedEvent, ImportedTrack, ImportedVideo
from vaengine.importing.frames import VideoFrames
from vaengine.importing.labels import LabelRules

_HASH_DIGITS: Final = 16
_BOX_TYPES: Final = {
    "person": (PERSON, PERSON_DETECTION, PERSON_TRACK),
    "face": (FACE, FACE_DETECTION, FACE_IDENTITY),
}
_EVENT_TYPES: Final = {
    "person": (PERSON, PERSON_TRACK),
    "face": (FACE, FACE_IDENTITY),
    "scene": (SCENE, SCENE_TYPE),
    "speech": (AUDIO, SPEECH),
    "word": (AUDIO, WORD),
    "speaker": (AUDIO, SPEAKER),
    "voice": (AUDIO, VOICE_ACTIVITY),
    "sound": (AUDIO, AUDIO_EVENT),
    "behavior": (BEHAVIOR, BEHAVIOR_TYPE),
}
_KIND_OF_NAME: Final = {
    "person": "person",
    "behavior": "person",
    "face": "face",
    **dict.fromkeys(("speech", "word", "speaker"), "speaker"),
}  # of whom an event is
_OWN_ID: Final = re.compile(r"(person|face|speaker|scene)_\d+")
_TEXT_KEYS: Final = {"speech": "text", "word": "word"}  # of what is said

Place = tuple[float, float | None, int | None]  # start, end, first frame


@dataclass(frozen=True, slots=True)
class ImportedRows:
    """The rows of one video by pipeline, in one configuration: their digest. `left_out` counts labels."""

    config_hash: str
    rows: Mapping[str, tuple[Annotation, ...]]
    left_out: Mapping[str, int] = field(default_factory=dict)

    @property
    def counts(self) -> Mapping[str, int]:
        """The number of rows of each type."""
        return Counter(row.annotation_type for rows in self.rows.values() for row in rows)


def rows_of(
    imported: ImportedVideo, video_id: str, frames: VideoFrames, rules: LabelRules, annotator: str = ""
) -> ImportedRows:
    """The rows of a video; equal ones by one annotator have equal ids, whatever file they come from."""
    builder = _Builder(video_id, frames, rules)
    builder.reserve(imported)
    for label in imported.labels:
        builder.cover(label)
    for track in sorted(imported.tracks, key=_first_frame):
        builder.add_track(track)
    for event in sorted(imported.events, key=lambda one: (one.start_s, one.end_s or one.start_s)):
        builder.add_event(event)
    if not builder.rows and not builder.left_out:
        builder.rows[of_human(BEHAVIOR)] = []
    return _with_ids(builder.rows, builder.left_out, annotator)


def _first_frame(track: ImportedTrack) -> int:
    return min((box.frame for box in track.boxes), default=0)


def _with_ids(
    drafts: Mapping[str, Sequence[Annotation]], left_out: Mapping[str, int], annotator: str
) -> ImportedRows:
    data = [row.to_data() for rows in drafts.values() for row in rows]
    config_hash = config_hash_of(*data, {"pipelines": sorted(drafts), "annotator": annotator})
    return ImportedRows(config_hash, identified_rows(drafts, config_hash), dict(left_out))


def config_hash_of(*facts: Mapping[str, Any]) -> str:
    """The configuration of a result of people: the digest of what tells it from others."""
    return canonical_digest(facts)[:_HASH_DIGITS]


def identified_rows(
    drafts: Mapping[str, Sequence[Annotation]], config_hash: str
) -> dict[str, tuple[Annotation, ...]]:
    """Rows that people made, with their configuration and with ids."""
    ordinals: Counter[tuple[str, int]] = Counter()

    def finished(row: Annotation) -> Annotation:
        place = (row.annotation_type, -1 if row.frame_number is None else row.frame_number)
        ordinals[place] += 1
        name = annotation_id(row.video_id, row.pipeline, config_hash, *place, ordinals[place] - 1)
        return replace(row, annotation_id=name, config_hash=config_hash)

    return {name: tuple(map(finished, rows)) for name, rows in drafts.items()}


class _Labels:
    """Ids of one kind in one video: those that vaengine gave stay, others are numbered after them."""

    def __init__(self, kind: str) -> None:
        self._kind = kind
        self._own: dict[str, str] = {}
        self._taken: set[str] = set()

    def reserve(self, names: Iterable[str]) -> None:
        """Of these names those that are ids already are nobody else's."""
        self._taken |= {name for name in names if self._is_own(name)}

    def _is_own(self, name: str) -> bool:
        return re.fullmatch(rf"{self._kind}_\d+", name) is not None

    def of(self, name: str) -> str:
        """The id of a track or of somebody by the name in the file."""
        if self._is_own(name):
            self._taken.add(name)
            return name
        if name not in self._own:
            numbers = (f"{self._kind}_{number:04d}" for number in range(1, 10_000_000))
            self._own[name] = next(one for one in numbers if one not in self._taken)
            self._taken.add(self._own[name])
        return self._own[name]


class _Builder:
    """Collects rows, by pipeline, without ids."""

    def __init__(self, video_id: str, frames: VideoFrames, rules: LabelRules) -> None:
        self._video_id, self._frames, self._rules = video_id, frames, rules
        self._labels = {kind: _Labels(kind) for kind in ("person", "face", "speaker", "scene")}
        self._label_of_name: dict[str, str] = {}
        self._with_boxes: set[str] = set()
        self.rows: dict[str, list[Annotation]] = {}
        self.left_out: Counter[str] = Counter()

    def reserve(self, imported: ImportedVideo) -> None:
        """Ids that the file has go to nobody else."""
        names = {track.track_id or "" for track in imported.tracks}
        for event in imported.events:
            names |= {event.subject or "", event.text or "", event.label}
        for labels in self._labels.values():
            labels.reserve(names)

    def cover(self, label: str) -> None:
        """A label of boxes that the file knows: none of it is a result too."""
        kind = self._rules.of_box(label)
        if kind is not None:
            self.rows.setdefault(of_human(_BOX_TYPES[kind][0]), [])

    # Boxes.

    def add_track(self, track: ImportedTrack) -> None:
        """The boxes of a track, and a row for all of it where it is one."""
        kind = self._rules.of_box(track.label)
        if kind is None:
            self.left_out[track.label] += len(track.boxes)
            return
        pipeline, box_type, track_type = _BOX_TYPES[kind]
        label = None if track.track_id is None else self._labels[kind].of(track.track_id)
        who: dict[str, Any] = {f"{kind}_id": label}  # Any: these go on by name
        boxes = list(self._boxes(track))
        told = {"name": track.name} if track.name else {}
        if track.name and label and kind == "person":
            self._label_of_name[track.name] = label
        for number, box in boxes:
            attributes = (
                told
                | ({"segment": number} if number else {})
                | ({} if box.is_keyframe else {"interpolated": True})
            )
            seen = {"confidence": box.confidence, "bbox": self._frames.box_of(box.bbox)}
            at = self._frames.start_s(box.frame), None, box.frame
            self._add(pipeline, box_type, at, **who, **seen, attributes=attributes)
        if label and boxes:
            self._with_boxes.add(label)
            numbers = [box.frame for _, box in boxes]
            first, last = min(numbers), max(numbers)
            lasting = self._frames.start_s(first), self._frames.end_s(last), first
            self._add(pipeline, track_type, lasting, **who, attributes=told)

    def _boxes(self, track: ImportedTrack) -> Iterator[tuple[int, FrameBox]]:
        """Boxes by the stored frame, with the number of their segment; of several in one frame the first."""
        seen: set[int] = set()
        for number, segment in enumerate(track.segments):
            for box in segment:
                frame = self._frames.frame_of(box)
                if frame not in seen:
                    seen.add(frame)
                    yield number, replace(box, frame=frame)

    # Events.

    def add_event(self, event: ImportedEvent) -> None:
        """The row of an event; that a person or a face is there is said by boxes, where it has any."""
        found = self._rules.of_event(event)
        if found is None:
            self.left_out[event.label] += 1
            return
        kind, label = found
        pipeline, annotation_type = _EVENT_TYPES[kind]
        frame = self._frames.frame_at(event.start_s) if pipeline != AUDIO else None
        attributes = {**event.attributes, **self._text(kind, label, event)}
        if event.subject and not _OWN_ID.fullmatch(event.subject):
            attributes["name"] = event.subject
        at, who = (event.start_s, event.end_s, frame), self._who(kind, event)
        if kind not in ("person", "face") or not self._with_boxes.intersection(who.values()):
            self._add(pipeline, annotation_type, at, **who, attributes=attributes)

    def _text(self, kind: str, label: str, event: ImportedEvent) -> dict[str, str]:
        if kind in _TEXT_KEYS:
            return {_TEXT_KEYS[kind]: event.text or ""}
        if kind in ("sound", "behavior"):
            return {"label": label} | ({"text": event.text} if event.text and event.text != label else {})
        return {}

    def _who(self, kind: str, event: ImportedEvent) -> dict[str, str]:
        if kind == "scene":
            return {"scene_id": self._scene_id(event)}
        name = event.subject or (event.text if kind in ("person", "face", "speaker") else None)
        of = _KIND_OF_NAME.get(kind)
        if name is None or of is None:
            return {}
        known = self._label_of_name.get(name) if of == "person" else None
        return {f"{of}_id": known or self._labels[of].of(name)}

    def _scene_id(self, event: ImportedEvent) -> str:
        """The id that the file has, else a new one."""
        texts = (text for text in (event.text, event.label) if text and _OWN_ID.fullmatch(text))
        number = len(self.rows.get(of_human(SCENE), ()))
        return self._labels["scene"].of(next(texts, f"scene {number}"))

    def _add(self, pipeline: str, annotation_type: str, at: Place, **facts: Any) -> None:
        human = of_human(pipeline)
        row = Annotation("", self._video_id, human, "", annotation_type, *at, **facts)
        self.rows.setdefault(human, []).append(row)
