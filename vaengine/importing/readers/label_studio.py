"""Label Studio's JSON: boxes and ranges of videos, regions and texts of sound.

Frames count from 1, boxes are in per cent of the picture. A range of frames includes its last. Source: Label
Studio, "Raw JSON format", and the tags VideoRectangle, TimelineLabels and AudioPlus.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from fractions import Fraction
from typing import Any, Final

from schemas.annotations.annotation import BBox
from vaengine.importing.document import (
    FrameBox,
    FrameCount,
    ImportedEvent,
    ImportedFile,
    ImportedTrack,
    ImportedVideo,
)
from vaengine.importing.readers.parsing import number, own_id, person_name, rate_of, reason, text_of, whole

NAME: Final = "label-studio"
_PER_CENT: Final = 100.0
_MEDIA_KEYS: Final = ("video", "video_url", "audio", "url", "image")
Result = Mapping[str, Any]


def matches(value: Any) -> bool:
    """Whether this is a list of Label Studio's tasks, or one of them."""
    tasks = value if isinstance(value, list) else [value]
    return bool(tasks) and all(
        isinstance(task, Mapping) and isinstance(task.get("data"), Mapping) and _annotations(task) is not None
        for task in tasks
    )


def read(value: Any) -> ImportedFile:
    """A video for each task that somebody annotated; raises ValueError."""
    videos = []
    for count, task in enumerate(value if isinstance(value, list) else [value], start=1):
        if not _kept(task):
            continue
        try:
            videos.append(_video(task))
        except (KeyError, TypeError, ValueError) as error:
            raise ValueError(f"task {task.get('id', count)}: {reason(error)}") from error
    if not videos:
        raise ValueError("no task has an annotation that somebody submitted; predictions are not read")
    return ImportedFile(NAME, tuple(videos))


def _annotations(task: Mapping[str, Any]) -> Sequence[Mapping[str, Any]] | None:
    found = task.get("annotations", task.get("completions"))
    return found if isinstance(found, list) else None


def _kept(task: Mapping[str, Any]) -> list[Mapping[str, Any]]:
    """The annotations of a task that were submitted and not skipped."""
    return [one for one in _annotations(task) or () if not one.get("was_cancelled")]


def _video(task: Mapping[str, Any]) -> ImportedVideo:
    kept = _kept(task)
    if len(kept) > 1:
        raise ValueError(f"it has {len(kept)} annotations: export one of them, as who is right is not known")
    results = [result for one in kept for result in one.get("result", ())]
    fps, frames, duration_s = _rate(results)
    fps = fps or rate_of(task["data"].get("fps"))
    boxes = [result for result in results if result.get("type") == "videorectangle"]
    return ImportedVideo(
        name=text_of(task["data"], *_MEDIA_KEYS) or text_of(task, "file_upload"),
        part=str(task.get("id", "")),
        tracks=tuple(_track(result) for result in boxes),
        events=tuple(_events(results, fps)),
        counting=FrameCount("clock", fps, frames),
        is_relative=True,
        duration_s=duration_s,
        notes=tuple(_left_out(results)),
    )


def _rate(results: Sequence[Result]) -> tuple[Fraction | None, int | None, float | None]:
    """Frames a second, frames and seconds of the video, as the regions repeat them."""
    for result in results:
        count, length = (result.get("value", {}).get(name) for name in ("framesCount", "duration"))
        if count and length:
            return Fraction(count / length).limit_denominator(1001), whole(count), number(length)
    return None, None, None


# Boxes.


def _track(result: Result) -> ImportedTrack:
    value, about = result["value"], {str(key).casefold(): text for key, text in _meta(result).items()}
    (label,) = value.get("labels") or ["person"]
    segments = tuple(_segments(sorted(value["sequence"], key=lambda box: whole(box["frame"]))))
    own, name = own_id(about, *_notes(result)[:1], result.get("id")), person_name(about)
    if own in _notes(result)[:1]:
        name = name or " ".join(_notes(result)[1:]) or None
    return ImportedTrack(own or str(result["id"]), label, segments, name)


def _meta(result: Result) -> Mapping[str, Any]:
    meta = result.get("meta")
    return meta if isinstance(meta, Mapping) else {}


def _notes(result: Result) -> list[str]:
    """What stands beside a region: in files of vaengine who it is, then the name or what is said."""
    notes = _meta(result).get("text")
    return [str(one) for one in notes] if isinstance(notes, list) else []


def _segments(sequence: Sequence[Mapping[str, Any]]) -> Iterator[tuple[FrameBox, ...]]:
    """A segment ends with a box that is not `enabled`: it is shown in its own frame, and in none after it."""
    segment: list[FrameBox] = []
    for box in sequence:
        segment.append(_box(box))
        if not box.get("enabled", True):
            yield tuple(segment)
            segment = []
    if segment:
        yield tuple(segment)


def _box(box: Mapping[str, Any]) -> FrameBox:
    if box.get("rotation"):
        raise ValueError(f"frame {box['frame']} has a turned box, which cannot be stored")
    sides = (number(box[side]) / _PER_CENT for side in ("x", "y", "width", "height"))
    return FrameBox(whole(box["frame"]) - 1, BBox(*sides), is_keyframe=not box.get("auto", False))


# Ranges and regions.


def _events(results: Sequence[Result], fps: Fraction | None) -> Iterator[ImportedEvent]:
    texts = {
        result["id"]: " ".join(result["value"].get("text", ()))
        for result in results
        if result.get("type") == "textarea"
    }
    for result in results:
        value, kind = result.get("value", {}), result.get("type")
        if kind == "timelinelabels":
            yield from _ranges(result, fps)
        elif kind == "labels" and "start" in value and "end" in value:
            text, about = texts.get(result["id"]), _meta(result)
            for label in value["labels"]:
                times = number(value["start"]), number(value["end"])
                yield ImportedEvent(label, *times, person_name(about), result.get("from_name"), text)


def _ranges(result: Result, fps: Fraction | None) -> Iterator[ImportedEvent]:
    value, notes = result["value"], _notes(result)
    if fps is None:
        raise ValueError("ranges of frames have no times: no region says `framesCount` and `duration`")
    for frames in value["ranges"]:
        start_s = float((whole(frames["start"]) - 1) / fps)
        end_s = float(whole(frames["end"]) / fps)
        for label in value["timelinelabels"]:
            kind, who = _subject_in(label, notes)
            yield ImportedEvent(
                kind, start_s, end_s, who, result.get("from_name"), notes[-1] if notes else None
            )


def _subject_in(label: str, notes: Sequence[str]) -> tuple[str, str | None]:
    """A lane such as `speech Ana` is of Ana, where the first of two notes says so."""
    who = notes[0] if len(notes) > 1 else ""
    is_of = bool(who) and label.endswith(f" {who}")
    return (label.removesuffix(f" {who}"), who) if is_of else (label, None)


def _left_out(results: Sequence[Result]) -> Iterator[str]:
    known = {"videorectangle", "timelinelabels", "labels", "textarea", None}
    others = [str(result.get("type")) for result in results if result.get("type") not in known]
    if others:
        yield f"{len(others)} results of other kinds are left out ({', '.join(sorted(set(others)))})"
