"""One run of the engine in a process of its own, told apart into start-up and work: `python -m bench.engine_run OUT CLIP...`."""

from __future__ import annotations

import json
import sys
import time
from dataclasses import dataclass
from typing import Any

from schemas.progress import Snapshot


@dataclass(slots=True)
class Stopwatch:
    """Listens to a run. `begun` is when the first chunk was begun, `ended` when something was last committed or finished.

    The engine tells four times a second, so `ended` is at most that much late.
    """

    begun: float | None = None
    ended: float = 0.0
    _done: tuple[int, int] = (0, 0)

    def __call__(self, snapshot: Snapshot, now: float | None = None) -> None:
        now = time.monotonic() if now is None else now
        if self.begun is None and snapshot.working_s > 0:
            self.begun = now - snapshot.working_s
        if (done := (snapshot.frames_done, snapshot.videos_done)) != self._done:
            self._done, self.ended = done, now

    @property
    def working_s(self) -> float:
        """Seconds from the first chunk begun to the last commit; raises `ValueError` where no chunk was begun or committed."""
        if self.begun is None or self.ended <= self.begun:
            raise ValueError("the run did no work")
        return self.ended - self.begun


def main(out: str, clips: list[str]) -> dict[str, Any]:
    """Annotate `clips` with preset embedded into `out`, as `vaengine run` does."""
    from vaengine.engine import Engine
    from vaengine.options import RunOptions, asked

    request = asked(RunOptions(paths=tuple(clips), out=out, preset="embedded")).request
    stopwatch = Stopwatch()
    report = Engine(request, listener=stopwatch).run()
    return {"working_s": stopwatch.working_s, "wall_s": report.wall_s, "completed": report.completed}


if __name__ == "__main__":
    sys.stdout.write(json.dumps(main(sys.argv[1], sys.argv[2:])) + "\n")
