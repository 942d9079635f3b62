"""Benchmark of whole commands: the engine and other libraries' own programs, on the same files.

All have to have found the same before their times count. A command's time has its start and its models in
it.
"""

from __future__ import annotations

import tempfile
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, Final

from bench.cases.comparisons import COMPARISONS, ENGINE, Comparison
from bench.harness import ceilings
from bench.harness.ceilings import DECODE, MODELS, TOGETHER
from bench.harness.ratio_chart import write_chart
from bench.harness.report import Part, spread, table
from bench.harness.whole_command import compared, engine
from bench.rivals.process_per_core import CORES
from schemas.errors import UsageError

TITLE = "Whole commands beside other libraries"
PICTURE: Final = "images/rivals.svg"
ABOUT = (
    "Seconds from the start of a command to its end, start and models included; in turns within one run, "
    "round by round over the engine's. Above 1 the engine is ahead. Shown is the newest result that has a "
    "rival, over the engine of that day.\n\n"
    f"![How many times as long as the engine each takes]({PICTURE})"
)


def measure_parts(
    rounds: int, *, only: Sequence[str], rivals: Sequence[str] = (), quick: bool = False
) -> Iterator[tuple[str, dict[str, Any]]]:
    """The wall seconds of each, in turns, and what they found; each comparison as soon as it is done.

    With `rivals`, of these alone beside the engine, where a comparison has them. Raises `UsageError` for a
    rival that no chosen comparison has, `FileNotFoundError` without the clips and the weights, and
    `RuntimeError` where not all found the same.
    """
    chosen = {name: build() for name, build in COMPARISONS.items() if name in only}
    names = dict.fromkeys(name for own in chosen.values() for name in own.rival_names)
    if unknown := [name for name in rivals if name not in names]:
        raise UsageError(f"unknown rival: {'; '.join(unknown)}. There are: {'; '.join(names)}")
    for part, own in chosen.items():
        requested = [name for name in rivals if name in own.rival_names]
        if requested or not rivals:
            yield part, measured_of(own, rounds, quick=quick, rivals=requested or None)


def measured_of(
    comparison: Comparison, rounds: int, *, quick: bool, rivals: Sequence[str] | None = None
) -> dict[str, Any]:
    """One comparison; with `rivals`, of these and the engine as it runs without Ray."""
    with tempfile.TemporaryDirectory(prefix="vaengine-bench-") as name:
        folder = Path(name)
        (folder / "files").mkdir()
        files = comparison.files(folder / "files", quick)
        own = {
            name: engine(
                files,
                folder,
                comparison.kinds,
                pipelines=comparison.pipelines,
                cluster=cluster,
                settings=comparison.settings,
            )
            for name, cluster in comparison.clusters.items()
        }
        commands = {**own, **comparison.rivals(files)}
        if rivals is not None:
            commands = {name: commands[name] for name in (ENGINE, *rivals)}
        # First: what is wrong with files or models shows before the long part.
        alone = (
            {}
            if quick
            else {
                "ceilings": ceilings.run(CORES, comparison.pipelines.split(","), comparison.settings, files)
            }
        )
        told = compared(commands, rounds, most_different=comparison.most_different)
    return {"about": comparison.about, "files": len(files), **told, **alone}


def described(measured: Mapping[str, Any]) -> str:
    """What is compared, the table, and what disturbed it."""
    rows = [
        [
            name,
            *spread(times),
            *_over_engine(measured["over_engine"][name]),
            _found(measured["found"][name][-1]),
        ]
        for name, times in measured["times"].items()
    ]
    rounds = len(next(iter(measured["times"].values()))["all"])
    about = f"{measured['about']}. Rounds: {rounds}."
    if "disturbed" in measured:
        about += f" Disturbed: {measured['disturbed']}."
    titles = ["", "min s", "median s", "max s", "over the engine", "least to most", "found"]
    return f"{about}\n\n{table(titles, rows)}{_ceilings(measured)}"


def _ceilings(measured: Mapping[str, Any]) -> str:
    """What bounds the engine; nothing in older results."""
    if "ceilings" not in measured:
        return ""
    seconds, engine_s = measured["ceilings"], measured["times"][ENGINE]["median"]
    parts = ", ".join(f"{part} {seconds[part]:.1f} s" for part in (DECODE, MODELS, TOGETHER) if seconds[part])
    return (
        f"\n\nThe engine's parts alone, measured once, warm, one process per core: {parts}. Decode and "
        f"models alone take {seconds[TOGETHER] / engine_s:.2f} of the engine's whole command."
    )


def _over_engine(over: Mapping[str, Any]) -> tuple[str, str]:
    return f"{over['median']:.2f}", f"{over['min']:.2f} to {over['max']:.2f}"


def _found(found: Mapping[str, int]) -> str:
    return ", ".join(f"{count:,} {kind}" for kind, count in found.items())


def write_picture(results: Mapping[str, Sequence[Mapping[str, Any]]], folder: Path) -> None:
    """Draw how many times as long as the engine each takes, by the newest result that has it."""
    ratios = {
        REPORTED_PARTS[part].title: {
            name: over
            for result in reversed(own)
            for name, over in result["measured"]["over_engine"].items()
            if name != ENGINE
        }
        for part, own in results.items()
    }
    if any(ratios.values()):
        write_chart(ratios, folder / PICTURE)


REPORTED_PARTS: Final = {
    "persons": Part("Persons in every frame", described),
    "libraries": Part("Scenes, persons and faces", described),
    "scenes": Part("Scenes", described),
    "speech": Part("Speech", described),
}
