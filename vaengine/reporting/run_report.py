"""The end of a run: what was completed, skipped and failed, why, where the results are, and how to go on."""

from __future__ import annotations

import json
import os
import shlex
from collections.abc import Iterable, Mapping
from dataclasses import asdict
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from actors.stores.engines.address import without_password
from schemas.media.video import is_named_after
from schemas.work.job import BatchJob, BatchReport, VideoOutcome
from schemas.work.retry import PERMANENT
from vaengine.console.output import Table, shown_path
from vaengine.console.units import clock, counted, size, timestamp
from vaengine.reporting.annotation_counts import TITLES, FoundCounts

if TYPE_CHECKING:
    from vaengine.requests.request import PlanSummary, RunRequest

ROWS: Final = 40  # lines of the table; what matters most comes first
ORDER: Final = ("failed", "pending", "completed", "skipped")
STYLES: Final = {"failed": "red", "pending": "yellow", "completed": "green", "skipped": "dim"}
SHOWN_AS: Final = {"skipped": "up to date"}  # what the JSON calls by its older word
# A warning of the store that is none for people: many cameras are silent.
NO_SOUND: Final = "there is no sound in it"
QUIET: Final = "no sound"
# Failures of a file that stay what they are until somebody changes it, or asks for them by name.
LASTING: Final = (PERMANENT | {"no_such_track"}) - {"internal", "model", "weights", "not_started"}


def exit_code(report: BatchReport) -> int:
    """0 when every result is there, 1 when some are not, 129, 130 or 143 when a signal ended the run."""
    from vaengine.process.signals import EXIT_CODES

    if report.stopped_by is not None:
        return EXIT_CODES[report.stopped_by]
    return 1 if report.failed or report.pending or report.halted else 0


def headline(report: BatchReport) -> str:
    """The counts on one line."""
    parts = [f"{report.completed:,} completed", f"{report.skipped:,} up to date", f"{report.failed:,} failed"]
    left = [f"{report.pending:,} not begun or unfinished"] if report.pending else []
    stopped = f", stopped by {report.stopped_by}" if report.stopped_by else ""
    stopped += f"; ended early: {report.halted}" if report.halted else ""
    return (
        f"batch {report.batch_id}: {', '.join(parts + left)} of "
        f"{counted(len(report.outcomes), 'video')}{stopped}"
    )


def effort(report: BatchReport, elapsed_s: float | None = None) -> str:
    """What was worked through, and how fast; `elapsed_s` is the time since the command was given, where
    that is known.
    """
    wall_s = report.wall_s if elapsed_s is None else elapsed_s
    pace = f" ({report.video_s / wall_s:.1f}x real time)" if wall_s > 0 and report.video_s > 0 else ""
    return (
        f"{counted(report.frames_decoded, 'frame')} decoded, {clock(report.video_s)} of video in "
        f"{clock(wall_s)}{pace}"
    )


def notes(outcome: VideoOutcome) -> str:
    """Why a video failed or what to know about it."""
    known = (
        outcome.video_id
        and outcome.outcome != "failed"
        and not is_named_after(outcome.video_id, outcome.path)
    )
    same = f"same content as {outcome.video_id}" if known else ""
    twins = f"same content: {', '.join(outcome.duplicates)}" if outcome.duplicates else ""
    reason = (outcome.error_message or "").removeprefix(f"{outcome.path}: ")  # the path has its own column
    return "; ".join(
        filter(None, (reason, _warning(outcome), QUIET if _is_silent(outcome) else "", same, twins))
    )


def _warning(outcome: VideoOutcome) -> str:
    warnings = [one for one in (outcome.warning or "").split("; ") if one and one != NO_SOUND]
    return f"warning: {'; '.join(warnings)}" if warnings else ""


def _is_silent(outcome: VideoOutcome) -> bool:
    return NO_SOUND in (outcome.warning or "").split("; ")


def shown_first(report: BatchReport) -> list[VideoOutcome]:
    """Outcomes by how much they matter: failures, unfinished ones, warnings, the rest; otherwise in their
    order.
    """
    return sorted(report.outcomes, key=lambda outcome: (ORDER.index(outcome.outcome), not _warning(outcome)))


