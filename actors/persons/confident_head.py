"""Lets the head of a YOLO network compute boxes and key points only where there may be persons.

A head has a branch for scores, one for boxes and one for key points, each of convolutions over all places of
each level. In most pictures few places are confident. So scores come first, and of each level the other
branches see only the rectangle around its confident places, with what their convolutions reach beside it.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from types import MethodType
from typing import Any

import torch
from ultralytics.nn.modules.head import Detect, Pose


@dataclass(frozen=True, slots=True)
class Rectangle:
    """The places [top, bottom) x [left, right) of a level; the sides are tensors of one int64."""

    top: torch.Tensor
    bottom: torch.Tensor
    left: torch.Tensor
    right: torch.Tensor

    @classmethod
    def around(cls, confident: torch.Tensor) -> Rectangle:
        """The smallest with all places of H x W bool that are true; the first place where none is."""
        return cls(*_bounds(confident.any(1)), *_bounds(confident.any(0)))

    def wider(self, places: int) -> Rectangle:
        """Wider by so many places on each side; it ends at the first row and column, `cut` at the last."""
        top, left = (torch.clamp(side - places, min=0) for side in (self.top, self.left))
        return Rectangle(top, self.bottom + places, left, self.right + places)

    def within(self, wider: Rectangle) -> Rectangle:
        """The same places, counted from the first of a wider rectangle."""
        top, left = wider.top, wider.left
        return Rectangle(self.top - top, self.bottom - top, self.left - left, self.right - left)

    def cut(self, level: torch.Tensor) -> torch.Tensor:
        """Its places of ... x H x W values; what is beyond the level is left out."""
        return level[..., self.top : self.bottom, self.left : self.right]


def _bounds(places: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
    """The number of the first that is true, and one past that of the last; 0 and 1 where none is."""
    numbers = torch.arange(1, places.shape[0] + 1)
    return places.int().argmax(), (places * numbers).argmax() + 1


def only_where_confident(head: Any, person: int) -> bool:
    """Rewrite a head of `Detect` or `Pose` in place; returns whether it is one.

    `min_confidence`, a tensor of one float32, has to be set before each call. The output has the places of
    one rectangle of each level, row by row, with all persons above `min_confidence`; `seen` has what the head
    saw at these places, B x C x H x W of each level. A rectangle is around the confident places of all
    pictures of a batch: who wants results that depend on nothing else gives one picture at a time.
    """
    if type(head) not in (Detect, Pose):
        return False
    head.person, head.forward = person, MethodType(_forward, head)
    return True


def _forward(self: Any, levels: Sequence[torch.Tensor]) -> Any:
    """`Detect.forward` and `Pose.forward`."""
    scores = [branch(level) for branch, level in zip(self.cv3, levels, strict=True)]
    rectangles = [Rectangle.around(_confident(self, own)) for own in scores]
    outputs = {
        "boxes": _near(self.cv2, levels, rectangles),
        "scores": _rows(_cut(scores, rectangles)),
        "feats": levels,
    }
    if isinstance(self, Pose):
        outputs["kpts"] = _near(self.cv4, levels, rectangles)
    self.seen = _cut(levels, rectangles)
    self.anchors, self.strides = _anchors(levels, rectangles, self.stride)
    self.dynamic, self.shape = False, levels[0].shape  # so that the library's own code takes these anchors
    return self._inference(outputs)


def _confident(self: Any, scores: torch.Tensor) -> torch.Tensor:
    """Where there may be a person in one of the pictures, H x W bool."""
    confident: torch.Tensor = (scores[:, self.person].sigmoid() > self.min_confidence).any(0)
    return confident


def _near(
    branches: Sequence[Any], levels: Sequence[torch.Tensor], rectangles: Sequence[Rectangle]
) -> torch.Tensor:
    """What branches compute of the places in these rectangles, B x C x A."""
    found = []
    for branch, level, inner in zip(branches, levels, rectangles, strict=True):
        outer = inner.wider(_reach(branch))
        found.append(inner.within(outer).cut(branch(outer.cut(level))))
    return _rows(found)


def _cut(levels: Sequence[torch.Tensor], rectangles: Sequence[Rectangle]) -> list[torch.Tensor]:
    return [rectangle.cut(level) for level, rectangle in zip(levels, rectangles, strict=True)]


def _reach(branch: torch.nn.Module) -> int:
    """How many places beside its own the convolutions of a branch see, one after the other.

    They keep the size of a level: their stride is 1, and they pad by what they reach.
    """
    convolutions = [own for own in branch.modules() if isinstance(own, torch.nn.Conv2d)]
    return sum(own.dilation[0] * (own.kernel_size[0] // 2) for own in convolutions)


def _rows(levels: Sequence[torch.Tensor]) -> torch.Tensor:
    """The places of all levels one after the other, B x C x A."""
    return torch.cat([level.flatten(2) for level in levels], 2)


def _anchors(
    levels: Sequence[torch.Tensor], rectangles: Sequence[Rectangle], strides: Sequence[torch.Tensor]
) -> tuple[torch.Tensor, torch.Tensor]:
    """The centres of the places, 2 x A in places, and how many pixels a place has, 1 x A."""
    grids = _cut([_grid(*level.shape[2:]) for level in levels], rectangles)
    centres = [grid.flatten(1) for grid in grids]
    pixels = [torch.ones_like(own[:1]) * stride for own, stride in zip(centres, strides, strict=True)]
    return torch.cat(centres, 1), torch.cat(pixels, 1)


def _grid(height: int, width: int) -> torch.Tensor:
    """The centre of each place, x and y, 2 x H x W."""
    rows, columns = torch.arange(height) + 0.5, torch.arange(width) + 0.5
    return torch.stack([columns.expand(height, width), rows[:, None].expand(height, width)])
