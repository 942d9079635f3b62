"""Runs the engine once in a process of its own and times start-up and work apart.

`python -m bench.harness.engine_process OUT CLIP...`; `--set KEY=VALUE` and `--pipelines NAMES` are those of
`vaengine run`.
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

# Of the frames, after which workers have imported their libraries and the pipeline is full.
STEADY_SHARE = 0.25


@dataclass(slots=True)
class Stopwatch:
    """Listens to a run. `begun` is when the first chunk was begun; `commits` are (seconds, frames done,
    videos done) at each change.

    The engine tells four times a second, so a change is seen at most that much late.
    """

    begun: float | None = None
    commits: list[tuple[float, int, int]] = field(default_factory=list)

    def __call__(self, snapshot: Snapshot, now: float | None = None) -> None:
        now = time.monotonic() if now is None else now
        if self.begun is None and snapshot.working_s > 0:
            self.begun = now - snapshot.working_s
        done = (snapshot.frames_done, snapshot.videos_done)
        if done != (self.commits[-1][1:] if self.commits else (0, 0)):
            self.commits.append((now, *done))

    @property
    def working_s(self) -> float:
        """Seconds from the first chunk begun to the last commit; raises `ValueError` where no chunk was
        begun or committed.
        """
        if self.begun is None or not self.commits:
            raise ValueError("the run did no work")
        return self.commits[-1][0] - self.begun

    @property
    def steady_s(self) -> float:
        """Seconds that all frames take at the pace after the first quarter of them, the run's tail included.

        What other chunks had done by then counts for it, so it needs many more chunks than workers. Raises
        `ValueError` where there were too few commits to tell.
        """
        if self._warm is None:
            raise ValueError("too few commits to tell the pace")
        (warm, done), (last, frames, _) = self._warm, self.commits[-1]
        return (last - warm) / (frames - done) * frames

    @property
    def tells_pace(self) -> bool:
        return self._warm is not None

    @property
    def _warm(self) -> tuple[float, int] | None:
        """Seconds and frames of the first commit after the first quarter, unless it is the last."""
        frames = max((frames for _, frames, _ in self.commits), default=0)
        return next(
            ((now, done) for now, done, _ in self.commits if STEADY_SHARE * frames <= done < frames), None
        )


def run(out: Path, paths: Sequence[Path], settings: Sequence[str], pipelines: str) -> dict[str, Any]:
    """`main` in a process of its own, which the run's whole start-up is part of; raises
    `CalledProcessError` where it fails.
    """
    words = [
        sys.executable,
        "-m",
        "bench.harness.engine_process",
        str(out),
        *map(str, paths),
        "--pipelines",
        pipelines,
    ]
    words += [word for setting in settings for word in ("--set", setting)]
    done = subprocess.run(words, check=True, stdout=subprocess.PIPE, text=True)
    told: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
    return told


def main(
    out: str, paths: Sequence[str], settings: Sequence[str] = (), pipelines: str | None = None
) -> dict[str, Any]:
    """Annotate `paths` into `out` as `vaengine run` does, with preset embedded unless `settings` name
    another.
    """
    from vaengine.execution.engine import Engine
    from vaengine.requests.run_options import RunOptions, resolve_request

    options = RunOptions(
        paths=tuple(paths),
        out=out,
        pipelines=pipelines,
        cluster="local",
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


def parsed(arguments: list[str] | None = None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m bench.harness.engine_process", description=__doc__)
    parser.add_argument("out")
    parser.add_argument("paths", nargs="+")
    parser.add_argument("--set", dest="settings", action="append", default=[], metavar="KEY=VALUE")
    parser.add_argument("--pipelines")
    return parser.parse_args(arguments)


if __name__ == "__main__":
    sys.stdout.write(json.dumps(main(**vars(parsed()))) + "\n")
