"""`python -m bench.floors` measures small versions of some cases and fails where a ratio is below its floor.

A ratio that is too low is measured once more: other programs may have had the machine.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Final

from bench.harness.machine import set_environment

ATTEMPTS: Final = 2


@dataclass(frozen=True, slots=True)
class Floor:
    """A ratio within one run that must not be lower than `least`."""

    least: float
    ratio: Callable[[], float]

    def measured(self) -> float:
        """The best of at most `ATTEMPTS`; no further one where the floor is reached."""
        best = 0.0
        for _ in range(ATTEMPTS):
            best = max(best, self.ratio())
            if best >= self.least:
                break
        return best


def over_rival(comparison: str, rival: str) -> float:
    """How many times as long as the engine a rival takes for a small round of a comparison."""
    from bench.cases.rivals import comparisons, measured_of

    told = measured_of(comparisons()[comparison], rounds=1, quick=True, only=(rival,))
    ratio: float = told["over_engine"][rival]["median"]
    return ratio


def over_ceiling() -> float:
    """The seconds of decoder and models alone over the engine's for all four pipelines, after its start."""
    from bench.cases.full import WORKING, measure
    from bench.cases.rivals import ENGINE
    from bench.harness.ceilings import TOGETHER

    ratio: float = measure(1, quick=True)["engine"][ENGINE]["efficiency"][TOGETHER][WORKING]["median"]
    return ratio


# A start weighs most in rounds as small as these. Measured on two cores: see docs/benchmarks.md.
FLOORS: Final[Mapping[str, Floor]] = {
    "scenes, PySceneDetect's command per core over the engine": Floor(
        0.4, lambda: over_rival("scenes", "PySceneDetect, command, one process per core")
    ),
    "speech, faster-whisper in one process over the engine": Floor(
        0.6, lambda: over_rival("speech", "faster-whisper, batched, one process")
    ),
    "all four pipelines, decoder and models alone over the engine": Floor(0.5, over_ceiling),
}


def missed(floors: Mapping[str, Floor], tell: Callable[[str], object] = print) -> list[str]:
    """The names of ratios below their floors; each is told as it is known."""
    names = []
    for name, floor in floors.items():
        try:
            ratio = floor.measured()
        except RuntimeError as error:  # they did not find the same, or one of them failed
            tell(f"{name}: {error}")
            names.append(name)
            continue
        tell(f"{name}: {ratio:.2f}, at least {floor.least}")
        if ratio < floor.least:
            names.append(name)
    return names


def main() -> int:
    """Measure all; 1 where one is missed."""
    set_environment()
    below = missed(FLOORS)
    if below:
        print(f"below its floor: {'; '.join(below)}", file=sys.stderr)
    return 1 if below else 0


if __name__ == "__main__":
    sys.exit(main())
