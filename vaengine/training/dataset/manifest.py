"""What a dataset says of itself: of which runs, with which request, its files and its digest."""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import asdict
from pathlib import Path
from typing import Any, Final

from vaengine.console.units import timestamp
from vaengine.exporting.manifest import video_facts
from vaengine.exporting.values.source import Source
from vaengine.training.dataset.answers import with_results_that_count
from vaengine.training.dataset.plan import DatasetPlan
from vaengine.training.dataset.request import SPLITS

DATASET_MANIFEST: Final = "vaengine_dataset.json"


def file_digests(folder: Path, names: Iterable[str]) -> dict[str, str]:
    """The sha256 (hex) of files below a folder, by name in order."""
    return {name: _digest(folder / name) for name in sorted(names)}


def _digest(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def dataset_digest(files: Mapping[str, str]) -> str:
    """sha256 (hex) of names and digests of all files: equal for equal datasets, whenever they were made."""
    return hashlib.sha256("".join(f"{name}\0{files[name]}\n" for name in sorted(files)).encode()).hexdigest()


def dataset_manifest(
    plan: DatasetPlan, source: Source, files: Mapping[str, str], classes_asked: Mapping[str, str]
) -> dict[str, Any]:
    """The manifest; `files` are digests by name, `classes_asked` the query of each class of a scene set."""
    from vaengine import __version__

    return {
        "kind": plan.request.kind,
        "vaengine": __version__,
        "made_at": timestamp(),
        "store": source.store.url,
        "selection": source.selection.asked,
        "request": asdict(plan.request),
        "queries": dict(classes_asked),
        "classes": list(plan.classes),
        "pictures": {split: len(plan.of_split(split)) for split in SPLITS},
        "boxes": {split: sum(len(one.candidate.boxes) for one in plan.of_split(split)) for split in SPLITS},
        "left_out": [asdict(one) for one in plan.left_out],
        "notes": list(plan.notes),
        "videos": list(_videos(plan, source)),
        "digest": dataset_digest(files),
        "files": dict(files),
    }


def _videos(plan: DatasetPlan, source: Source) -> Iterator[dict[str, Any]]:
    counts = Counter(picture.candidate.video_id for picture in plan.pictures)
    splits = {picture.candidate.video_id: picture.split for picture in plan.pictures}
    for video in source.videos():
        if own := counts[video.video_id]:
            facts = video_facts(with_results_that_count(video, plan.request.source))
            stretches = {"stretches": video.stretches} if video.stretches else {}
            yield {**facts, "split": splits[video.video_id], "pictures": own, **stretches}
