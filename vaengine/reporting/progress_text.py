"""Shows the progress of a run: live bars on a terminal, plain lines elsewhere, JSON events for programs."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from types import TracebackType
from typing import TYPE_CHECKING, Any, Final, Protocol, TextIO

from schemas.pipelines import AUDIO
from schemas.work.progress import PipelineProgress, Snapshot
from vaengine.console.output import emit, in_one_cell, write_line
from vaengine.console.system_load import Load, LoadMeter
from vaengine.console.units import clock, counted

if TYPE_CHECKING:
    from rich.console import Console, Group
    from rich.spinner import Spinner

PLAIN_SECONDS: Final = 5.0  # between two plain lines
EVENT_SECONDS: Final = 2.0  # between two progress events
STARTING: Final = "reading the videos"
REDRAWN_PER_SECOND: Final = 8.0
LOAD_SECONDS: Final = 2.0  # between two measurements of the machine


class Display(Protocol):
    """Takes a snapshot about twice a second, between entering and leaving; a `live` one redraws the last
    lines of a terminal.
    """

    @property
    def live(self) -> bool: ...

    @property
    def hides_cursor(self) -> bool: ...

    def __call__(self, snapshot: Snapshot) -> None: ...
    def __enter__(self) -> Display: ...
    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None: ...


def display_for(*, as_json: bool, verbose: bool, elapsed_s: Callable[[], float] | None = None) -> Display:
    """The display that fits where the output goes; verbose logs would tear live bars apart, so then there are
    plain lines.

    `elapsed_s` is the clock that it shows before there is any progress.
    """
    if as_json:
        return Events(sys.stdout)
    from rich.console import Console

    console = Console(stderr=True)
    if console.is_terminal and not console.is_dumb_terminal and not verbose:
        return Bars(console, elapsed_s)
    return Lines(sys.stderr)


def videos_text(snapshot: Snapshot) -> str:
    """`3 of 10 videos (2 up to date, 1 failed)`; `10+` while more may be found."""
    total = f"{snapshot.videos_total:,}{'+' if snapshot.probing else ''}"
    asides = [
        f"{number:,} {word}"
        for number, word in ((snapshot.videos_skipped, "up to date"), (snapshot.videos_failed, "failed"))
        if number
    ]
    return f"{snapshot.videos_done:,} of {total} videos" + (f" ({', '.join(asides)})" if asides else "")


def pace_text(snapshot: Snapshot) -> str:
    """Frames a second, seconds of video a second, and the time left; before work starts, what is being
    done instead.
    """
    if snapshot.stopping:
        return f"stopping: {counted(snapshot.in_work, 'chunk')} in work to finish (once more to stop at once)"
    if snapshot.working_s <= 0:
        return "reading headers, starting workers" if snapshot.probing else "starting workers"
    eta = snapshot.eta_s
    left = f"about {clock(eta)} left" if eta is not None else "time left not known yet"
    return f"{snapshot.fps:.1f} frames/s · {snapshot.realtime_factor:.1f}x real time · {left}"


def plain_line(snapshot: Snapshot, load: Load | None = None) -> str:
    """The whole state on one line."""
    frames = f"{snapshot.frames_done:,} of {snapshot.frames_total:,} frames"
    sound = (
        f"{clock(snapshot.sound_s_done)} of {clock(snapshot.sound_s_total)} of sound"
        if snapshot.sound_s_total
        else ""
    )
    parts = [
        f"[{clock(snapshot.elapsed_s)}] {videos_text(snapshot)}",
        frames,
        *filter(None, [sound]),
        pace_text(snapshot),
    ]
    return " · ".join([*parts, str(load)] if load else parts)


def progress_data(snapshot: Snapshot) -> dict[str, Any]:
    """A snapshot as programs read it."""
    return {
        "videos_total": snapshot.videos_total,
        "videos_done": snapshot.videos_done,
        "videos_skipped": snapshot.videos_skipped,
        "videos_failed": snapshot.videos_failed,
        "frames_done": snapshot.frames_done,
        "frames_total": snapshot.frames_total,
        "video_s_done": round(snapshot.video_s_done, 3),
        "video_s_total": round(snapshot.video_s_total, 3),
        "sound_s_done": round(snapshot.sound_s_done, 3),
        "sound_s_total": round(snapshot.sound_s_total, 3),
        "in_work": snapshot.in_work,
        "elapsed_s": round(snapshot.elapsed_s, 3),
        "working_s": round(snapshot.working_s, 3),
        "fps": round(snapshot.fps, 3),
        "realtime_factor": round(snapshot.realtime_factor, 3),
        "eta_s": None if snapshot.eta_s is None else round(snapshot.eta_s, 1),
        "failures": snapshot.failure_count,
        "probing": snapshot.probing,
        "stopping": snapshot.stopping,
        "pipelines": {name: _pipeline_data(progress) for name, progress in snapshot.pipelines.items()},
    }


def snapshot_of(event: Mapping[str, Any], failures: Sequence[str] = ()) -> Snapshot:
    """The reverse of `progress_data`, to show a run of another process; `failures` are its failure
    messages.
    """
    counts = {name: value for name, value in event.items() if name in Snapshot.__dataclass_fields__}
    pipelines = {name: PipelineProgress(**progress) for name, progress in event["pipelines"].items()}
    return Snapshot(
        **{**counts, "pipelines": pipelines, "failures": tuple(failures), "failure_count": event["failures"]}
    )


def _pipeline_data(progress: PipelineProgress) -> dict[str, int]:
    return {
        "frames_done": progress.frames_done,
        "frames_total": progress.frames_total,
        "videos_done": progress.videos_done,
        "videos_failed": progress.videos_failed,
    }


def share(done: float, total: float) -> float:
    """How much is done, 0..1; nothing to do yet is 0."""
    return min(1.0, done / total) if total > 0 else 0.0


@dataclass(slots=True)
class Failures:
    """Tells which failures of a snapshot have not been shown; a snapshot holds the last few only."""

    shown: int = 0

    def new(self, snapshot: Snapshot) -> list[str]:
        count = snapshot.failure_count - self.shown
        self.shown = snapshot.failure_count
        if count <= 0:
            return []
        lines = list(snapshot.failures[-count:])
        unseen = count - len(lines)
        return [f"{counted(unseen, 'more failure')}: see `vaengine errors`", *lines] if unseen else lines


@dataclass(slots=True)
class Every:
    """True at most once in `seconds`."""

    seconds: float
    now: Callable[[], float] = time.monotonic
    last: float = field(default=float("-inf"))

    def due(self) -> bool:
        if self.now() - self.last < self.seconds:
            return False
        self.last = self.now()
        return True


class Lines:
    """Plain lines: the state every few seconds, each failure at once, the last state at the end."""

    live: Final = False
    hides_cursor: Final = False

    def __init__(self, stream: TextIO, every: Every | None = None) -> None:
        self._stream = stream
        self._every = every or Every(PLAIN_SECONDS)
        self._failures = Failures()
        self._load = LoadMeter()
        self._last: Snapshot | None = None
        self._printed: Snapshot | None = None

    def __call__(self, snapshot: Snapshot) -> None:
        self._last = snapshot
        for failure in self._failures.new(snapshot):
            write_line(f"failed: {in_one_cell(failure)}", self._stream)
        if self._every.due():
            self._print(snapshot)

    def _print(self, snapshot: Snapshot) -> None:
        self._printed = snapshot
        write_line(plain_line(snapshot, self._load.read()), self._stream)

    def __enter__(self) -> Lines:
        write_line(STARTING, self._stream)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._last is not None and self._last is not self._printed:
            self._print(self._last)


class Events:
    """One JSON object a line: progress every few seconds, each failure at once, the last state at the end."""

    live: Final = False
    hides_cursor: Final = False

    def __init__(self, stream: TextIO, every: Every | None = None) -> None:
        self._stream = stream
        self._every = every or Every(EVENT_SECONDS)
        self._failures = Failures()
        self._untold: Snapshot | None = None

    def __call__(self, snapshot: Snapshot) -> None:
        for failure in self._failures.new(snapshot):
            emit("failure", message=failure, to=self._stream)
        self._untold = snapshot
        if self._every.due():
            self._tell()

    def _tell(self) -> None:
        if self._untold is not None:
            emit("progress", progress_data(self._untold), to=self._stream)
        self._untold = None

    def __enter__(self) -> Events:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._tell()


class Bars:
    """Live bars, redrawn with each snapshot: one per pipeline, one over all, the pace, the machine, the last
    failures.

    Until there is any progress to show: that Ray is started, with a clock that goes on by itself.
    """

    hides_cursor: Final = True

    def __init__(self, console: Console, elapsed_s: Callable[[], float] | None = None) -> None:
        from rich.live import Live

        self.live = False  # once there are bars
        beginning = Starting(elapsed_s or since_now())
        self._live = Live(
            beginning,
            console=console,
            auto_refresh=True,
            refresh_per_second=REDRAWN_PER_SECOND,
            transient=True,
        )
        self._every = Every(LOAD_SECONDS)
        self._meter = LoadMeter()
        self._load = self._meter.read()

    def __call__(self, snapshot: Snapshot) -> None:
        if not (snapshot.pipelines or snapshot.failures or self.live):
            return  # nothing has come out yet
        self.live = True
        if self._every.due():
            self._load = self._meter.read()
        self._live.update(drawing(snapshot, self._load), refresh=True)

    def __enter__(self) -> Bars:
        self._live.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._live.stop()


def since_now(now: Callable[[], float] = time.monotonic) -> Callable[[], float]:
    """A clock that begins here, in seconds."""
    began_s = now()
    return lambda: now() - began_s


class Starting:
    """What is seen before there is progress, drawn anew each time: a spinner, the clock, and what is
    being done.
    """

    def __init__(self, elapsed_s: Callable[[], float]) -> None:
        from rich.spinner import Spinner

        self._spinner, self._elapsed_s = Spinner("dots"), elapsed_s

    def __rich__(self) -> Spinner:
        self._spinner.update(text=f"{clock(self._elapsed_s())}  {STARTING}")
        return self._spinner


def drawing(snapshot: Snapshot, load: Load) -> Group:
    """A snapshot as rich draws it."""
    from rich.console import Group
    from rich.progress_bar import ProgressBar
    from rich.table import Table
    from rich.text import Text

    bars = Table.grid(padding=(0, 1))
    for name, progress in snapshot.pipelines.items():
        done = share(progress.frames_done, progress.frames_total)
        failed = f", {progress.videos_failed:,} failed" if progress.videos_failed else ""
        unit = "s" if name == AUDIO else "frames"
        text = (
            f"{progress.frames_done:,}/{progress.frames_total:,} {unit}, "
            f"{counted(progress.videos_done, 'video')}{failed}"
        )
        bars.add_row(name, ProgressBar(total=1.0, completed=done, width=30), Text(text))
    done_s, total_s = (
        snapshot.video_s_done + snapshot.sound_s_done,
        snapshot.video_s_total + snapshot.sound_s_total,
    )
    overall = share(done_s, total_s)
    bars.add_row(
        "all",
        ProgressBar(total=1.0, completed=overall, width=30),
        Text(f"{overall:.0%}  {videos_text(snapshot)}"),
    )
    lines = [Text(f"[{clock(snapshot.elapsed_s)}] {pace_text(snapshot)}"), Text(str(load), style="dim")]
    failures = [
        Text(f"failed: {in_one_cell(line)}", style="red", overflow="ellipsis", no_wrap=True)
        for line in snapshot.failures
    ]
    return Group(bars, *lines, *failures)
