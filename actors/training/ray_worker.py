"""Trains in the one worker of a Ray Train run."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict
from pathlib import Path
from typing import Any, Final

from actors.atomic_files import write_atomic
from actors.training.checkpoint import TrainingState
from actors.training.fine_tuning import CHECKPOINT, fine_tune
from schemas.errors import UsageError, VaengineError

FAILURE: Final = "failure.json"


def train_loop(config: Mapping[str, Any]) -> None:
    """The function of the worker; `config` has the `job`.

    The checkpoint in the job's folder is the one that counts, whoever trained before. Ray keeps a copy of the
    newest: from there a worker goes on whose machine has lost the folder.
    """
    import ray.train

    job = config["job"]
    kept = ray.train.get_checkpoint()
    own = Path(job.folder) / CHECKPOINT
    if kept is not None and not own.exists():
        kept.to_directory(str(own))

    def report(state: TrainingState, folder: Path) -> None:
        ray.train.report(asdict(state), checkpoint=ray.train.Checkpoint.from_directory(str(folder)))

    try:
        fine_tune(job, report)
    except VaengineError as error:
        # Not raised: to try it again, as Ray does, would not help.
        failure = {"message": str(error), "is_usage": isinstance(error, UsageError)}
        write_atomic(Path(job.folder) / FAILURE, json.dumps(failure).encode())
