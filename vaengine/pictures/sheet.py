"""The picture that is drawn of each frame: the video's own with what is seen and said in it, and the timeline below."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np

from schemas.annotation import FACE_DETECTION, Annotation
from schemas.frames import Pixels
from vaengine.lookup import VideoResults
from vaengine.pictures.faces import FaceOverlay
from vaengine.pictures.hearing import Hearing
from vaengine.pictures.overlay import Overlay
from vaengine.pictures.presence import Presence
from vaengine.pictures.subtitles import Subtitles
from vaengine.pictures.timeline import Layout, Strip, within
from vaengine.quantities import clock, counted


@dataclass(frozen=True, slots=True)
class Scenery:
    """All that is drawn of a video of `width` x `height` displayed pixels."""

    width: int
    height: int
    persons: Presence
    faces: Presence
    hearing: Hearing
    subtitles: Subtitles

    @classmethod
    def of(cls, results: VideoResults) -> Scenery:
        """What a store holds of it."""
        video = results.video
        return cls.of_rows(video.width, video.height, results.annotations, results.sample_fps, results.face_fps)

    @classmethod
    def of_rows(
        cls, width: int, height: int, rows: Iterable[Annotation], sample_fps: float | None = None, face_fps: float | None = None
    ) -> Scenery:
        """From rows of any types; rates of sampling are the usual gaps' where they are not given."""
        found = list(rows)
        faces = Presence.of(found, face_fps, kind=FACE_DETECTION)
        return cls(width, height, Presence.of(found, sample_fps), faces, Hearing.of(found), Subtitles.of(found, width, height))


class Sheet:
    """The source's picture, made even by doubling its last row or column, and the timeline of `[start_s, end_s)` below."""

    def __init__(self, scenery: Scenery, start_s: float, end_s: float, *, with_labels: bool = True, with_subtitles: bool = True) -> None:
        self._scenery, self._end_s, self._with_subtitles = scenery, end_s, with_subtitles
        self._width, self._height = scenery.width + scenery.width % 2, scenery.height + scenery.height % 2
        self._overlay = Overlay(scenery.width, scenery.height, with_labels=with_labels)
        self._faces = FaceOverlay(scenery.width, scenery.height, with_labels=with_labels)
        stretches, sounds = within(scenery.persons.stretches(), start_s, end_s), scenery.hearing.rows()
        layout = Layout.of(self._width, self._height, stretches, len(sounds))
        self._strip = Strip(layout, start_s, end_s, scenery.persons.scenes, stretches, sounds)
        self.pixels: Pixels = np.zeros((self._height + layout.height, self._width, 3), np.uint8)

    def draw(self, picture: Pixels, number: int, time_s: float) -> Pixels:
        """All of it for one frame; `picture` is H x W x 3 uint8 BGR, displayed. The array is used again for the next."""
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
        caption = self._caption(number, time_s, sum(one.identity is not None for one in persons), len(faces))
        self._strip.draw(self.pixels[self._height :], time_s, caption, is_detected=self._looked_at(number))
        return self.pixels

    def _looked_at(self, number: int) -> bool:
        return number in self._scenery.persons.looked_at or number in self._scenery.faces.looked_at

    def _caption(self, number: int, time_s: float, persons: int, faces: int) -> tuple[str, ...]:
        scene = self._scenery.persons.scene_at(number)
        parts = (
            f"{_time_code(time_s)} / {_time_code(self._end_s)}",
            f"frame {number}",
            scene and f"scene {scene}",
            counted(persons, "person"),
            counted(faces, "face") if faces else None,
            *self._scenery.hearing.caption(time_s),
        )
        return tuple(part for part in parts if part)


def _time_code(time_s: float) -> str:
    """`0:07.42`; cut, not rounded, so that it never runs ahead."""
    hundredths = int(time_s * 100 + 1e-6)
    return f"{clock(hundredths // 100)}.{hundredths % 100:02d}"
