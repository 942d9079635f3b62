"""The folder of a training: what it was begun with, and what it goes on from."""

from __future__ import annotations

import json
import shutil
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Final

from actors.atomic_files import read_object, write_atomic
from actors.training.checkpoint import Checkpoint, TrainingState
from actors.training.fine_tuning import CHECKPOINT, OUTCOME
from schemas.errors import UsageError
from schemas.work.training import TrainingOutcome, TrainingSettings
from vaengine.rendering.output_file import output_errors

REQUEST: Final = "training.json"
LOCK: Final = ".lock"


@dataclass(frozen=True, slots=True)
class TrainingRecord:
    """What a training was begun with: digests of dataset and weights, and its settings."""

    dataset: str
    weights: str
    settings: TrainingSettings

    def differences(self, earlier: Mapping[str, Any]) -> list[str]:
        """In words, what is not as in an earlier record."""
        own = asdict(self)
        said = [f"another {name}" for name in ("dataset", "weights") if own[name] != earlier.get(name)]
        before = earlier.get("settings") or {}
        return said + [
            f"{name} {before.get(name)}, not {value}"
            for name, value in own["settings"].items()
            if before.get(name) != value
        ]


@dataclass(frozen=True, slots=True)
class TrainingFolder:
    """A folder `path` of one training."""

    path: Path

    @contextmanager
    def opened(self, name: str, record: TrainingRecord, *, force: bool) -> Iterator[TrainingState]:
        """A context that has the folder for itself, with the state of its training.

        A training that was begun with the same is gone on with. Raises `UsageError` where another one was
        begun, unless `force` begins anew; and where another process trains here.
        """
        from filelock import FileLock, Timeout

        with output_errors(self.path):
            self.path.mkdir(parents=True, exist_ok=True)
        lock = FileLock(self.path / LOCK)
        try:
            lock.acquire(timeout=0)
        except Timeout as error:
            raise UsageError(f"{name} is being trained by another process: wait, or choose --name") from error
        try:
            with output_errors(self.path):
                self._begin(name, record, force=force)
            yield Checkpoint(self.path / CHECKPOINT).state()
        finally:
            lock.release()

    def _begin(self, name: str, record: TrainingRecord, *, force: bool) -> None:
        earlier = read_object(self.path / REQUEST)
        if earlier is not None and not force and (said := record.differences(earlier)):
            raise UsageError(
                f"training {name} was begun with {'; '.join(said)}: give the same, begin anew with --force, "
                "or choose another --name"
            )
        if earlier is None and any(path.name != LOCK for path in self.path.iterdir()):
            raise UsageError(f"{self.path} has files that are no training: choose another --name or --out")
        if force or earlier is None:
            self._clear()
            write_atomic(self.path / REQUEST, json.dumps(asdict(record), indent=2).encode())

    def _clear(self) -> None:
        for path in self.path.iterdir():
            if path.name == LOCK:
                continue
            if path.is_dir():
                shutil.rmtree(path)
            else:
                path.unlink()

    @property
    def trained(self) -> Path:
        """The weights that came out."""
        return Checkpoint(self.path / CHECKPOINT).trained

    def outcome(self) -> TrainingOutcome | None:
        """What came out; None before the end."""
        data = read_object(self.path / OUTCOME)
        return None if data is None else TrainingOutcome.of(data)
