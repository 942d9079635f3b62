"""A moment of a video with all that was found in its frame."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from vaengine.results.audio import SoundEvent, Speech
    from vaengine.results.faces import FaceBoxes
from vaengine.results.vision import Boxes, Scene


@dataclass(frozen=True, slots=True, eq=False)
class Moment:
    """What is there at one time: the scene, the boxes and the faces of frames close to it, and what is heard.

    `speakers` are the ids of those whose turn it is.
    """

    time_s: float
    scene: Scene | None
    boxes: Boxes
    faces: FaceBoxes
    speech: tuple[Speech, ...] = ()
    speakers: tuple[str, ...] = ()
    events: tuple[SoundEvent, ...] = ()
