"""Rows to be plotted, and what is written in a plot."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import pairwise

import numpy as np
from matplotlib.figure import Figure
from matplotlib.text import Text

from schemas.annotations.annotation import PERSON_DETECTION, SCENE_TYPE, Annotation, BBox
from schemas.pipelines import PERSON, SCENE

FPS = 25


def box(frame: int, person: str | None, confidence: float = 0.5) -> Annotation:
    facts = (frame / FPS, None, frame, person)
    return Annotation(
        f"{person}{frame}",
        "v",
        PERSON,
        "c",
        PERSON_DETECTION,
        *facts,
        confidence=confidence,
        bbox=BBox(1, 2, 30, 80),
    )


def scene(number: int, first: int, stop: int) -> Annotation:
    name = f"scene_{number:04d}"
    return Annotation(name, "v", SCENE, "c", SCENE_TYPE, first / FPS, stop / FPS, first, scene_id=name)


def rows(persons: int = 3, frames: int = 250, scenes: int = 4) -> list[Annotation]:
    boxes = [
        box(n, f"person_{i:04d}", 0.3 + i % 7 / 10)
        for i in range(1, persons + 1)
        for n in range(i * 5, frames, 5)
    ]
    edges = np.linspace(0, frames, scenes + 1).astype(int)
    return [*boxes, *(scene(n, int(a), int(b)) for n, (a, b) in enumerate(pairwise(edges), 1))]


def texts_of(figure: Figure) -> Iterator[Text]:
    """Everything that is written in a figure; ticks beyond the ends of an axis are not."""
    for axes in figure.get_axes():
        yield from (*axes.texts, axes.yaxis.label, axes.title)
        for axis in (axes.xaxis, axes.yaxis):
            low, high = sorted(axis.get_view_interval())
            yield from (
                tick.label1
                for tick in axis.get_major_ticks()
                if tick.label1.get_visible() and low <= tick.get_loc() <= high
            )
