"""The files of matrices of embeddings: a folder for each state of a store, with two files for each model.

A folder counts once its index is written, which is last. It is written under another name and then renamed.
"""

from __future__ import annotations

import json
import os
import re
import shutil
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from itertools import accumulate
from pathlib import Path
from typing import Any, Final

import numpy as np
import numpy.typing as npt

from schemas.media.frames import Floats32
from schemas.work.chunk import WorkKey

FORMAT: Final = 2  # of the files; another one makes them again
STATE_DIGITS: Final = 32  # of a digest of what the store had, the name of a folder
_STATE: Final = re.compile(rf"[0-9a-f]{{{STATE_DIGITS}}}")
VECTORS, ROWS, INDEX = ".vectors", ".rows", "index.json"
# Beside its vector: what a row is filtered by, and what an answer says of it.
TEXT_COLUMNS: Final = ("annotation_id", "annotation_type", "video_id", "face_id", "person_id")
NUMBER_COLUMNS: Final = ("start_s", "end_s", "confidence", "length")

Rows = Mapping[str, npt.NDArray[Any]]  # N values of each of `TEXT_COLUMNS` and `NUMBER_COLUMNS`


Part = tuple[str, Floats32, Rows]  # model, vectors, rows


@dataclass(frozen=True, slots=True, eq=False)
class EmbeddingMatrix:
    """N embeddings of one model: `vectors` N x D float32, `rows` N values a column of what each belongs to.

    Columns of `rows` are texts (`annotation_id`, `annotation_type`, `video_id`, `face_id`, `person_id`; empty
    for None) and float64 (`start_s`, `end_s`, `confidence`, NaN for None; `length` of the vector).
    """

    model: str
    vectors: Floats32
    rows: Rows
    paths: Mapping[str, str]  # of the videos, by id

    def __len__(self) -> int:
        return len(self.vectors)


# Reading.


def states_in(folder: Path) -> list[Path]:
    """The folders of states of the store; whatever else is there is not ours."""
    return sorted(path for path in folder.iterdir() if _STATE.fullmatch(path.name))


def read(folder: Path, paths: Mapping[str, str]) -> list[EmbeddingMatrix] | None:
    """The matrices in a folder; None where one is missing or not as it was written."""
    index = _index_in(folder)
    try:
        arrays = [] if index is None else [_arrays_in(folder, model) for model in index["models"]]
    except (OSError, ValueError):
        return None
    if index is None:
        return None
    return [
        EmbeddingMatrix(model["name"], *both, paths)
        for model, both in zip(index["models"], arrays, strict=True)
    ]


def names_of(key: WorkKey) -> tuple[str, str, str]:
    """A work key as the files have it."""
    return key.video_id, key.pipeline, key.config_hash


def _index_in(folder: Path) -> dict[str, Any] | None:
    try:
        index = json.loads((folder / INDEX).read_bytes())
    except (OSError, ValueError):
        return None
    return index if isinstance(index, dict) and index.get("format") == FORMAT else None


def _arrays_in(folder: Path, model: Mapping[str, Any]) -> tuple[Floats32, Rows]:
    """Vectors and rows of a model, mapped; raises ValueError for a file of another length."""
    count, widths = model["count"], {name: np.dtype(kind) for name, kind in model["columns"]}
    stops = list(accumulate(count * kind.itemsize for kind in widths.values()))
    table = _mapped(folder / f"{model['file']}{ROWS}", stops[-1])
    parts = np.split(table, stops[:-1])
    rows = {name: part.view(kind) for (name, kind), part in zip(widths.items(), parts, strict=True)}
    vectors = _mapped(folder / f"{model['file']}{VECTORS}", 4 * count * model["dimension"])
    return vectors.view("<f4").reshape(count, model["dimension"]), rows


def _mapped(path: Path, size: int) -> npt.NDArray[np.uint8]:
    if path.stat().st_size != size:
        raise ValueError(f"{path} was cut off")
    return np.asarray(np.memmap(path, np.uint8, "r"))


# Writing.


def publish(scratch: Path, folder: Path) -> None:
    """Give a folder its name, in place of what is there: a damaged one, or the same of another process."""
    if folder.exists():
        shutil.rmtree(folder, ignore_errors=True)
    try:
        scratch.rename(folder)
    except OSError:
        if not (folder / INDEX).exists():  # nobody else was faster
            raise


@dataclass(slots=True)
class ModelFiles:
    """The files of one model while they are written: vectors one part after the other, rows at the end."""

    folder: Path
    name: str
    number: int
    dimension: int
    parts: list[tuple[list[str], int]] = field(default_factory=list)  # names and token of a key, its rows
    rows: list[Rows] = field(default_factory=list)

    def add(self, key: WorkKey, token: str, vectors: Floats32, rows: Rows) -> None:
        with (self.folder / f"{self.number}{VECTORS}").open("ab") as file:
            file.write(vectors.astype("<f4", copy=False).tobytes())
        self.parts.append(([*names_of(key), token], len(vectors)))
        self.rows.append(rows)

    def finish(self) -> dict[str, Any]:
        """Write the rows; returns the model's entry in the index."""
        kinds = []
        with (self.folder / f"{self.number}{ROWS}").open("wb") as file:
            for name in (*NUMBER_COLUMNS, *TEXT_COLUMNS):  # numbers first: eight bytes each
                column = np.concatenate([rows[name] for rows in self.rows])
                file.write(column.tobytes())
                kinds.append((name, column.dtype.str))
        count = sum(size for _, size in self.parts)
        sizes = {"file": str(self.number), "dimension": self.dimension, "count": count, "columns": kinds}
        return {"name": self.name, **sizes, "parts": self.parts}


def write_index(folder: Path, models: Sequence[Mapping[str, Any]]) -> None:
    """Write the index, which makes the other files count: they are on the disk before it is."""
    for path in folder.iterdir():
        with path.open("rb") as file:
            os.fsync(file.fileno())
    (folder / INDEX).write_text(json.dumps({"format": FORMAT, "models": models}), encoding="utf-8")


@dataclass(frozen=True, slots=True)
class EarlierFiles:
    """The parts of earlier files: of keys that have not changed since they are copied, not read again."""

    models: Sequence[tuple[str, Floats32, Rows]] = ()
    places: Mapping[tuple[str, ...], tuple[int, int, int]] = field(default_factory=dict)

    @classmethod
    def newest_in(cls, folder: Path) -> EarlierFiles:
        """The parts in any earlier folder; none where there is no folder that can be read."""
        for path in states_in(folder):
            index, found = _index_in(path), read(path, {})
            if index is not None and found is not None:
                return cls._of(index, found)
        return cls()

    @classmethod
    def _of(cls, index: Mapping[str, Any], found: Sequence[EmbeddingMatrix]) -> EarlierFiles:
        places = {}
        for number, model in enumerate(index["models"]):
            stops = accumulate(size for _, size in model["parts"])
            for (names, size), stop in zip(model["parts"], stops, strict=True):
                places[tuple(names)] = (number, stop - size, stop)
        return cls([(one.model, one.vectors, one.rows) for one in found], places)

    def part(self, key: WorkKey, token: str) -> Part | None:
        """The part of a key, if it was of this token."""
        place = self.places.get((*names_of(key), token))
        if place is None:
            return None
        number, first, stop = place
        model, vectors, rows = self.models[number]
        return model, vectors[first:stop], {name: column[first:stop] for name, column in rows.items()}
