"""The picture that is drawn of each frame: the video's own with what is found in it, the timeline below."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from typing import Final

import numpy as np

from schemas.annotations.annotation import FACE_DETECTION, PERSON_DETECTION, Annotation
from schemas.errors import UsageError
from schemas.media.frames import Pixels
from vaengine.console.units import clock, counted
from vaengine.rendering.face_overlay import FaceOverlay
from vaengine.rendering.person_overlay import Overlay
from vaengine.rendering.strip_layout import StripLayout
from vaengine.rendering.subtitles import Subtitles
from vaengine.rendering.timeline_strip import TimelineStrip
from vaengine.results.lookup import VideoResults
from vaengine.timeline.audio import AudioCaption
from vaengine.timeline.lanes import clip_tracks
from vaengine.timeline.presence import Presence, Sighting
from vaengine.timeline.video_timeline import VideoTimeline


@dataclass(frozen=True, slots=True)
class BoxFilter:
    """Which boxes are drawn: those at least as sure as `min_confidence`, 0..1.

    Persons in no track are drawn only `with_untracked`.
    """

    min_confidence: float = 0.0
    with_untracked: bool = False

    def __post_init__(self) -> None:
        if not 0 <= self.min_confidence <= 1:
            raise UsageError(f"a confidence lies between 0 and 1, not at {self.min_confidence:g}")

    def has(self, row: Annotation) -> bool:
        """Whether a row is drawn; rows of other types than boxes are."""
        if row.annotation_type not in (PERSON_DETECTION, FACE_DETECTION):
            return True
        is_sure = row.confidence is None or row.confidence >= self.min_confidence
        is_told = row.annotation_type == FACE_DETECTION or row.person_id is not None or self.with_untracked
        return is_sure and is_told


USUALLY_SHOWN: Final = BoxFilter()


@dataclass(frozen=True, slots=True)
class SceneContent:
    """All that is drawn of a video of `width` x `height` displayed pixels.

    `looked_at` are the frames in which a detector saw anything.
    """

    width: int
    height: int
    timeline: VideoTimeline
    subtitles: Subtitles
    looked_at: frozenset[int]

    @classmethod
    def of(cls, results: VideoResults, shown: BoxFilter | None = None) -> SceneContent:
        """What a store holds of it."""
        video = results.video
        rates = (results.sample_fps, results.face_fps)
        return cls.of_rows(video.width, video.height, results.annotations, *rates, shown)

    @classmethod
    def of_rows(
        cls,
        width: int,
        height: int,
        rows: Iterable[Annotation],
        sample_fps: float | None = None,
        face_fps: float | None = None,
        shown: BoxFilter | None = None,
    ) -> SceneContent:
        """From rows of any types; rates of sampling are the usual gaps' where they are not given.

        What is not shown counts for those and for colours all the same, so that they do not depend on what
        somebody wants to see.
        """
        found, asked = list(rows), shown or USUALLY_SHOWN
        whole = VideoTimeline.of_rows(found, sample_fps, face_fps)
        drawn = [row for row in found if asked.has(row)]
        return cls(
            width,
            height,
            whole if len(drawn) == len(found) else _reduced(whole, drawn),
            Subtitles.of(found, width, height, whole.colours),
            whole.persons.detected_frames | whole.faces.detected_frames,
        )

    @property
    def persons(self) -> Presence:
        return self.timeline.persons

    @property
    def faces(self) -> Presence:
        return self.timeline.faces


class FrameComposer:
    """The source's picture with the timeline of `[start_s, end_s)` below.

    The picture is made even by doubling its last row or column.
    """

    def __init__(
        self,
        scenery: SceneContent,
        start_s: float,
        end_s: float,
        *,
        with_labels: bool = True,
        with_subtitles: bool = True,
    ) -> None:
        self._scenery, self._end_s, self._with_subtitles = scenery, end_s, with_subtitles
        self._width, self._height = scenery.width + scenery.width % 2, scenery.height + scenery.height % 2
        timeline = scenery.timeline
        colours, sounds = timeline.colours, timeline.audio.rows(timeline.colours)
        self._heard = AudioCaption(timeline.audio)
        self._overlay = Overlay(scenery.width, scenery.height, colours, with_labels=with_labels)
        self._faces = FaceOverlay(scenery.width, scenery.height, colours, with_labels=with_labels)
        kinds = (timeline.person_tracks, timeline.face_tracks)
        persons, faces = (clip_tracks(tracks, start_s, end_s) for tracks in kinds)
        layout = StripLayout.of(self._width, self._height, persons, faces, [row.name for row in sounds])
        self._strip = TimelineStrip(layout, start_s, end_s, timeline.scene_bars, persons, faces, sounds)
        self.pixels: Pixels = np.zeros((self._height + layout.height, self._width, 3), np.uint8)

    def draw(self, picture: Pixels, number: int, time_s: float) -> Pixels:
        """All of it for one frame; `picture` is H x W x 3 uint8 BGR, displayed.

        The array is used again for the next frame.
        """
        height, width = picture.shape[:2]
        view = self.pixels[:height, :width]
        view[:] = picture
        persons, faces = self._scenery.persons.at(number, time_s), self._scenery.faces.at(number, time_s)
        self._overlay.draw(view, persons)
        self._faces.draw(view, faces)
        if self._with_subtitles:
            self._scenery.subtitles.draw(view, time_s)
        self.pixels[height : self._height, :width] = view[-1:]
        self.pixels[: self._height, width : self._width] = self.pixels[: self._height, width - 1 : width]
        caption = self.caption(number, time_s, persons, faces)
        is_detected = number in self._scenery.looked_at
        self._strip.draw(self.pixels[self._height :], time_s, caption, is_detected=is_detected)
        return self.pixels

    def caption(
        self,
        number: int,
        time_s: float,
        persons: Sequence[Sighting],
        faces: Sequence[Sighting],
    ) -> tuple[str, ...]:
        """What is written above the timeline: the time, how many boxes are drawn, what is heard."""
        scene = self._scenery.persons.scene_at(number)
        parts = (
            f"{_time_code(time_s)} / {_time_code(self._end_s)}",
            f"frame {number}",
            scene and f"scene {scene}",
            counted(len(persons), "person") if persons else None,
            counted(len(faces), "face") if faces else None,
            *self._heard.at(time_s),
        )
        return tuple(part for part in parts if part)


def _reduced(whole: VideoTimeline, drawn: Sequence[Annotation]) -> VideoTimeline:
    """The timeline with only the boxes that are drawn, and the rates of sampling of all."""
    persons = Presence.of(drawn, whole.persons.sample_fps)
    faces = Presence.of(drawn, whole.faces.sample_fps, kind=FACE_DETECTION)
    return replace(whole, persons=persons, faces=faces)


def _time_code(time_s: float) -> str:
    """`0:07.42`; cut, not rounded, so that it never runs ahead."""
    hundredths = int(time_s * 100 + 1e-6)
    return f"{clock(hundredths // 100)}.{hundredths % 100:02d}"
