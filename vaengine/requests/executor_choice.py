"""Whether a run starts a Ray of its own or does without: a decision by how long the work takes."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from schemas.paths import is_url
from schemas.settings.layers import Given

NONE: Final = "none"  # this process and its children
OWN_RAY: Final = "local"  # a Ray that the run starts and ends
RUNNING_RAY: Final = "auto"  # a Ray that runs on this machine; where none does, as EITHER
# Where nothing else says it: none, local, auto, either or HOST:PORT.
CLUSTER_VARIABLE: Final = "VAENGINE_CLUSTER"
EITHER: Final = "either"  # NONE or OWN_RAY, whichever is done sooner
OF_ITS_OWN: Final = (NONE, OWN_RAY, EITHER)  # what needs no Ray that runs already

# Ray alone, started and ended, on two cores: medians of 7.3 to 9.7 s in the last four measurements
# (`python -m bench startup`). The first row of the demo clip came 14 to 20 s later with it than without.
RAY_START_S: Final = 9.0
# On so many processors and without a GPU, a run has nothing from Ray: on two, the same work took 157 seconds
# of a processor without it and 196 with it (docs/decisions/039). On many more, the one process that plans,
# stores and finishes would be the limit.
ALONE_CPUS: Final = 8
# Files that are together no larger are probably short: a minute of broadcast video.
SHORT_BYTES: Final = 64 << 20


@dataclass(frozen=True, slots=True)
class PlannedWork:
    """What there is to do: estimated core seconds in so many pieces. `is_whole`: no more will be found."""

    core_s: float
    pieces: int
    is_whole: bool
    uses_gpu: bool
    cpus: float

    def __post_init__(self) -> None:
        if self.core_s < 0 or self.pieces < 0 or self.cpus < 1:
            raise ValueError(
                f"no such work: {self.core_s} core seconds in {self.pieces} pieces on {self.cpus} CPUs"
            )

    @property
    def wall_s(self) -> float:
        """Estimated seconds until all is done, where every piece has a processor as long as there are any."""
        return self.core_s / max(1.0, min(self.cpus, self.pieces))


@dataclass(frozen=True, slots=True)
class ExecutorChoice:
    """NONE, OWN_RAY or the address of a Ray that runs, and why."""

    cluster: str
    reason: str

    def __str__(self) -> str:
        places = {NONE: "in this process, without Ray", OWN_RAY: "on a Ray of its own"}
        return f"works {places.get(self.cluster, f'on the Ray at {self.cluster}')}: {self.reason}"


def needs_no_ray(cpus: float, *, uses_gpu: bool) -> bool:
    """Whether child processes do any work on this machine for less than Ray would."""
    return not uses_gpu and cpus <= ALONE_CPUS


def choose(work: PlannedWork) -> ExecutorChoice:
    """Without Ray on a small machine, and where the work is done before Ray would have begun it."""
    if work.uses_gpu:
        return ExecutorChoice(OWN_RAY, "its models share the GPUs of this machine")
    if needs_no_ray(work.cpus, uses_gpu=work.uses_gpu):
        processors = "processor" if work.cpus == 1 else "processors"
        return ExecutorChoice(NONE, f"this machine has {work.cpus:g} {processors} and no GPU for its models")
    if not work.is_whole:
        return ExecutorChoice(OWN_RAY, "there are more videos than were looked at so far")
    if work.wall_s <= RAY_START_S:
        return ExecutorChoice(
            NONE, f"about {work.wall_s:.0f} s of work, and Ray takes {RAY_START_S:.0f} s to start"
        )
    return ExecutorChoice(
        OWN_RAY,
        f"about {work.wall_s:.0f} s of work, more than the {RAY_START_S:.0f} s that Ray takes to start",
    )


@dataclass(frozen=True, slots=True)
class ClusterOption:
    """Where a run is to work, and what says so, as a person would read it: "--cluster local"."""

    cluster: str
    text: str

    @classmethod
    def of(cls, option: str | None, file: Given | None, environment: Mapping[str, str]) -> ClusterOption:
        """What the command line says, else the batch file, else the environment, else EITHER."""
        if option:
            return cls(option, f"--cluster {option}")
        if file and file.value:
            return cls(file.value, f"cluster: {file.value} ({file.origin})")
        if variable := environment.get(CLUSTER_VARIABLE):
            return cls(variable, f"{CLUSTER_VARIABLE}={variable}")
        return cls(EITHER, "")


def is_short(paths: Sequence[str]) -> bool:
    """Whether the work on these files is probably done sooner without Ray, by their sizes alone.

    The size of a remote file is not asked for.
    """
    total = 0
    for path in paths:
        if is_url(path):
            return False
        with suppress(OSError):  # its own probe tells of it
            total += Path(path).stat().st_size
        if total > SHORT_BYTES:
            return False
    return True
