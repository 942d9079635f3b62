"""The plan of a dataset: which pictures it has, where, and what is left out; nothing is written here."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from schemas.errors import UsageError
from vaengine.training.dataset.candidate import Candidate, LeftOut, LeftOutCounts
from vaengine.training.dataset.cutting import CutPicture
from vaengine.training.dataset.duplicates import repeated_pictures
from vaengine.training.dataset.request import SPLITS, DatasetRequest, Split
from vaengine.training.dataset.splitting import split_videos

_UNFIT: Final = re.compile(r'[\x00-\x1f/\\:*?"<>|]')  # what some file system has no place for
MAX_FOLDER_NAME: Final = 80  # characters


@dataclass(frozen=True, slots=True)
class PlannedPicture:
    """A picture of a dataset: where it was cut to, its split, and its name without folder and ending."""

    candidate: Candidate
    cut: Path
    split: Split
    name: str


@dataclass(frozen=True, slots=True)
class DatasetPlan:
    """All pictures of a dataset in their order, its classes, and what was left out."""

    request: DatasetRequest
    classes: tuple[str, ...]
    pictures: tuple[PlannedPicture, ...]
    left_out: tuple[LeftOut, ...]
    notes: tuple[str, ...] = ()

    def of_split(self, split: Split) -> list[PlannedPicture]:
        """The pictures of one split."""
        return [picture for picture in self.pictures if picture.split == split]

    def videos_of(self, split: Split) -> list[str]:
        """The ids of the videos of one split."""
        return sorted({picture.candidate.video_id for picture in self.of_split(split)})


def plan_dataset(
    request: DatasetRequest,
    cuts: Sequence[CutPicture],
    people: Mapping[str, Collection[str]],
    left: LeftOutCounts,
) -> DatasetPlan:
    """Decide on pictures that were cut out; `people` are those in each video.

    Raises `UsageError` where there is nothing to train on, or nothing that could be held out.
    """
    kept = _without_duplicates(request, cuts, left)
    if not kept:
        raise UsageError(f"there is no picture for a dataset{_most_frequent(left)}")
    counts = Counter(one.candidate.video_id for one in kept)
    splits = split_videos(counts, people, request.shares, request.seed)
    names: Counter[tuple[str, int]] = Counter()
    pictures = []
    for one in kept:
        place = one.candidate.video_id, one.candidate.frame
        name = f"{place[0]}_{place[1]:06d}" + (f"_{names[place]}" if one.candidate.crop else "")
        names[place] += 1
        pictures.append(PlannedPicture(one.candidate, one.path, splits[place[0]], name))
    notes = _check_splits(request, set(splits.values()), len(counts))
    return DatasetPlan(request, _classes(request, pictures), tuple(pictures), left.all(), notes)


def _without_duplicates(
    request: DatasetRequest, cuts: Sequence[CutPicture], left: LeftOutCounts
) -> list[CutPicture]:
    if not request.drop_duplicates:
        return list(cuts)
    repeated = repeated_pictures([one.candidate for one in cuts], [one.hash for one in cuts])
    left.add("pictures", "near-duplicates by picture", sum(repeated))
    return [one for one, is_it in zip(cuts, repeated, strict=True) if not is_it]


def _most_frequent(left: LeftOutCounts) -> str:
    """Why there may be nothing: what was left out most."""
    found = left.all()
    if not found:
        return ": nothing in these videos has the rows for one; `vaengine run` makes them"
    first = found[0]
    return f": left out were most of all {first.number:,} {first.things}, {first.reason}"


def _check_splits(request: DatasetRequest, filled: Collection[str], videos: int) -> tuple[str, ...]:
    """Notes on splits that stayed empty; raises `UsageError` where all pictures would be in one split."""
    wanted = [split for split in SPLITS if request.shares.of_split(split)]
    empty = [split for split in wanted if split not in filled]
    if len(filled) == 1 < len(wanted):
        why = "they are of one video" if videos == 1 else "their videos share people"
        raise UsageError(
            f"all pictures would be in one split, since {why}: add videos of others, or give "
            "--split 100/0/0 for a dataset without held-out pictures"
        )
    return tuple(f"{split} is empty: there are too few videos that share no people" for split in empty)


def _classes(request: DatasetRequest, pictures: Sequence[PlannedPicture]) -> tuple[str, ...]:
    if request.kind == "person":
        return request.classes
    return tuple(sorted({picture.candidate.label for picture in pictures}))


def folder_name(label: str) -> str:
    """A class as the name of a folder: letters of every language stay, what no folder may have does not."""
    name = _UNFIT.sub("_", label).strip(" .")[:MAX_FOLDER_NAME].rstrip(" .")
    return name or "_"
