"""The report of a run, as text for people and JSON for programs: outcomes, results, next steps."""

from __future__ import annotations

import heapq
import os
import shlex
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import asdict
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from actors.stores.engines.address import without_password
from schemas.json_pieces import json_pieces
from schemas.media.video import is_named_after
from schemas.work.job import BatchJob, BatchReport, VideoOutcome
from schemas.work.retry import PERMANENT
from vaengine.console.output import Table, shown_path
from vaengine.console.units import clock, counted, size, timestamp
from vaengine.reporting.annotation_counts import TITLES, FoundCounts

if TYPE_CHECKING:
    from vaengine.requests.request import PlanSummary, RunRequest

ROWS: Final = 40  # of the table
ORDER: Final = ("failed", "pending", "completed", "skipped")
STYLES: Final = {"failed": "red", "pending": "yellow", "completed": "green", "skipped": "dim"}
OUTCOME_TEXTS: Final = {"skipped": "up to date"}  # JSON keeps the older word
# A warning in the store that people see as a note only: many cameras are silent.
NO_SOUND_WARNING: Final = "there is no sound in it"
SILENT_NOTE: Final = "no sound"
# Kinds of failures that come again until somebody changes the file, or retries it by name.
LASTING_KINDS: Final = (PERMANENT | {"no_such_track"}) - {"internal", "model", "weights", "not_started"}


def exit_code(report: BatchReport) -> int:
    """0 for complete results, 1 if some are missing, 129, 130 or 143 if a signal ended the run."""
    from vaengine.process.signals import EXIT_CODES

    if report.stopped_by is not None:
        return EXIT_CODES[report.stopped_by]
    return 1 if report.failed or report.pending or report.halted else 0


def headline(report: BatchReport) -> str:
    """The counts of a run on one line."""
    parts = [f"{report.completed:,} completed", f"{report.skipped:,} up to date", f"{report.failed:,} failed"]
    pending = [f"{report.pending:,} not begun or unfinished"] if report.pending else []
    end = f", stopped by {report.stopped_by}" if report.stopped_by else ""
    end += f"; ended early: {report.halted}" if report.halted else ""
    return (
        f"batch {report.batch_id}: {', '.join(parts + pending)} of "
        f"{counted(len(report.outcomes), 'video')}{end}"
    )


def effort(report: BatchReport, elapsed_s: float | None = None) -> str:
    """The decoded frames, the duration of the videos and the speed of a run.

    `elapsed_s` is the time since the command was given; without it the time of the run itself counts.
    """
    wall_s = report.wall_s if elapsed_s is None else elapsed_s
    pace = f" ({report.video_s / wall_s:.1f}x real time)" if wall_s > 0 and report.video_s > 0 else ""
    return (
        f"{counted(report.frames_decoded, 'frame')} decoded, {clock(report.video_s)} of video in "
        f"{clock(wall_s)}{pace}"
    )


def notes(outcome: VideoOutcome) -> str:
    """The notes of a video: why it failed, warnings, and videos with the same content."""
    has_other_name = (
        outcome.video_id
        and outcome.outcome != "failed"
        and not is_named_after(outcome.video_id, outcome.path)
    )
    original = f"same content as {outcome.video_id}" if has_other_name else ""
    copies = f"same content: {', '.join(outcome.duplicates)}" if outcome.duplicates else ""
    reason = (outcome.error_message or "").removeprefix(f"{outcome.path}: ")  # the path has its own column
    silence = SILENT_NOTE if _is_silent(outcome) else ""
    return "; ".join(filter(None, (reason, _warning(outcome), silence, original, copies)))


def _warning(outcome: VideoOutcome) -> str:
    parts = (outcome.warning or "").split("; ")
    warnings = [warning for warning in parts if warning and warning != NO_SOUND_WARNING]
    return f"warning: {'; '.join(warnings)}" if warnings else ""


def _is_silent(outcome: VideoOutcome) -> bool:
    return NO_SOUND_WARNING in (outcome.warning or "").split("; ")


def shown_first(outcomes: Iterable[VideoOutcome], most: int) -> list[VideoOutcome]:
    """The first outcomes in the order of the table: failed, pending, completed, up to date.

    Those with a warning are the first of each.
    """
    return heapq.nsmallest(most, outcomes, lambda one: (ORDER.index(one.outcome), not _warning(one)))


