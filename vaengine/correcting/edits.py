"""What a person corrects: boxes that are deleted or drawn anew, as values that check themselves."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final, Literal

from schemas.annotations.annotation import (
    FACE_DETECTION,
    FACE_IDENTITY,
    PERSON_DETECTION,
    PERSON_TRACK,
    Annotation,
    BBox,
)
from schemas.errors import UsageError
from schemas.pipelines import FACE, PERSON

BoxKind = Literal["person", "face"]


@dataclass(frozen=True, slots=True)
class BoxRows:
    """Where boxes of one kind are stored: the machine's pipeline, and the types of boxes and of tracks."""

    pipeline: str
    box_type: str
    track_type: str
    column: str  # with the label

    def label_of(self, row: Annotation) -> str | None:
        """Whose a box or a track is, None for nobody's."""
        label: str | None = getattr(row, self.column)
        return label


ROWS_OF: Final[Mapping[BoxKind, BoxRows]] = {
    "person": BoxRows(PERSON, PERSON_DETECTION, PERSON_TRACK, "person_id"),
    "face": BoxRows(FACE, FACE_DETECTION, FACE_IDENTITY, "face_id"),
}


@dataclass(frozen=True, slots=True)
class Stretch:
    """Frames `[first, stop)`; raises `UsageError` where there are none."""

    first: int
    stop: int

    def __post_init__(self) -> None:
        if not 0 <= self.first < self.stop:
            raise UsageError(f"no frame lies in [{self.first}, {self.stop}): name one or more, from 0 on")


@dataclass(frozen=True, slots=True)
class TrackDeletion:
    """The boxes of a label that are deleted in a stretch; elsewhere they stay as they are."""

    kind: BoxKind
    label: str
    stretch: Stretch

    def to_data(self) -> dict[str, Any]:
        return {"action": "delete", **_who(self), "first": self.stretch.first, "stop": self.stretch.stop}


@dataclass(frozen=True, slots=True)
class BoxRedrawing:
    """The box of a label in one frame as a person has drawn it.

    With a stretch, which has that frame, all boxes in it are moved and sized alike, each in proportion to its
    own size. Without one it is a detection of that frame: between it and its neighbours boxes move in a
    straight line.
    """

    kind: BoxKind
    label: str
    frame: int
    box: BBox
    stretch: Stretch | None = None

    def __post_init__(self) -> None:
        _require_area(self.box)
        if self.stretch is not None and not self.stretch.first <= self.frame < self.stretch.stop:
            raise UsageError(
                f"frame {self.frame} does not lie in [{self.stretch.first}, {self.stretch.stop}): the box "
                "that is drawn has to be in the stretch that it is for"
            )

    def to_data(self) -> dict[str, Any]:
        data = {"action": "redraw", **_who(self), "frame": self.frame, "box": _sides(self.box)}
        return data | ({"first": self.stretch.first, "stop": self.stretch.stop} if self.stretch else {})


@dataclass(frozen=True, slots=True)
class LooseBoxEdit:
    """A box of nobody, found by where it is in its frame: deleted, or as it is drawn anew."""

    kind: BoxKind
    frame: int
    at: BBox
    box: BBox | None = None

    def __post_init__(self) -> None:
        if self.box is not None:
            _require_area(self.box)

    def to_data(self) -> dict[str, Any]:
        data = {"kind": self.kind, "frame": self.frame, "at": _sides(self.at)}
        return (
            {"action": "redraw", **data, "box": _sides(self.box)}
            if self.box
            else {"action": "delete", **data}
        )


BoxEdit = TrackDeletion | BoxRedrawing | LooseBoxEdit


def _who(edit: TrackDeletion | BoxRedrawing) -> dict[str, str]:
    return {"kind": edit.kind, "label": edit.label}


def _sides(box: BBox) -> list[float]:
    return [box.x, box.y, box.width, box.height]


def _require_area(box: BBox) -> None:
    if not (box.width > 0 and box.height > 0):
        raise UsageError(f"a box has a width and a height, this one is {box.width:g} x {box.height:g}")
