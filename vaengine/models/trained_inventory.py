"""Models that were trained, as `vaengine models` lists and checks them."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from vaengine.console.output import Table
from vaengine.models.trained import TrainedModel, fault_of, trained_models


@dataclass(frozen=True, slots=True)
class TrainedStatus:
    """A model that was trained, and why it cannot be used as it is; empty where it can."""

    model: TrainedModel
    fault: str


def trained_statuses(folders: Sequence[Path]) -> list[TrainedStatus]:
    """The models that were trained, by name; the last folder is the user's own cache."""
    return [TrainedStatus(model, fault_of(model, folders[-1])) for model in trained_models(folders)]


def trained_table(found: Iterable[TrainedStatus]) -> Table:
    """A table of trained models: figures are mAP50-95 on held-out pictures, before and after."""
    shown = list(found)
    rows = tuple(
        (
            "unusable" if each.fault else "ok",
            each.model.file,
            str(each.model.facts["base"]["name"]),
            " -> ".join(f"{each.model.facts[when]['map50_95']:.3f}" for when in ("before", "after")),
            str(each.model.facts["dataset"]["digest"])[:12],
            str(each.model.facts["made_at"])[:10],
            each.fault or str(each.model.path),
        )
        for each in shown
    )
    titles = ("state", "trained model", "from", "mAP50-95", "dataset", "date", "where")
    return Table(titles, rows, tuple("red" if each.fault else "green" for each in shown))


def trained_data(found: TrainedStatus) -> dict[str, Any]:
    """A trained model with its provenance, as programs read it."""
    place = {"file": found.model.file, "path": str(found.model.path), "fault": found.fault}
    return {**place, **found.model.facts}
