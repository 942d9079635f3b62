"""Whole commands as measurements: their wall seconds, and what they found."""

from __future__ import annotations

import json
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

from bench.harness.timing import in_turns

Found = Mapping[str, int]  # how many there are, by kind of annotation

TIMEOUT_S: Final = 1800
# Of the numbers found, or so many at least: decoders convert colours in their own ways.
MOST_DIFFERENT, FEW = 0.02, 2


@dataclass(slots=True)
class WholeCommand:
    """A measurement of commands that run one after the other, from the first's start to the last's end.

    `words` gives the commands, `found` what they found, of all that they printed. `all_found` has it of
    each call.
    """

    words: Callable[[], Sequence[Sequence[str]]]
    found: Callable[[Sequence[str]], Found]
    all_found: list[Found] = field(default_factory=list)

    def __call__(self) -> float:
        commands, began_s = self.words(), time.perf_counter()
        printed = [_printed(command) for command in commands]
        seconds = time.perf_counter() - began_s
        self.all_found.append(self.found(printed))
        return seconds


def rival(module: str, *arguments: object, python: str = sys.executable) -> WholeCommand:
    """A program of `bench.rivals`, whose last line is a JSON object of what it found."""
    command = [python, "-m", f"bench.rivals.{module}", *map(str, arguments)]
    return WholeCommand(lambda: [command], lambda printed: _last_object(printed[-1]))


def one_after_the_other(rivals: Sequence[WholeCommand]) -> WholeCommand:
    """Several programs as one, which has found what they found together."""

    def found(printed: Sequence[str]) -> Found:
        return {kind: count for text in printed for kind, count in _last_object(text).items()}

    return WholeCommand(lambda: [command for own in rivals for command in own.words()], found)


def engine(
    clips: Sequence[Path],
    folder: Path,
    kinds: Sequence[str],
    *,
    pipelines: str,
    cluster: str,
    settings: Sequence[str],
) -> WholeCommand:
    """`vaengine run` over the clips, each time into a new folder below `folder`."""
    outs: list[Path] = []

    def words() -> list[list[str]]:
        outs.append(Path(tempfile.mkdtemp(prefix=f"{cluster}-", dir=folder)))
        program = str(Path(sys.executable).with_name("vaengine"))
        run = [program, "run", *map(str, clips), "--out", str(outs[-1]), "--pipelines", pipelines]
        options = ["--cluster", cluster, "--no-files"]
        return [[*run, *options, *(word for setting in settings for word in ("--set", setting))]]

    return WholeCommand(words, lambda _: stored(outs[-1] / "batch_processing.db", kinds))


def stored(database: Path, kinds: Sequence[str]) -> Found:
    """How many annotations of each kind there are in a SQLite store."""
    import sqlite3
    from contextlib import closing

    with closing(sqlite3.connect(database)) as store:
        query = "SELECT annotation_type, COUNT(*) FROM annotations GROUP BY 1"
        counts = dict(store.execute(query).fetchall())
    return {kind: int(counts.get(kind, 0)) for kind in kinds}


def compared(
    commands: Mapping[str, WholeCommand], rounds: int, *, most_different: float = MOST_DIFFERENT
) -> dict[str, Any]:
    """The seconds of each, in turns, over those of the first, and what they found.

    Raises `RuntimeError` after a round in which they did not find the same.
    """
    found = {name: command.all_found for name, command in commands.items()}
    times = in_turns(commands, rounds, check=lambda: require_same(found, most_different=most_different))
    base = times[next(iter(commands))]
    return {
        "found": found,
        "times": {name: seconds.to_data() for name, seconds in times.items()},
        "over_engine": {name: seconds.over(base).to_data() for name, seconds in times.items()},
    }


def require_same(found: Mapping[str, Sequence[Found]], *, most_different: float = MOST_DIFFERENT) -> None:
    """Raise `RuntimeError` where numbers differ by more than decoders make them differ, or are 0."""
    every = [one for own in found.values() for one in own]
    for kind in {kind for one in every for kind in one}:
        counts = [one.get(kind, 0) for one in every]
        if not min(counts) or max(counts) - min(counts) > max(FEW, most_different * max(counts)):
            raise RuntimeError(f"not all have found the same of {kind}: {found}")


def _printed(command: Sequence[str]) -> str:
    done = subprocess.run(command, check=False, capture_output=True, text=True, timeout=TIMEOUT_S)
    if done.returncode:
        raise RuntimeError(f"{command[:5]} ended with {done.returncode}: {done.stderr[-2000:]}")
    return done.stdout


def _last_object(printed: str) -> Found:
    told: Found = json.loads(printed.splitlines()[-1])
    return told
