"""The timeline of one video, built once from its stored rows for any drawing."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from schemas.annotations.annotation import FACE_DETECTION, Annotation
from vaengine.results.vision import Scene
from vaengine.timeline.audio import AudioTimeline
from vaengine.timeline.colour_assignment import Colours
from vaengine.timeline.lanes import Bar, Track
from vaengine.timeline.palette import short_name
from vaengine.timeline.presence import FrameEnd, Presence
from vaengine.timeline.video_colours import colours_of


@dataclass(frozen=True, slots=True)
class VideoTimeline:
    """Scenes, persons, faces and sound of one video, and the colours of everybody in it.

    Scenes and bars without an identity have no colour. A drawing packs tracks into lanes by
    `vaengine.timeline.lanes`, since the room for lanes depends on the drawing.
    """

    persons: Presence
    faces: Presence
    audio: AudioTimeline
    colours: Colours

    @classmethod
    def of_rows(
        cls,
        annotations: Iterable[Annotation],
        person_fps: float | None = None,
        face_fps: float | None = None,
        frame_end_s: FrameEnd | None = None,
    ) -> VideoTimeline:
        """The timeline of rows of any types; a missing rate is taken from the usual gap between boxes.

        `frame_end_s` is for boxes of people, as in `Presence.of`.
        """
        rows = list(annotations)
        persons = Presence.of(rows, person_fps, frame_end_s=frame_end_s)
        faces = Presence.of(rows, face_fps, kind=FACE_DETECTION, frame_end_s=frame_end_s)
        return cls(persons, faces, AudioTimeline.of(rows), colours_of(rows, persons, faces))

    @property
    def scene_bars(self) -> tuple[Bar, ...]:
        """Scenes in order."""
        return tuple(map(_scene_bar, self.persons.scenes))

    @property
    def person_tracks(self) -> tuple[Track, ...]:
        """A track for each person in order of first appearance, with a bar for each time without a gap."""
        return tuple(_tracks(self.persons, self.colours))

    @property
    def known_face_tracks(self) -> tuple[Track, ...]:
        """A track for each face with an identity, in order of first appearance."""
        return tuple(_tracks(self.faces, self.colours))

    @property
    def face_tracks(self) -> tuple[Track, ...]:
        """Tracks of faces with an identity; without any, one track of all faces under an empty name."""
        return self.known_face_tracks or tuple(_unidentified_tracks(self.faces))

    def track(self, name: str, start_s: float, end_s: float) -> Track:
        """A track from `start_s` to `end_s` for a person without stored boxes."""
        bar = Bar(start_s, end_s, name, short_name(name), self.colours.of(name), detections=0)
        return Track(name, (bar,))


def _scene_bar(scene: Scene) -> Bar:
    return Bar(scene.start_s, scene.end_s, scene.scene_id or "scene", short_name(scene.scene_id or ""))


def _tracks(presence: Presence, colours: Colours) -> Iterator[Track]:
    sampling = presence.sampling
    for name, sightings in presence.tracks.items():
        label, colour = short_name(name), colours.of(name)
        groups = sampling.grouped(sightings)
        bars = (Bar(*sampling.run(group), name, label, colour, detections=len(group)) for group in groups)
        yield Track(name, tuple(bars))


def _unidentified_tracks(presence: Presence) -> Iterator[Track]:
    for name, runs in presence.unidentified_runs().items():
        yield Track(name, tuple(Bar(start_s, end_s, name) for start_s, end_s in runs))
