"""Everything of one video that a drawing shows over time, built from stored rows once."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from schemas.annotations.annotation import FACE_DETECTION, Annotation
from vaengine.results.vision import Scene
from vaengine.timeline.audio import AudioTimeline
from vaengine.timeline.colour_assignment import Colours
from vaengine.timeline.lanes import Bar, Track
from vaengine.timeline.palette import short_name
from vaengine.timeline.presence import Presence
from vaengine.timeline.video_colours import colours_of


@dataclass(frozen=True, slots=True)
class VideoTimeline:
    """Scenes, persons, faces and sound of one video, and the colours of everybody in it.

    Scenes and bars of nobody have no colour of their own. Whoever draws packs tracks into lanes
    (`vaengine.timeline.lanes`), since only a drawing knows how many lanes there is room for.
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
    ) -> VideoTimeline:
        """From rows of any types; a rate that is not given is that of the usual gap between boxes."""
        rows = list(annotations)
        persons, faces = Presence.of(rows, person_fps), Presence.of(rows, face_fps, kind=FACE_DETECTION)
        return cls(persons, faces, AudioTimeline.of(rows), colours_of(rows, persons, faces))

    @property
    def scene_bars(self) -> tuple[Bar, ...]:
        """Scenes in order."""
        return tuple(map(_scene_bar, self.persons.scenes))

    @property
    def person_tracks(self) -> tuple[Track, ...]:
        """Persons by first appearance, with a bar for each time that they are there without a gap."""
        return tuple(_tracks(self.persons, self.colours))

    @property
    def known_face_tracks(self) -> tuple[Track, ...]:
        """Faces that are told apart, by first appearance."""
        return tuple(_tracks(self.faces, self.colours))

    @property
    def face_tracks(self) -> tuple[Track, ...]:
        """Faces that are told apart; where none is, one track of all faces under an empty name."""
        return self.known_face_tracks or tuple(_strangers(self.faces))

    def track(self, name: str, start_s: float, end_s: float) -> Track:
        """A track of somebody of whom only the first and the last sight are stored, and no box."""
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


def _strangers(presence: Presence) -> Iterator[Track]:
    for name, runs in presence.strangers().items():
        yield Track(name, tuple(Bar(start_s, end_s, name) for start_s, end_s in runs))
