"""Follows a training by the file of its events."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from vaengine.console.units import clock


@dataclass(slots=True)
class EventFile:
    """The events that were appended to a file since it was looked at last."""

    path: Path
    _position: int = 0

    def skip(self) -> None:
        """Leave out what is there already."""
        self._position = self.path.stat().st_size if self.path.exists() else 0

    def new(self) -> Iterator[Mapping[str, Any]]:
        """Whole lines since the last call; a line that is still being written comes later."""
        if not self.path.exists():
            return
        with self.path.open("rb") as file:
            file.seek(self._position)
            for line in file:
                if not line.endswith(b"\n"):
                    return
                self._position += len(line)
                yield json.loads(line)


@dataclass(slots=True)
class TrainingLines:
    """Lines for a person about events; `elapsed_s` are seconds since training began here."""

    first_epoch: int = 0
    first_epoch_s: float = 0.0

    def of(self, event: Mapping[str, Any], elapsed_s: float) -> str | None:
        """The line of an event; None where there is nothing to say."""
        name = event["event"]
        if name == "evaluating":
            return f"measuring the weights {event['which']} training"
        if name == "resumed":
            self.first_epoch = event["epochs"]
            return f"going on after epoch {event['epochs']}"
        if name == "training":
            self.first_epoch_s = elapsed_s
            return _frozen(event)
        if name == "batch":
            return f"epoch {event['epoch']}: batch {event['batch']} of {event['batches']}"
        return self._epoch(event, elapsed_s) if name == "epoch" else None

    def _epoch(self, event: Mapping[str, Any], elapsed_s: float) -> str:
        done, left = event["epoch"] - self.first_epoch, event["epochs"] - event["epoch"]
        best = (
            "the best so far"
            if event["best_epoch"] == event["epoch"]
            else (f"best: {event['best_map50_95']:.3f} in epoch {event['best_epoch']}")
        )
        remaining = f", {clock((elapsed_s - self.first_epoch_s) / max(1, done) * left)} left" if left else ""
        return (
            f"epoch {event['epoch']} of {event['epochs']}: mAP50-95 {event['map50_95']:.3f}, "
            f"mAP50 {event['map50']:.3f} on val, {best}{remaining}"
        )


def _frozen(event: Mapping[str, Any]) -> str | None:
    if not event["frozen"]:
        return None
    return (
        f"{event['frozen']} of {event['batch_norms']} batch norms are folded into other layers: they stay as "
        "they are"
    )
