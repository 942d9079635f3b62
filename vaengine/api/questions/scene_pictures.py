"""Finds scenes by what is to be seen in them: by a text, or by another scene."""

from __future__ import annotations

import os
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final
from zipfile import BadZipFile

import numpy as np

from actors.atomic_files import storage_errors
from actors.model_files.files import folders_of
from actors.scenes.picture_text_model import PictureTextModel
from schemas.annotations.annotation import SCENE_TYPE, Annotation
from schemas.errors import UsageError, VideoError
from schemas.media.frames import Floats32, Pixels
from schemas.media.video import Video
from schemas.pipelines import SCENE
from schemas.storage.backend import ResultStore
from schemas.work.chunk import WorkKey
from vaengine.queries.match import Match
from vaengine.queries.similarity.embedding_matrix import cache_folder
from vaengine.requests.run_options import RunOptions, user_setting

SETTING: Final = "models.scenes"
FOLDER: Final = "scenes"  # of the model, in a folder of weights
PLACES: Final = (0.25, 0.5, 0.75)  # of the pictures of a scene, as shares of its length
VECTORS: Final = ".npz"


def scene_model(options: RunOptions) -> PictureTextModel | None:
    """The model that the options name, or that is in a folder of weights as `scenes`; None where none is."""
    if named := user_setting(options, SETTING):
        return PictureTextModel(Path(str(named)).expanduser())
    folders = (folder / FOLDER for folder in folders_of(options.models, os.environ))
    found = next((folder for folder in folders if (folder / "config.json").is_file()), None)
    return PictureTextModel(found) if found else None


def required_scene_model(options: RunOptions) -> PictureTextModel:
    """As `scene_model`; raises `UsageError` where there is none."""
    if (model := scene_model(options)) is None:
        raise UsageError(
            "no model compares pictures with texts here: name the folder of one such as CLIP with "
            f"--set {SETTING}=DIR, or put it into your folder of weights as {FOLDER!r}"
        )
    return model


@dataclass(frozen=True, slots=True, eq=False)
class ScenePictures:
    """Scenes with a unit vector each, N x D float32, in the order of their ids; `left_out` says why others
    have none.
    """

    scenes: tuple[Annotation, ...]
    vectors: Floats32
    paths: Mapping[str, str]
    left_out: tuple[str, ...] = ()

    def vector_of(self, scene: Annotation) -> Floats32:
        """The vector of one of the scenes; raises `UsageError` where it has none."""
        ids = [one.annotation_id for one in self.scenes]
        if scene.annotation_id not in ids:
            reasons = [
                line for line in self.left_out if line.startswith(f"{scene.video_id}:{scene.scene_id}:")
            ]
            raise UsageError(f"its pictures cannot be read: {'; '.join(reasons)}")
        vector: Floats32 = self.vectors[ids.index(scene.annotation_id)]
        return vector


def described_scenes(store: ResultStore, model: PictureTextModel) -> ScenePictures:
    """All current scenes of a store, each described once and kept in the cache of the user."""
    keys = store.current_keys(SCENE)
    scenes = sorted(_scenes(store, keys), key=lambda scene: scene.annotation_id)
    file = cache_folder(store.url, os.environ) / f"{model.name}{VECTORS}"  # goes with those of faces
    known = _read(file)
    missing = [scene for scene in scenes if scene.annotation_id not in known]
    new, left_out = _described(store, missing, model)
    vectors = {scene.annotation_id: known.get(scene.annotation_id) for scene in scenes} | new
    kept = {name: vector for name, vector in vectors.items() if vector is not None}
    if new or len(kept) < len(known):
        _write(file, kept)
    shown = tuple(scene for scene in scenes if scene.annotation_id in kept)
    stacked = np.array([kept[scene.annotation_id] for scene in shown], np.float32)
    return ScenePictures(shown, stacked, {key.video_id: path for key, path in keys.items()}, left_out)


def similar_pictures(
    found: ScenePictures,
    reference: Floats32,
    label: str,
    *,
    count: int,
    min_cosine: float = -1.0,
    video_ids: Collection[str] | None = None,
    annotation_ids: Collection[str] | None = None,
    without: str = "",
) -> list[Match]:
    """The scenes most like a unit vector, best first, ties by annotation id; `score` is the cosine."""
    cosines = found.vectors.astype(np.float64) @ reference.astype(np.float64) if found.scenes else ()
    ranked = sorted(
        (-float(cosine), scene.annotation_id, scene)
        for cosine, scene in zip(cosines, found.scenes, strict=True)
        if scene.annotation_id != without
        and (video_ids is None or scene.video_id in video_ids)
        and (annotation_ids is None or scene.annotation_id in annotation_ids)
    )
    return [
        _match(scene, -score, label, found.paths)
        for score, _, scene in ranked[:count]
        if -score >= min_cosine
    ]


def _match(scene: Annotation, cosine: float, label: str, paths: Mapping[str, str]) -> Match:
    start_s = max(0.0, scene.timestamp_seconds or 0.0)
    end_s = max(start_s, scene.end_seconds or 0.0)
    why = f"{scene.scene_id}: cosine {cosine:.3f} to {label}"
    return Match(
        scene.video_id, paths.get(scene.video_id, ""), start_s, end_s, why, cosine, (scene.annotation_id,)
    )


def _scenes(store: ResultStore, keys: Mapping[WorkKey, str]) -> Iterator[Annotation]:
    for key in keys:
        yield from (row for row in store.annotations(key) if row.annotation_type == SCENE_TYPE)


# Describing.


def _described(
    store: ResultStore, scenes: Sequence[Annotation], model: PictureTextModel
) -> tuple[dict[str, Floats32], tuple[str, ...]]:
    """A vector for each scene: the mean of its pictures; and a line for each that has none."""
    from vaengine.rendering.matches.match_clips import Unclippable, clippable

    videos = store.videos(sorted({scene.video_id for scene in scenes}))
    found, left_out, checked = dict[str, Floats32](), list[str](), set[str]()
    for scene in scenes:
        try:
            match = _match(scene, 0.0, "", {})
            pictures = _pictures(clippable(videos.get(scene.video_id), match, checked), scene)
        except (Unclippable, VideoError) as error:
            left_out.append(f"{scene.video_id}:{scene.scene_id}: {error}")
            continue
        mean = model.pictures(pictures).mean(axis=0)
        found[scene.annotation_id] = mean / np.linalg.norm(mean)
    return found, tuple(left_out)


def _pictures(video: Video, scene: Annotation) -> list[Pixels]:
    from vaengine.rendering.matches.match_pictures import frame_at

    start_s, end_s = scene.timestamp_seconds or 0.0, scene.end_seconds or 0.0
    times = (start_s + share * (end_s - start_s) for share in PLACES)
    return [np.ascontiguousarray(frame_at(video, time_s)[:, :, ::-1]) for time_s in times]


# Keeping.


def _read(file: Path) -> dict[str, Floats32]:
    """The vectors that are kept, by annotation id; none where the file is missing or damaged."""
    try:
        with np.load(file, allow_pickle=False) as kept:
            return dict(zip(kept["ids"].tolist(), kept["vectors"], strict=True))
    except (OSError, ValueError, KeyError, EOFError, BadZipFile):
        return {}


def _write(file: Path, vectors: Mapping[str, Floats32]) -> None:
    scratch = file.with_name(f".{file.name}.{os.getpid()}.tmp")
    with storage_errors(file.parent):
        file.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        with scratch.open("wb") as written:
            np.savez(written, ids=np.array(list(vectors), np.str_), vectors=np.array(list(vectors.values())))
        scratch.replace(file)
