"""Runs and batches as a store knows them."""

from __future__ import annotations

import uuid
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True, slots=True)
class RunInfo:
    """One start of the engine on a store."""

    batch_id: str
    host: str
    pid: int
    config: Mapping[str, Any]  # the resolved configuration, as JSON
    inputs: Sequence[str]


@dataclass(frozen=True, slots=True)
class StoredBatch:
    """A batch of a store, with the state of its run."""

    batch_id: str
    epoch: int
    inputs: tuple[str, ...]
    config: Mapping[str, Any]
    started_at: str
    ended_at: str | None
    outcome: str | None  # "completed", "failed", "stopped"; None: still running, or killed
    host: str
    pid: int
    heartbeat_at: str | None  # None: of a version that had none
    alive: bool  # whether it was at work when the store was read


def new_batch_id() -> str:
    """A new id that no store has yet."""
    return uuid.uuid4().hex[:12]
