"""A dataset on one screen: what was taken, and what was left out and why."""

from __future__ import annotations

from vaengine.console.output import Table
from vaengine.training.dataset.build import BuiltDataset


def splits_table(found: BuiltDataset) -> Table:
    """A row for each split."""
    with_boxes = found.kind == "person"
    rows = tuple(
        (one.split, f"{one.pictures:,}", *([f"{one.boxes:,}"] if with_boxes else []), f"{one.videos:,}")
        for one in found.splits
    )
    return Table(("split", "pictures", *(["boxes"] if with_boxes else []), "videos"), rows)


def left_out_table(found: BuiltDataset) -> Table:
    """A row for each reason why something was left out."""
    rows = tuple((f"{one.number:,}", one.things, one.reason) for one in found.left_out)
    return Table(("left out", "what", "why"), rows)
