"""The boxes of one label, frame by frame, and what an edit makes of them. Pure.

Between two boxes of one segment the box moves in a straight line. The last box of a segment stays until it
says so. All that is shown outside of the frames of an edit stays as it was.
"""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections.abc import Callable
from dataclasses import dataclass, replace

from schemas.annotations.annotation import BBox
from schemas.errors import UsageError
from vaengine.correcting.edits import Stretch
from vaengine.timeline.presence import Sighting

StartOf = Callable[[int], float]  # when a frame begins, in seconds from the first


@dataclass(frozen=True, slots=True)
class TrackBox:
    """A box in a frame. `source` is the position of the row that it was made of in the result that is edited.

    `is_stored` says that the row is of this very frame, `is_drawn` that a person has drawn the box.
    """

    sighting: Sighting
    source: int
    segment: int
    until_s: float | None = None
    is_stored: bool = True
    is_drawn: bool = False

    @property
    def frame(self) -> int:
        return self.sighting.frame

    @property
    def bbox(self) -> BBox:
        left, top, right, bottom = self.sighting.xyxy
        return BBox(left, top, right - left, bottom - top)

    def with_box(self, box: BBox) -> TrackBox:
        """The same with another box, drawn by a person, of whom no model says how sure it is."""
        corners = (box.x, box.y, box.x + box.width, box.y + box.height)
        return replace(self, sighting=replace(self.sighting, xyxy=corners, confidence=None), is_drawn=True)


@dataclass(frozen=True, slots=True)
class BoxTrack:
    """The boxes of one label in order, one for each frame."""

    boxes: tuple[TrackBox, ...]
    start_s: StartOf

    def at(self, frame: int) -> TrackBox | None:
        """The box that is shown in a frame, None for none."""
        index = bisect_right(self.boxes, frame, key=lambda box: box.frame) - 1
        if index < 0:
            return None
        box, following = self.boxes[index], self._joined(index)
        if box.frame == frame:
            return box
        if following is not None:
            between = box.sighting.towards(following.sighting, frame, self.start_s(frame))
            return replace(box, sighting=between, until_s=None, is_stored=False)
        if box.until_s is None or self.start_s(frame) >= box.until_s:
            return None
        held = replace(box.sighting, frame=frame, time_s=self.start_s(frame), is_detected=False)
        return replace(box, sighting=held, is_stored=False)

    def is_shown_in(self, stretch: Stretch) -> bool:
        """Whether any box is shown in a stretch."""
        own = any(stretch.first <= one.frame < stretch.stop for one in self.boxes)
        return own or self.at(stretch.first) is not None

    def deleted(self, stretch: Stretch) -> BoxTrack:
        """The track without its boxes in a stretch."""
        apart = self._cut(stretch.first)._cut(stretch.stop)
        return replace(apart, boxes=apart._outside(stretch))

    def redrawn(self, frame: int, box: BBox) -> BoxTrack:
        """The track with this box in a frame, and others moving towards it.

        Where nothing is shown in the frame, it has the box and no other one has.
        """
        shown = self.at(frame) or self._alone_in(frame)
        place = bisect_left(self.boxes, frame, key=lambda one: one.frame)
        has_own = place < len(self.boxes) and self.boxes[place].frame == frame
        before, after = [*self.boxes[:place]], self.boxes[place + has_own :]
        if not has_own and before and before[-1].segment == shown.segment:
            before[-1] = replace(before[-1], until_s=None)  # the new box may be the last of the segment
        return replace(self, boxes=(*before, shown.with_box(box), *after))

    def reshaped(self, frame: int, box: BBox, stretch: Stretch) -> BoxTrack:
        """The track with all boxes of a stretch moved and sized as this box of a frame is."""
        shown = self.at(frame)
        if shown is None:
            raise UsageError(f"nothing is shown in frame {frame} that could be moved with the others")
        change = _BoxChange.of(shown.bbox, box)
        apart = self._cut(stretch.first)._cut(stretch.stop)
        boxes = (
            one.with_box(change.applied_to(one.bbox)) if stretch.first <= one.frame < stretch.stop else one
            for one in apart.boxes
        )
        return replace(apart, boxes=tuple(boxes))

    def _outside(self, stretch: Stretch) -> tuple[TrackBox, ...]:
        return tuple(one for one in self.boxes if not stretch.first <= one.frame < stretch.stop)

    def _alone_in(self, frame: int) -> TrackBox:
        """A box like the nearest one, in a segment of its own that lasts for one frame."""
        near = min(self.boxes, key=lambda one: abs(one.frame - frame))
        time_s, until_s = self.start_s(frame), self.start_s(frame + 1)
        sighting = replace(near.sighting, frame=frame, time_s=time_s, keypoints=None)
        return replace(near, sighting=sighting, segment=self._new_segment, until_s=until_s, is_stored=False)

    @property
    def _new_segment(self) -> int:
        return 1 + max(one.segment for one in self.boxes)

    def _joined(self, index: int) -> TrackBox | None:
        """The box that another one moves to."""
        following = self.boxes[index + 1] if index + 1 < len(self.boxes) else None
        return following if following and following.segment == self.boxes[index].segment else None

    def _cut(self, frame: int) -> BoxTrack:
        """The same boxes in every frame, of no segment that is shown both before and in this frame."""
        last, first = self.at(frame - 1) if frame else None, self.at(frame)
        if last is None or first is None or last.segment != first.segment:
            return self
        place = bisect_left(self.boxes, frame, key=lambda box: box.frame)
        before = [one for one in self.boxes[:place] if one.frame < frame - 1]
        if before and before[-1].segment == last.segment:
            before[-1] = replace(before[-1], until_s=None)
        after = [first, *(one for one in self.boxes[place:] if one.frame > frame)]
        segment = self._new_segment
        moved = (replace(one, segment=segment) if one.segment == first.segment else one for one in after)
        return replace(self, boxes=(*before, replace(last, until_s=self.start_s(frame)), *moved))


@dataclass(frozen=True, slots=True)
class _BoxChange:
    """How a box is drawn anew, in shares of its own width and height: `new.x = x + shift_x * width`."""

    shift_x: float
    shift_y: float
    width: float
    height: float

    @classmethod
    def of(cls, old: BBox, new: BBox) -> _BoxChange:
        return cls(
            (new.x - old.x) / old.width,
            (new.y - old.y) / old.height,
            new.width / old.width,
            new.height / old.height,
        )

    def applied_to(self, box: BBox) -> BBox:
        return BBox(
            box.x + self.shift_x * box.width,
            box.y + self.shift_y * box.height,
            box.width * self.width,
            box.height * self.height,
        )
