"""Runs the engine once in a process of its own and times its work apart from its start.

`python -m bench.harness.engine_process OUT CLIP...` takes `--set KEY=VALUE` and `--pipelines NAMES` as
`vaengine run` does.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from schemas.work.progress import Snapshot

# Share of the frames after which workers have imported their libraries and the pipeline is full.
STEADY_SHARE = 0.25


@dataclass(slots=True)
class Stopwatch:
    """A listener that times a run.

    `begun_s` is the time at which the first chunk was begun. `commits` has (time, frames done, videos done)
    for each change. Times are seconds of the monotonic clock, up to a quarter of a second late, since the
    engine calls its listener four times a second.
    """

    begun_s: float | None = None
    commits: list[tuple[float, int, int]] = field(default_factory=list)

    def __call__(self, snapshot: Snapshot, now: float | None = None) -> None:
        now = time.monotonic() if now is None else now
        if self.begun_s is None and snapshot.working_s > 0:
            self.begun_s = now - snapshot.working_s
        done = (snapshot.frames_done, snapshot.videos_done)
        if done != (self.commits[-1][1:] if self.commits else (0, 0)):
            self.commits.append((now, *done))

    @property
    def working_s(self) -> float:
        """Seconds from the first chunk begun to the last commit; raises `ValueError` without either."""
        if self.begun_s is None or not self.commits:
            raise ValueError("the run did no work")
        return self.commits[-1][0] - self.begun_s

    @property
    def steady_s(self) -> float:
        """Seconds for all frames at the rate after the first quarter of them, the end of the run included.

        Work on chunks that were not committed by then counts for the rate, so the figure needs many more
        chunks than workers. Raises `ValueError` for too few commits.
        """
        if self._steady_start is None:
            raise ValueError("too few commits to tell the pace")
        (start_s, done), (end_s, frames, _) = self._steady_start, self.commits[-1]
        return (end_s - start_s) / (frames - done) * frames

    @property
    def tells_pace(self) -> bool:
        """Whether there are enough commits for `steady_s`."""
        return self._steady_start is not None

    @property
    def _steady_start(self) -> tuple[float, int] | None:
        """Time and frames of the first commit after the first quarter, unless it is the last commit."""
        frames = max((frames for _, frames, _ in self.commits), default=0)
        return next(
            ((now, done) for now, done, _ in self.commits if STEADY_SHARE * frames <= done < frames), None
        )


def run(
    out: Path, paths: Sequence[Path], settings: Sequence[str], pipelines: str, *, cluster: str = "local"
) -> dict[str, Any]:
    """The result of `main` in a process of its own, which has the whole start of a run.

    Raises `CalledProcessError` if the process fails.
    """
    words = [
        sys.executable,
        "-m",
        "bench.harness.engine_process",
        str(out),
        *map(str, paths),
        *("--pipelines", pipelines),
        *("--cluster", cluster),
    ]
    words += [word for setting in settings for word in ("--set", setting)]
    process = subprocess.run(words, check=True, stdout=subprocess.PIPE, text=True)
    result: dict[str, Any] = json.loads(process.stdout.splitlines()[-1])
    return result


def main(
    out: str,
    paths: Sequence[str],
    settings: Sequence[str] = (),
    pipelines: str | None = None,
    cluster: str = "local",
) -> dict[str, Any]:
    """Annotate `paths` into `out` as `vaengine run` does, by default with preset embedded; its figures."""
    from vaengine.execution.engine import Engine
    from vaengine.requests.run_options import RunOptions, resolve_request

    options = RunOptions(
        paths=tuple(paths),
        out=out,
        pipelines=pipelines,
        cluster=cluster,
        settings=("preset=embedded", *settings),
    )
    stopwatch = Stopwatch()
    report = Engine(resolve_request(options).request, listener=stopwatch).run()
    return {
        "working_s": stopwatch.working_s,
        **({"steady_s": stopwatch.steady_s} if stopwatch.tells_pace else {}),
        "wall_s": report.wall_s,
        "completed": report.completed,
        "failed": report.failed,
        "frames": report.frames_decoded,
    }


def parse_arguments(arguments: list[str] | None = None) -> argparse.Namespace:
    """The options of the command line."""
    parser = argparse.ArgumentParser(prog="python -m bench.harness.engine_process", description=__doc__)
    parser.add_argument("out")
    parser.add_argument("paths", nargs="+")
    parser.add_argument("--set", dest="settings", action="append", default=[], metavar="KEY=VALUE")
    parser.add_argument("--pipelines")
    parser.add_argument("--cluster", default="local")
    return parser.parse_args(arguments)


if __name__ == "__main__":
    sys.stdout.write(json.dumps(main(**vars(parse_arguments()))) + "\n")
