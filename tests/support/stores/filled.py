"""Stores that hold complete results of real files, as a run would have left them; made without Ray, and
nothing is looked for.
"""

from __future__ import annotations

import hashlib
from contextlib import closing
from pathlib import Path

import numpy as np

from actors.stores import open_store
from schemas.annotations.annotation import (
    FACE_DETECTION,
    PERSON_DETECTION,
    SCENE_TYPE,
    Annotation,
    BBox,
    annotation_id,
)
from schemas.pipelines import FACE, PERSON, SCENE
from schemas.storage.backend import Outcome, StorageBackend
from schemas.work.chunk import WorkKey
from schemas.work.job import JobStatus
from schemas.work.manifest import ChunkCommit, FrameNumbers, ManifestLine
from schemas.work.run import RunInfo
from vaengine.planning.backlog import Backlog
from vaengine.planning.preflight import preflight
from vaengine.requests.request import RunRequest

TYPES = {SCENE: SCENE_TYPE, PERSON: PERSON_DETECTION, FACE: FACE_DETECTION}


def complete(request: RunRequest, *, status: JobStatus = JobStatus.COMPLETED) -> dict[str, str]:
    """Every result of a request ended, with one row each; the video id of each path."""
    with closing(open_store(request.store_url)) as store:
        epoch, backlog = registered(store, request)
        for entry in backlog.entries.values():
            for key in entry.keys:
                store.finish(
                    epoch, Outcome(key, entry.job_id, status, (_row(key),), keep_runs=request.keep_runs)
                )
        store.close_run(epoch, "completed")
        return {entry.path: entry.video_id for entry in backlog.entries.values()}


def decoded(request: RunRequest) -> None:
    """Every chunk of a request committed and nothing final: a run has only to finish it, which takes no
    Ray.
    """
    with closing(open_store(request.store_url)) as store:
        epoch, backlog = registered(store, request)
        for entry in backlog.entries.values():
            frames = len(store.videos([entry.video_id])[entry.video_id].index)
            store.commit_chunks(epoch, [_commit(key, entry.job_id, frames) for key in entry.keys])
        store.close_run(epoch, "stopped")


def registered(store: StorageBackend, request: RunRequest) -> tuple[int, Backlog]:
    epoch = store.open_run(RunInfo("filled", "here", 1, request.settings.model_dump(), request.inputs))
    backlog = Backlog(request, "filled")
    with preflight(request) as look:
        for page in look.pages():
            backlog.take(page, store, epoch)
    return epoch, backlog


def _row(key: WorkKey) -> Annotation:
    kind = TYPES.get(key.pipeline, key.pipeline)
    row_id = annotation_id(key.video_id, key.pipeline, key.config_hash, kind, 0, 0)
    box = None if key.pipeline == SCENE else BBox(1.0, 2.0, 30.0, 40.0)
    return Annotation(row_id, key.video_id, key.pipeline, key.config_hash, kind, 0.0, 1.0, 0, bbox=box)


def _commit(key: WorkKey, job_id: str, frames: int) -> ChunkCommit:
    own, none = np.arange(frames, dtype=np.int64), FrameNumbers.none()
    numbers = FrameNumbers(
        own, own * 512, np.zeros(frames), own[:1], none.box_frames, none.xyxy, none.confidence
    )
    line = ManifestLine(key, 0, frames * 512, 0, frames, (), numbers.checksum(), 1, 0.25)
    return ChunkCommit(line, job_id, (), numbers.to_bytes())


def bytes_below(folder: Path) -> dict[str, str]:
    """The digest of every file below a folder, by its path."""
    return {
        str(path): hashlib.sha256(path.read_bytes()).hexdigest()
        for path in sorted(folder.rglob("*"))
        if path.is_file()
    }
