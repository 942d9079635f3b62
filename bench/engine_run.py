"""One run of the engine in a process of its own, told apart into start-up and work: `python -m bench.engine_run OUT CLIP...`."""

from __future__ import annotations

import json
import sys
import time
from dataclasses import dataclass, field
from typing import Any

from schemas.progress import Snapshot

STEADY_SHARE = 0.25  # of the frames, after which workers have imported their libraries and the pipeline is full


@dataclass(slots=True)
class Stopwatch:
    """Listens to a run. `begun` is when the first chunk was begun; `commits` are (seconds, frames done, videos done) at each change.

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
        """Seconds from the first chunk begun to the last commit; raises `ValueError` where no chunk was begun or committed."""
        if self.begun is None or not self.commits:
            raise ValueError("the run did no work")
        return self.commits[-1][0] - self.begun

    @property
    def steady_s(self) -> float:
        """Seconds that all frames take at the pace after the first quarter of them, the run's tail included.

        Raises `ValueError` where there were too few commits to tell.
        """
        frames = max((frames for _, frames, _ in self.commits), default=0)
        warm = next(((now, done) for now, done, _ in self.commits if done >= STEADY_SHARE * frames), None)
        if warm is None or warm[1] >= frames:
            raise ValueError("too few commits to tell the pace")
        return (self.commits[-1][0] - warm[0]) / (frames - warm[1]) * frames


def main(out: str, clips: list[str]) -> dict[str, Any]:
    """Annotate `clips` with preset embedded into `out`, as `vaengine run` does."""
    from vaengine.engine import Engine
    from vaengine.options import RunOptions, asked

    request = asked(RunOptions(paths=tuple(clips), out=out, preset="embedded")).request
    stopwatch = Stopwatch()
    report = Engine(request, listener=stopwatch).run()
    return {"working_s": stopwatch.working_s, "steady_s": stopwatch.steady_s, "wall_s": report.wall_s, "completed": report.completed}


if __name__ == "__main__":
    sys.stdout.write(json.dumps(main(sys.argv[1], sys.argv[2:])) + "\n")