def outcome_table(report: BatchReport, found: Mapping[str, FoundCounts] | None = None) -> Table:
    """The table of a report with up to `ROWS` videos; `found` has the counts by video id."""
    first = shown_first(report.outcomes, ROWS)
    counts = found or {}
    rows = tuple(
        (
            OUTCOME_TEXTS.get(outcome.outcome, outcome.outcome),
            shown_path(outcome.path),
            *counts.get(outcome.video_id, FoundCounts()).cells,
            notes(outcome),
        )
        for outcome in first
    )
    colours = tuple(STYLES[outcome.outcome] for outcome in first)
    note_colours = tuple("dim" if _is_silent(outcome) and not _warning(outcome) else "" for outcome in first)
    return Table(("outcome", "video", *TITLES, "notes"), rows, colours, note_colours, names=1)


def more(report: BatchReport) -> str:
    """A line about the videos that the table leaves out; empty without any."""
    count = len(report.outcomes) - ROWS
    return f"and {count:,} more: `vaengine status` and `vaengine errors` list them" if count > 0 else ""


def places(request: RunRequest, batch_id: str) -> list[str]:
    """Lines with the places of the results: store, files and report."""
    files = [f"files    {shown_path(str(request.out))}{os.sep}VIDEO_ID{os.sep}"] if request.files else []
    return [
        f"store    {shown_url(request.store_url)}",
        *files,
        *([f"copies   {request.publish}"] if request.publish else []),
        f"report   {shown_path(str(report_path(request.out, batch_id)))}",
    ]


def shown_url(url: str) -> str:
    """The address of a store without a password; the path of a local store as tables show paths."""
    from actors.stores.engines.address import StoreUrl

    path = StoreUrl.parse(url).path if url.startswith(("sqlite:", "files:")) else None
    return shown_path(str(path)) if path else without_password(url)


def next_steps(
    report: BatchReport, request: RunRequest, found: Mapping[str, FoundCounts] | None = None
) -> list[str]:
    """Commands to go on with: to resume, to see errors, to look at results. `found` is by video id."""
    resume = (
        [f"{resume_command(report.batch_id, request.out)}   # does only what is missing"]
        if is_worth_resuming(report)
        else []
    )
    errors = [f"vaengine errors {_store_option(request)}"] if report.failed else []
    pictures = _pictures(report, request, found or {})
    return [
        *resume,
        *errors,
        *pictures,
        f"vaengine status {_store_option(request)}",
        *_password_note(request.store_url),
    ]


def is_worth_resuming(report: BatchReport) -> bool:
    """Whether another run may do more. It cannot for files with a failure that comes again every time."""
    failed = (outcome.failure_kind for outcome in report.outcomes if outcome.outcome == "failed")
    return bool(
        report.pending
        or report.stopped_by
        or report.halted
        or any(kind not in LASTING_KINDS for kind in failed)
    )


def _pictures(report: BatchReport, request: RunRequest, found: Mapping[str, FoundCounts]) -> list[str]:
    """Commands that draw the first completed video; a file of sound alone can be plotted only."""
    if not report.completed:
        return []
    (first,) = shown_first((one for one in report.outcomes if one.outcome == "completed"), 1)
    video = f"{shlex.quote(shown_path(first.path))} {_store_option(request)}"
    render = [f"vaengine render {video}"] if found.get(first.video_id, FoundCounts()).has_pictures else []
    return [*render, f"vaengine plot {video}"]


def _password_note(url: str) -> list[str]:
    """A hint that the shown commands need a password; empty for a server of ours, which needs no hint."""
    from actors.stores.engines.address import is_own_server

    if without_password(url) == url or is_own_server(url):
        return []
    return [
        "# set PGPASSWORD, or add the server to ~/.pgpass, before these commands: addresses are shown "
        "without a password"
    ]


def resume_command(batch_id: str, out: Path) -> str:
    """The command that resumes a batch."""
    return f"vaengine resume {batch_id} --out {shlex.quote(shown_path(str(out)))}"


def _store_option(request: RunRequest) -> str:
    from vaengine.requests.store_location import store_url

    if request.store_url == store_url(None, request.out):
        return f"--out {shlex.quote(shown_path(str(request.out)))}"
    return f"--db {shlex.quote(without_password(request.store_url))}"


