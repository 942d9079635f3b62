"""`python -m bench.floors [NAME]...` measures small versions of cases and fails where a ratio is too low.

A ratio that is too low is measured once more: other programs may have had the machine.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from bench.harness.machine import set_environment

ATTEMPTS: Final = 2


@dataclass(frozen=True, slots=True)
class Floor:
    """A ratio within one run, in words, that must not be lower than `least`."""

    about: str
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
    from bench.cases.comparisons import COMPARISONS
    from bench.cases.rivals import measured_of

    told = measured_of(COMPARISONS[comparison](), rounds=1, quick=True, rivals=(rival,))
    ratio: float = told["over_engine"][rival]["median"]
    return ratio


def over_ceiling() -> float:
    """The seconds of decoder and models alone over the engine's for all four pipelines, after its start."""
    from bench.cases.comparisons import ENGINE
    from bench.cases.full import WORKING, measure
    from bench.harness.ceilings import TOGETHER

    ratio: float = measure(1, quick=True)["engine"][ENGINE]["efficiency"][TOGETHER][WORKING]["median"]
    return ratio


# A start weighs most in rounds as small as these. Measured on two cores: 0.43 to 0.63, 0.97, 0.72 to 0.79.
FLOORS: Final[Mapping[str, Floor]] = {
    "scenes": Floor(
        "PySceneDetect's command per core over the engine",
        0.33,
        lambda: over_rival("scenes", "PySceneDetect, command, one process per core"),
    ),
    "speech": Floor(
        "faster-whisper in one process over the engine",
        0.6,
        lambda: over_rival("speech", "faster-whisper, batched, one process"),
    ),
    "full": Floor("decoder and models alone over the engine's four pipelines", 0.5, over_ceiling),
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
        tell(f"{name}, {floor.about}: {ratio:.2f}, at least {floor.least}")
        if ratio < floor.least:
            names.append(name)
    return names


def main(names: Sequence[str]) -> int:
    """Measure these, or all without names; 1 where one is missed."""
    set_environment()
    below = missed({name: FLOORS[name] for name in names or FLOORS})
    if below:
        print(f"below its floor: {'; '.join(below)}", file=sys.stderr)
    return 1 if below else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
