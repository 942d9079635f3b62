"""All embeddings of one model in a store as one matrix, mapped from a file of this machine.

The file is a copy: what it was made of is compared with the store whenever it is opened, and where the store
has changed it is made again, from the parts that have not.
"""

from __future__ import annotations

import hashlib
import math
import shutil
import uuid
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from actors.atomic_files import storage_errors
from actors.model_files.files import folders_of
from schemas.annotations.annotation import Annotation, canonical_json
from schemas.media.frames import Floats, Floats32
from schemas.pipelines import FACE
from schemas.storage.backend import ResultStore
from schemas.work.chunk import WorkKey
from vaengine.queries.similarity.matrix_files import (
    FORMAT,
    NUMBER_COLUMNS,
    STATE_DIGITS,
    TEXT_COLUMNS,
    EarlierFiles,
    EmbeddingMatrix,
    ModelFiles,
    Part,
    Rows,
    names_of,
    publish,
    read,
    states_in,
    write_index,
)


def cache_folder(url: str, environment: Mapping[str, str]) -> Path:
    """The folder of a store's matrices on this machine, in the user's cache; `url` is without a password."""
    cache = folders_of(None, environment)[-1].parent
    return cache / "embeddings" / hashlib.sha256(url.encode(errors="surrogateescape")).hexdigest()[:16]


def forget_matrices(url: str, environment: Mapping[str, str]) -> int:
    """Remove the matrices of a store from this machine; returns how many files there were."""
    folder = cache_folder(url, environment)
    count = sum(path.is_file() for path in folder.rglob("*")) if folder.is_dir() else 0
    if count:
        shutil.rmtree(folder)
    return count


def open_matrices(store: ResultStore, folder: Path) -> list[EmbeddingMatrix]:
    """The matrix of each model with embeddings in current results of the store, from files in `folder`.

    Files that are missing, damaged or not of the store as it is are written first; those of earlier states
    are removed. Raises `DiskFull`, and `StoreFailed` where the folder cannot be written.
    """
    with storage_errors(folder):
        return _open(store, folder)


def _open(store: ResultStore, folder: Path) -> list[EmbeddingMatrix]:
    paths, tokens = _current(store)
    signature = hashlib.sha256(
        canonical_json([FORMAT, sorted((*names_of(key), token) for key, token in tokens.items())]).encode()
    ).hexdigest()[:STATE_DIGITS]
    found = read(folder / signature, paths)
    if found is None:
        _write(store, folder, signature, tokens)
        found = read(folder / signature, paths)
    if found is None:
        raise OSError(f"{folder / signature} cannot be read back")
    return found


def _current(store: ResultStore) -> tuple[dict[str, str], dict[WorkKey, str]]:
    """The paths of videos with faces, and the token of each current result with embeddings."""
    tokens, paths = store.embedding_tokens(), store.current_keys(FACE)
    current = {key: token for key, token in tokens.items() if key in paths}
    return {key.video_id: paths[key] for key in current}, current


# Writing.


def _write(store: ResultStore, folder: Path, signature: str, tokens: Mapping[WorkKey, str]) -> None:
    """Write the matrices to a folder of this name, whole or not at all, and remove earlier ones."""
    folder.mkdir(parents=True, exist_ok=True, mode=0o700)  # faces are about people
    scratch = folder / f".{uuid.uuid4().hex}"
    scratch.mkdir(mode=0o700)
    try:
        write_index(scratch, _write_models(store, folder, scratch, tokens))
        publish(scratch, folder / signature)
    finally:
        shutil.rmtree(scratch, ignore_errors=True)
    for old in states_in(folder):
        if old.name != signature:
            shutil.rmtree(old, ignore_errors=True)


def _write_models(
    store: ResultStore, folder: Path, scratch: Path, tokens: Mapping[WorkKey, str]
) -> list[dict[str, Any]]:
    earlier, files = EarlierFiles.newest_in(folder), dict[tuple[str, int], ModelFiles]()
    for key in sorted(tokens):
        part = earlier.part(key, tokens[key]) or _part_of(store, key)
        if part is None:
            continue
        model, vectors, rows = part
        if (model, vectors.shape[1]) not in files:
            files[model, vectors.shape[1]] = ModelFiles(scratch, model, len(files), vectors.shape[1])
        files[model, vectors.shape[1]].add(key, tokens[key], vectors, rows)
    return [each.finish() for each in files.values()]


def _part_of(store: ResultStore, key: WorkKey) -> Part | None:
    """The embeddings of a work key with their rows, by annotation id; None where it has none by now."""
    embeddings = store.embeddings(key)
    if embeddings is None:
        return None
    rows = {row.annotation_id: row for row in store.annotations(key)}
    known = [at for at, one in enumerate(embeddings.annotation_ids) if one in rows]
    vectors = np.ascontiguousarray(embeddings.vectors[known])
    lengths = exact_lengths(vectors)
    own = [rows[embeddings.annotation_ids[at]] for at in known]
    return (embeddings.model, vectors, _columns(own, lengths)) if known else None


def exact_lengths(vectors: Floats32) -> Floats:
    """The lengths of N x D vectors, float64; each depends on its own vector alone, not on its place."""
    lengths: Floats = np.sqrt(np.square(vectors.astype(np.float64)).sum(axis=1))
    return lengths


def _columns(rows: Sequence[Annotation], lengths: Floats) -> Rows:
    """The columns of rows; texts are as wide as they have to be."""
    texts = {name: np.array([getattr(row, name) or "" for row in rows], np.str_) for name in TEXT_COLUMNS}
    starts_s = np.array([row.timestamp_seconds or 0.0 for row in rows])
    ends_s = [
        start if row.end_seconds is None else row.end_seconds
        for row, start in zip(rows, starts_s, strict=True)
    ]
    confidence = np.array([math.nan if row.confidence is None else row.confidence for row in rows])
    numbers = {"start_s": starts_s, "end_s": np.array(ends_s), "confidence": confidence, "length": lengths}
    return texts | {name: numbers[name].astype("<f8") for name in NUMBER_COLUMNS}
