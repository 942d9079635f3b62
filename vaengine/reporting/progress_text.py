"""The text and the JSON of a run's progress."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from schemas.work.progress import PipelineProgress, Snapshot
from vaengine.console.system_load import Load
from vaengine.console.units import clock, counted


def videos_text(snapshot: Snapshot) -> str:
    """`3 of 10 videos (2 up to date, 1 failed)`; `10+` while more may be found."""
    total = f"{snapshot.videos_total:,}{'+' if snapshot.probing else ''}"
    details = [
        f"{number:,} {word}"
        for number, word in ((snapshot.videos_skipped, "up to date"), (snapshot.videos_failed, "failed"))
        if number
    ]
    return f"{snapshot.videos_done:,} of {total} videos" + (f" ({', '.join(details)})" if details else "")


def pace_text(snapshot: Snapshot) -> str:
    """The rates of a run and its remaining time, or what the run does before and after its work."""
    if snapshot.stopping:
        return f"stopping: {counted(snapshot.in_work, 'chunk')} in work to finish (once more to stop at once)"
    if snapshot.working_s <= 0:
        return "reading headers, starting workers" if snapshot.probing else "starting workers"
    eta = snapshot.eta_s
    left = f"about {clock(eta)} left" if eta is not None else "time left not known yet"
    return f"{snapshot.fps:.1f} frames/s · {snapshot.realtime_factor:.1f}x real time · {left}"


def plain_line(snapshot: Snapshot, load: Load | None = None) -> str:
    """The progress on one line; with `load` also the load of the machine."""
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
    """A snapshot as JSON values."""
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
    """The snapshot of a `progress_data` event, with the failure messages of its run."""
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
    """The share that is done, 0 to 1; 0 without anything to do."""
    return min(1.0, done / total) if total > 0 else 0.0
