"""The request of a run, and the summary of a dry run."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from itertools import chain
from pathlib import Path

from schemas.errors import UsageError
from schemas.packed import packed
from schemas.settings.settings import Settings
from vaengine.requests.replacement import Replace


@dataclass(frozen=True, slots=True)
class RunRequest:
    """Everything that a run needs to know, resolved.

    Paths are absolute, names of pipelines are full, and presets are applied to `settings`.
    """

    inputs: Sequence[str]  # files, absolute, in order, each once; a tuple, or packed if they are many
    pipelines: tuple[str, ...]
    settings: Settings
    out: Path
    store_url: str  # files:DIR or sqlite:///FILE, absolute, or postgresql://..., perhaps with a password
    cluster: str = "local"  # "none", "local", "auto", "either" or an address
    cluster_text: str = field(default="", compare=False)  # what says so, such as "--cluster local"
    limit: int | None = None  # only the first so many inputs
    files: bool = True  # write the JSON projections
    publish: str | None = None  # a URL below which the projections and the report are written as well
    keep_runs: bool = False  # complete results of other configurations stay beside the new ones
    replace: bool = False  # they may be replaced; with neither flag, a run that would replace them is refused
    batch_id: str | None = None  # None: a new one
    # When the command began. What ended later belongs to it, even if one of its processes was lost meanwhile.
    since: datetime | None = None
    verbose: bool = False
    presets: Mapping[str, str] = field(default_factory=dict)  # pipeline -> what its preset was resolved to
    # Number of files in the searched folders that are no input, by extension.
    left_alone: Mapping[str, int] = field(default_factory=dict)
    # Meta values for the store, used where it has none of that name yet.
    record: Mapping[str, str] = field(default_factory=dict)
    # The batch's other configurations, each a run of its own; their own `others` are empty.
    others: tuple[RunRequest, ...] = ()
    part: tuple[int, int] = (1, 1)  # which run of the batch this is, of how many

    @property
    def batch_inputs(self) -> Sequence[str]:
        """Inputs of the whole batch, each once."""
        own = self.inputs[: self.limit]
        others = [other.inputs[: other.limit] for other in self.others]
        return packed(dict.fromkeys(chain(own, *others))) if others else own

    def __post_init__(self) -> None:
        if self.replace and self.keep_runs:
            raise UsageError("--replace and --keep say different things about earlier results: give one")

    def answered(self, replace: Replace | None) -> RunRequest:
        """The same request with a decision about results of other configurations; None changes nothing."""
        if replace is None:
            return self
        others = tuple(other.answered(replace) for other in self.others)
        return dataclasses.replace(
            self, replace=replace == "replace", keep_runs=replace == "keep", others=others
        )

    @property
    def asks(self) -> bool:
        """Whether it is undecided what is to become of complete results of other configurations."""
        return not (self.replace or self.keep_runs)


@dataclass(frozen=True, slots=True)
class PlanSummary:
    """What a run would do.

    `decode_s` and `model_s` are estimates of core seconds, see `vaengine/planning/dry_run.py`.
    """

    videos: int
    skipped: int  # nothing left to do for them
    unreadable: tuple[str, ...]  # one line each
    chunks: int
    frames: int
    video_s: float
    sound_s: float
    sampled_frames: int
    decode_s: float
    model_s: float
    disk_bytes: int
    workers: int
    resources: str  # e.g. "2 CPUs, 0 GPUs: 2 decode slots, 2 vision actors"
    feasible: bool
    reason: str | None = None  # why not feasible
    # One line for each group of complete results of other configurations, with what replaces them.
    replaced: tuple[str, ...] = ()
