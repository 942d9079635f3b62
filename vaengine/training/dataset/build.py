"""Builds a dataset from a selection of a store: complete, or not at all."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

from schemas.errors import UsageError, VideoError
from schemas.storage.backend import StorageBackend
from vaengine.exporting.output_folder import check_folder, whole_folder, write_file, write_manifest
from vaengine.exporting.values.exported_video import ExportedVideo
from vaengine.exporting.values.selection import Selection
from vaengine.exporting.values.source import Source
from vaengine.results.lookup import check_unchanged
from vaengine.training.dataset.answers import videos_of
from vaengine.training.dataset.boxed_frames import boxed_frames
from vaengine.training.dataset.candidate import Candidate, LeftOut, LeftOutCounts
from vaengine.training.dataset.cut_faces import cut_faces
from vaengine.training.dataset.cutting import CUT, CutPicture, cut
from vaengine.training.dataset.layouts import label_files, picture_name
from vaengine.training.dataset.manifest import (
    DATASET_MANIFEST,
    dataset_digest,
    dataset_manifest,
    file_digests,
)
from vaengine.training.dataset.people_in_videos import identity_of_faces, people_in_videos
from vaengine.training.dataset.plan import DatasetPlan, plan_dataset
from vaengine.training.dataset.request import SPLITS, DatasetRequest
from vaengine.training.dataset.scene_frames import Stretches, scene_frames

LABEL_CACHES: Final = "labels/*.cache"  # what ultralytics writes into a dataset that it reads


@dataclass(frozen=True, slots=True)
class BuildProgress:
    """How far a dataset is: videos that were looked through, pictures that were cut out."""

    videos: int
    pictures: int


@dataclass(frozen=True, slots=True)
class SplitCounts:
    """What one split has."""

    split: str
    pictures: int
    boxes: int
    videos: int


@dataclass(frozen=True, slots=True)
class BuiltDataset:
    """A finished dataset: its folder, what is in it, what was left out and why; `digest` is of all files."""

    kind: str
    folder: Path
    classes: tuple[str, ...]
    splits: tuple[SplitCounts, ...]
    left_out: tuple[LeftOut, ...]
    notes: tuple[str, ...]
    digest: str


@dataclass(frozen=True, slots=True)
class SceneClasses:
    """The classes of a scene set: of each the stretches of videos that are of it, and the query in words."""

    stretches: Mapping[str, Stretches] = field(default_factory=dict)
    queries: Mapping[str, str] = field(default_factory=dict)


def build_dataset(
    store: StorageBackend,
    selection: Selection,
    target: Path,
    request: DatasetRequest,
    classes: SceneClasses | None = None,
    *,
    force: bool = False,
    listener: Callable[[BuildProgress], None] = lambda _: None,
) -> BuiltDataset:
    """Build a dataset in a folder; see `vaengine.build_dataset` for what is raised."""
    check_folder(target, force=force, manifest_name=DATASET_MANIFEST, noun="dataset", also=LABEL_CACHES)
    source, left = Source(store, selection, has_human=True), LeftOutCounts()
    chosen = classes or SceneClasses()
    with whole_folder(target) as folder:
        cuts = list(_cuts(source, request, chosen, folder / CUT, left, listener))
        people = people_in_videos(store, sorted({one.candidate.video_id for one in cuts}))
        plan = plan_dataset(request, cuts, people, left)
        files = file_digests(folder, _write(plan, folder))
        write_manifest(folder, dataset_manifest(plan, source, files, chosen.queries), DATASET_MANIFEST)
    splits = tuple(_counts(plan))
    return BuiltDataset(
        request.kind, target, plan.classes, splits, plan.left_out, plan.notes, dataset_digest(files)
    )


def _cuts(
    source: Source,
    request: DatasetRequest,
    classes: SceneClasses,
    folder: Path,
    left: LeftOutCounts,
    listener: Callable[[BuildProgress], None],
) -> Iterator[CutPicture]:
    """The pictures of all candidates, video by video."""
    identities = identity_of_faces(source.store) if request.kind == "face" else {}
    pictures = 0
    for number, video in enumerate(videos_of(source.videos(), request.source), start=1):
        candidates = _candidates(source, video, request, classes, identities, left)
        if not candidates or not _has_file(video, len(candidates), left):
            continue
        missing = len(candidates)
        for picture in cut(video.video, candidates, folder):
            missing, pictures = missing - 1, pictures + 1
            listener(BuildProgress(number, pictures))
            yield picture
        left.add("pictures", "in frames that cannot be decoded", missing)


def _candidates(
    source: Source,
    video: ExportedVideo,
    request: DatasetRequest,
    classes: SceneClasses,
    identities: Mapping[tuple[str, str], str],
    left: LeftOutCounts,
) -> list[Candidate]:
    if request.kind == "scene":
        return scene_frames(video, request, classes.stretches, left)
    if request.kind == "face":
        return cut_faces(source, video, request, identities, left)
    return boxed_frames(source, video, request, left)


def _has_file(video: ExportedVideo, candidates: int, left: LeftOutCounts) -> bool:
    """Whether a video's file is there and is the one that was annotated; else its pictures are left out."""
    try:
        check_unchanged(video.video)
    except VideoError:
        left.add("pictures", "of videos whose files are not there", candidates)
    except UsageError:
        left.add("pictures", "of videos that have changed since they were annotated", candidates)
    else:
        return True
    return False


def _write(plan: DatasetPlan, folder: Path) -> Sequence[str]:
    """Put the pictures in their places and write what is in them; returns the names of all files."""
    names = []
    for picture in plan.pictures:
        name = picture_name(plan, picture)
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        picture.cut.rename(folder / name)
        names.append(name)
    shutil.rmtree(folder / CUT)  # what was dropped
    for file in label_files(plan):
        write_file(folder, file)
        names.append(file.name)
    return names


def _counts(plan: DatasetPlan) -> Iterator[SplitCounts]:
    for split in SPLITS:
        own = plan.of_split(split)
        boxes = sum(len(picture.candidate.boxes) for picture in own)
        yield SplitCounts(split, len(own), boxes, len(plan.videos_of(split)))
