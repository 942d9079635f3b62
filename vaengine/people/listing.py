"""Persons as tables, lines and events."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from vaengine.console.output import Table
from vaengine.console.units import counted
from vaengine.people.resolution import PersonInVideo, ResolvedPerson


def people_table(people: Sequence[ResolvedPerson]) -> Table:
    """A row for each person, those in most videos first."""
    ordered = sorted(people, key=lambda one: (-len(one.videos), one.person.shown_name.casefold()))
    rows = (
        (
            one.person.name or "(no name)",
            one.person.person_id,
            f"{len(one.videos):,}",
            *(f"{count:,}" for count in label_counts(one)),
            f"{len(one.unmatched):,}" if one.unmatched else "",
        )
        for one in ordered
    )
    return Table(("name", "id", "videos", "tracks", "faces", "speakers", "not found"), tuple(rows))


def label_counts(resolved: ResolvedPerson) -> tuple[int, int, int]:
    """The number of tracks, faces and speakers in all videos."""
    return (
        sum(len(video.tracks) for video in resolved.videos),
        sum(len(video.faces) for video in resolved.videos),
        sum(len(video.speakers) for video in resolved.videos),
    )


def labels_table(resolved: ResolvedPerson) -> Table:
    """A row for each label of a person, by video, with how it is known."""
    rows = ((video.video_id, label, video.how[label]) for video in resolved.videos for label in video.labels)
    return Table(("video", "label", "known by"), tuple(rows), names=0)


def unmatched_lines(resolved: ResolvedPerson) -> Iterator[str]:
    """A line for each reference that is to nobody now, and for each identity of several persons."""
    yield from (f"not found: {one}" for one in resolved.unmatched)
    yield from (f"not counted: {note}" for note in resolved.notes)


def people_summary(people: Sequence[ResolvedPerson]) -> str:
    """One line with the number of persons and of videos that they are in."""
    if not people:
        return "nobody has a name yet: `vaengine person name VIDEO:face_0001 Anna` gives one"
    videos = {video.video_id for one in people for video in one.videos}
    lost = sum(len(one.unmatched) for one in people)
    not_found = f"; {counted(lost, 'reference')} not found, see `vaengine person show`" if lost else ""
    count = f"{len(people):,} {'person' if len(people) == 1 else 'persons'}"
    return f"{count} in {counted(len(videos), 'video')}{not_found}"


# For programs.


def person_event(resolved: ResolvedPerson) -> dict[str, Any]:
    """A person as one object."""
    return {
        "person_id": resolved.person.person_id,
        "name": resolved.person.name,
        "identities": list(resolved.identities),
        "videos": [_video_object(video) for video in resolved.videos],
        "not_found": [{"reference": str(one.reference), "reason": one.reason} for one in resolved.unmatched],
        "notes": list(resolved.notes),
    }


def _video_object(video: PersonInVideo) -> Mapping[str, Any]:
    return {
        "video_id": video.video_id,
        "tracks": list(video.tracks),
        "faces": list(video.faces),
        "speakers": list(video.speakers),
        "known_by": dict(video.how),
    }
