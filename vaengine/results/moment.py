"""One moment of a video with all results at that time."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from vaengine.results.audio import SoundEvent, Speech
    from vaengine.results.faces import FaceBoxes
from vaengine.results.vision import Boxes, Scene


@dataclass(frozen=True, slots=True, eq=False)
class Moment:
    """The results at one time: the scene, boxes and faces of frames close to it, and the sound.

    `speakers` are the ids of those who speak.
    """

    time_s: float
    scene: Scene | None
    boxes: Boxes
    faces: FaceBoxes
    speech: tuple[Speech, ...] = ()
    speakers: tuple[str, ...] = ()
    events: tuple[SoundEvent, ...] = ()