def totals(report: BatchReport) -> dict[str, Any]:
    """The counts of a run, as in its last event and at the head of its report file."""
    return {
        "batch_id": report.batch_id,
        "completed": report.completed,
        "skipped": report.skipped,
        "failed": report.failed,
        "pending": report.pending,
        "total": len(report.outcomes),
        "success_rate": round(report.success_rate, 6),
        "wall_s": round(report.wall_s, 3),
        "frames_decoded": report.frames_decoded,
        "video_s": round(report.video_s, 3),
        "passes": report.passes,
        "stopped_by": report.stopped_by,
        "halted": report.halted,
        "started_at": report.started_at and report.started_at.isoformat(),
        "ended_at": report.ended_at and report.ended_at.isoformat(),
        "jobs_per_hour": report.jobs_per_hour,
    }


def finished_data(job: BatchJob) -> dict[str, Any]:
    """The JSON values of a video that has completed or failed while its batch still runs."""
    return {
        "video_id": job.video_id,
        "path": job.location,
        "job_id": job.job_id,
        "outcome": job.status.value,
        "error_message": job.error_message,
        "failure_kind": job.failure_kind,
    }


def report_of(event: Mapping[str, Any], outcomes: Iterable[VideoOutcome]) -> BatchReport:
    """The report of a run's last event and the outcomes of its `video` events."""
    names = ("batch_id", "wall_s", "frames_decoded", "video_s", "passes", "stopped_by", "halted")
    times: dict[str, Any] = {
        name: datetime.fromisoformat(event[name]) for name in ("started_at", "ended_at") if event.get(name)
    }
    return BatchReport(outcomes=tuple(outcomes), **{name: event[name] for name in names}, **times)


def outcome_of(event: Mapping[str, Any]) -> VideoOutcome:
    """The outcome of a `video` event."""
    values = {name: value for name, value in event.items() if name not in ("event", "time")}
    return VideoOutcome(**{**values, "duplicates": tuple(event["duplicates"])})


def report_path(out: Path, batch_id: str) -> Path:
    """The path of a batch's report file."""
    return out / f"batch_report_{batch_id}.json"


def report_data(report: BatchReport, presets: Mapping[str, str]) -> dict[str, Any]:
    """The values of a report file: the counts, then every video as it is read."""
    videos = map(asdict, report.outcomes)
    return {**totals(report), "written_at": timestamp(), "presets": dict(presets), "videos": videos}


def write_report(report: BatchReport, out: Path, presets: Mapping[str, str]) -> Path:
    """Write the report file under `out` atomically; returns its path, raises the errors of `write_atomic`."""
    from actors.atomic_files import storage_errors, write_atomic

    path = report_path(out, report.batch_id)
    with storage_errors(out):
        out.mkdir(parents=True, exist_ok=True)
    write_atomic(path, report_bytes(report, presets))
    return path


def report_bytes(report: BatchReport, presets: Mapping[str, str]) -> Iterator[bytes]:
    """The report as JSON, in pieces."""
    for piece in json_pieces(report_data(report, presets), ensure_ascii=False):
        yield piece.encode(errors="backslashreplace")


def plan_lines(plan: PlanSummary) -> list[str]:
    """The lines of a dry run."""
    unreadable = [f"unreadable  {line}" for line in plan.unreadable]
    replaced = [f"replaces    {line}" for line in plan.replaced]
    feasible = "feasible    yes" if plan.feasible else f"feasible    no: {plan.reason}"
    return [
        f"videos      {plan.videos:,}, of which {plan.skipped:,} have nothing left to do and "
        f"{len(plan.unreadable):,} cannot be read",
        *unreadable,
        *replaced,
        f"work        {counted(plan.chunks, 'chunk')}, {counted(plan.frames, 'frame')} "
        f"({clock(plan.video_s)} of video), "
        f"{plan.sampled_frames:,} looked at by models, {clock(plan.sound_s)} of sound",
        f"cost        about {clock(plan.decode_s)} of decoding and {clock(plan.model_s)} of models, in core "
        f"time; {plan.workers} at once",
        f"disk        about {size(plan.disk_bytes)}",
        f"resources   {plan.resources}",
        feasible,
    ]
