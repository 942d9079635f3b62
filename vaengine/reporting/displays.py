"""The displays of a run's progress: live bars on a terminal, plain lines elsewhere, JSON for programs."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from types import TracebackType
from typing import TYPE_CHECKING, Final, Protocol, TextIO

from schemas.pipelines import AUDIO
from schemas.work.progress import Snapshot
from vaengine.console.output import emit, in_one_cell, write_line
from vaengine.console.system_load import Load, LoadMeter
from vaengine.console.units import clock, counted
from vaengine.reporting.progress_text import pace_text, plain_line, progress_data, share, videos_text

if TYPE_CHECKING:
    from rich.console import Console, Group
    from rich.spinner import Spinner

PLAIN_SECONDS: Final = 5.0  # between two plain lines
EVENT_SECONDS: Final = 2.0  # between two progress events
STARTING: Final = "reading the videos"
REFRESHES_PER_SECOND: Final = 8.0
LOAD_SECONDS: Final = 2.0  # between two measurements of the machine


class Display(Protocol):
    """A context that shows snapshots, which it is called with about twice a second."""

    @property
    def live(self) -> bool:
        """Whether it redraws the last lines of a terminal."""

    @property
    def hides_cursor(self) -> bool:
        """Whether it hides the cursor of the terminal."""

    def __call__(self, snapshot: Snapshot) -> None: ...
    def __enter__(self) -> Display: ...
    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None: ...


def display_for(*, as_json: bool, verbose: bool, elapsed_s: Callable[[], float] | None = None) -> Display:
    """The display for the output of this process: events for JSON, live bars for a terminal, else lines.

    A verbose run has lines too, since logs would break live bars apart. `elapsed_s` is the clock for the time
    before there is any progress.
    """
    if as_json:
        return EventDisplay(sys.stdout)
    from rich.console import Console

    console = Console(stderr=True)
    if console.is_terminal and not console.is_dumb_terminal and not verbose:
        return BarDisplay(console, elapsed_s)
    return LineDisplay(sys.stderr)


@dataclass(slots=True)
class NewFailures:
    """Remembers how many failures of a run were shown. A snapshot has the last few failures only."""

    shown: int = 0

    def new(self, snapshot: Snapshot) -> list[str]:
        """Lines for the failures that were not shown yet, or for their number."""
        count = snapshot.failure_count - self.shown
        self.shown = snapshot.failure_count
        if count <= 0:
            return []
        lines = list(snapshot.failures[-count:])
        missing = count - len(lines)
        return [f"{counted(missing, 'more failure')}: see `vaengine errors`", *lines] if missing else lines


@dataclass(slots=True)
class Throttle:
    """Limits an action to once in `seconds`; `last` is the time of the last one on the clock `now`."""

    seconds: float
    now: Callable[[], float] = time.monotonic
    last: float = field(default=float("-inf"))

    def due(self) -> bool:
        """Whether the action is due, which then counts as done."""
        if self.now() - self.last < self.seconds:
            return False
        self.last = self.now()
        return True


class LineDisplay:
    """Shows plain lines: progress every few seconds, each failure at once, and the last state."""

    live: Final = False
    hides_cursor: Final = False

    def __init__(self, stream: TextIO, throttle: Throttle | None = None) -> None:
        self._stream = stream
        self._throttle = throttle or Throttle(PLAIN_SECONDS)
        self._failures = NewFailures()
        self._load = LoadMeter()
        self._last: Snapshot | None = None
        self._last_printed: Snapshot | None = None

    def __call__(self, snapshot: Snapshot) -> None:
        self._last = snapshot
        for failure in self._failures.new(snapshot):
            write_line(f"failed: {in_one_cell(failure)}", self._stream)
        if self._throttle.due():
            self._print(snapshot)

    def _print(self, snapshot: Snapshot) -> None:
        self._last_printed = snapshot
        write_line(plain_line(snapshot, self._load.read()), self._stream)

    def __enter__(self) -> LineDisplay:
        write_line(STARTING, self._stream)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._last is not None and self._last is not self._last_printed:
            self._print(self._last)


class EventDisplay:
    """Writes JSON events: progress every few seconds, each failure at once, and the last state."""

    live: Final = False
    hides_cursor: Final = False

    def __init__(self, stream: TextIO, throttle: Throttle | None = None) -> None:
        self._stream = stream
        self._throttle = throttle or Throttle(EVENT_SECONDS)
        self._failures = NewFailures()
        self._unsent: Snapshot | None = None

    def __call__(self, snapshot: Snapshot) -> None:
        for failure in self._failures.new(snapshot):
            emit("failure", message=failure, to=self._stream)
        self._unsent = snapshot
        if self._throttle.due():
            self._send()

    def _send(self) -> None:
        if self._unsent is not None:
            emit("progress", progress_data(self._unsent), to=self._stream)
        self._unsent = None

    def __enter__(self) -> EventDisplay:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._send()


class BarDisplay:
    """Shows live bars: one for each pipeline and one for all, with rates, machine load and last failures.

    Before there is any progress it shows a clock.
    """

    hides_cursor: Final = True

    def __init__(self, console: Console, elapsed_s: Callable[[], float] | None = None) -> None:
        from rich.live import Live

        self.live = False  # until there are bars
        self._live = Live(
            StartingText(elapsed_s or since_now()),
            console=console,
            auto_refresh=True,
            refresh_per_second=REFRESHES_PER_SECOND,
            transient=True,
        )
        self._throttle = Throttle(LOAD_SECONDS)
        self._meter = LoadMeter()
        self._load = self._meter.read()

    def __call__(self, snapshot: Snapshot) -> None:
        if not (snapshot.pipelines or snapshot.failures or self.live):
            return  # there is no progress yet
        self.live = True
        if self._throttle.due():
            self._load = self._meter.read()
        self._live.update(drawing(snapshot, self._load), refresh=True)

    def __enter__(self) -> BarDisplay:
        self._live.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._live.stop()


def since_now(now: Callable[[], float] = time.monotonic) -> Callable[[], float]:
    """A clock of the seconds since this call."""
    began_s = now()
    return lambda: now() - began_s


class StartingText:
    """A line for the time before there is progress: a spinner, the elapsed time and what the run does."""

    def __init__(self, elapsed_s: Callable[[], float]) -> None:
        from rich.spinner import Spinner

        self._spinner, self._elapsed_s = Spinner("dots"), elapsed_s

    def __rich__(self) -> Spinner:
        self._spinner.update(text=f"{clock(self._elapsed_s())}  {STARTING}")
        return self._spinner


def drawing(snapshot: Snapshot, load: Load) -> Group:
    """The bars and lines of a snapshot, for rich."""
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
    done_s = snapshot.video_s_done + snapshot.sound_s_done
    overall = share(done_s, snapshot.video_s_total + snapshot.sound_s_total)
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