def outcome_table(report: BatchReport, found: Mapping[str, FoundCounts] | None = None) -> Table:
    """The table of the report, with what was `found` in each video; `ROWS` lines at most."""
    first = shown_first(report)[:ROWS]
    counts = found or {}
    rows = tuple(
        (
            SHOWN_AS.get(outcome.outcome, outcome.outcome),
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
    """What the table leaves out; empty when nothing."""
    left = len(report.outcomes) - ROWS
    return f"and {left:,} more: `vaengine status` and `vaengine errors` list them" if left > 0 else ""


def places(request: RunRequest, batch_id: str) -> list[str]:
    """Where the results are."""
    files = [f"files    {shown_path(str(request.out))}{os.sep}VIDEO_ID{os.sep}"] if request.files else []
    return [
        f"store    {shown_url(request.store_url)}",
        *files,
        *([f"copies   {request.publish}"] if request.publish else []),
        f"report   {shown_path(str(report_path(request.out, batch_id)))}",
    ]


def shown_url(url: str) -> str:
    """The address of a store without a password; a path in it is as tables have paths."""
    from actors.stores.engines.address import StoreUrl

    path = StoreUrl.parse(url).path if url.startswith(("sqlite:", "files:")) else None
    return shown_path(str(path)) if path else without_password(url)


def next_steps(
    report: BatchReport, request: RunRequest, found: Mapping[str, FoundCounts] | None = None
) -> list[str]:
    """Commands that go on from here: what repeats what can succeed, what says why, what shows the results."""
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
    """Whether another run can do more than this one has: not for a file that cannot be read, however
    often it is tried.
    """
    failed = (outcome.failure_kind for outcome in report.outcomes if outcome.outcome == "failed")
    return bool(
        report.pending or report.stopped_by or report.halted or any(kind not in LASTING for kind in failed)
    )


def _pictures(report: BatchReport, request: RunRequest, found: Mapping[str, FoundCounts]) -> list[str]:
    """How to look at the first video that was completed; a file of sound alone can be plotted only."""
    done = next((outcome for outcome in shown_first(report) if outcome.outcome == "completed"), None)
    if done is None:
        return []
    video = f"{shlex.quote(shown_path(done.path))} {_store_option(request)}"
    render = [f"vaengine render {video}"] if found.get(done.video_id, FoundCounts()).has_pictures else []
    return [*render, f"vaengine plot {video}"]


def _password_note(url: str) -> list[str]:
    """What to set before the commands, whose address holds no password; nothing for a server of ours,
    whose password is found.
    """
    from actors.stores.engines.address import is_own_server

    if without_password(url) == url or is_own_server(url):
        return []
    return [
        "# set PGPASSWORD, or add the server to ~/.pgpass, before these commands: addresses are shown "
        "without a password"
    ]


def resume_command(batch_id: str, out: Path) -> str:
    """The command that goes on with a batch."""
    return f"vaengine resume {batch_id} --out {shlex.quote(shown_path(str(out)))}"


def _store_option(request: RunRequest) -> str:
    from vaengine.requests.store_location import store_url

    if request.store_url == store_url(None, request.out):
        return f"--out {shlex.quote(shown_path(str(request.out)))}"
    return f"--db {shlex.quote(without_password(request.store_url))}"


def totals(report: BatchReport) -> dict[str, Any]:
    """What a run came to, counted in videos: the last event, and the head of the report that is kept."""
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
    """A video that is done or has failed while the rest of the batch is still at work, as programs read
    it.
    """
    return {
        "video_id": job.video_id,
        "path": job.location,
        "job_id": job.job_id,
        "outcome": job.status.value,
        "error_message": job.error_message,
        "failure_kind": job.failure_kind,
    }


def report_of(event: Mapping[str, Any], outcomes: Iterable[VideoOutcome]) -> BatchReport:
    """A report read back from its last event and the outcomes of its `video` events."""
    names = ("batch_id", "wall_s", "frames_decoded", "video_s", "passes", "stopped_by", "halted")
    times: dict[str, Any] = {
        name: datetime.fromisoformat(event[name]) for name in ("started_at", "ended_at") if event.get(name)
    }
    return BatchReport(outcomes=tuple(outcomes), **{name: event[name] for name in names}, **times)


def outcome_of(event: Mapping[str, Any]) -> VideoOutcome:
    """The outcome in a `video` event."""
    values = {name: value for name, value in event.items() if name not in ("event", "time")}
    return VideoOutcome(**{**values, "duplicates": tuple(event["duplicates"])})


def report_path(out: Path, batch_id: str) -> Path:
    """Where the report of a batch is kept."""
    return out / f"batch_report_{batch_id}.json"


def report_data(report: BatchReport, presets: Mapping[str, str]) -> dict[str, Any]:
    """The report as it is kept: the counts, then every video."""
    videos = [asdict(outcome) for outcome in report.outcomes]
    return {**totals(report), "written_at": timestamp(), "presets": dict(presets), "videos": videos}


def write_report(report: BatchReport, out: Path, presets: Mapping[str, str]) -> Path:
    """Keep the report under `out`, whole or not at all; raises what `write_atomic` raises."""
    from actors.atomic_files import storage_errors, write_atomic

    path = report_path(out, report.batch_id)
    with storage_errors(out):
        out.mkdir(parents=True, exist_ok=True)
    write_atomic(path, report_bytes(report, presets))
    return path


def report_bytes(report: BatchReport, presets: Mapping[str, str]) -> bytes:
    """The report as JSON."""
    return json.dumps(report_data(report, presets), indent=2, ensure_ascii=False).encode(
        errors="backslashreplace"
    )


def plan_lines(plan: PlanSummary) -> list[str]:
    """What a dry run says."""
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
