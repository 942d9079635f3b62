"""`vaengine run` and `vaengine resume`: commands that annotate videos."""

from __future__ import annotations

import shlex
from contextlib import nullcontext
from typing import TYPE_CHECKING, Annotated

import typer

from schemas.errors import UsageError
from vaengine.cli.options import Config, Db, Json, Keep, Models, Out, Preset, Replace, Set
from vaengine.cli.runs.run_page import shown_in_browser
from vaengine.console.output import say

if TYPE_CHECKING:
    from vaengine.requests.replacement import Replace as Mode

Paths = Annotated[
    list[str] | None,
    typer.Argument(
        metavar="PATH",
        help="Videos, folders, globs in quotes, URLs, lists of these, or - for a list on standard input.",
    ),
]
Pipelines = Annotated[
    str | None, typer.Option(metavar="NAMES", help="Such as scene,person,face,audio.  [default: all]")
]
Fast = Annotated[bool, typer.Option("--fast", help="Short for --preset fast.")]
HighQuality = Annotated[bool, typer.Option("--high-quality", help="Short for --preset high-quality.")]
Workers = Annotated[
    int | None, typer.Option(metavar="N", help="Chunks in work at once, 1 to 32; 0: one per core.")
]
Cluster = Annotated[
    str | None,
    typer.Option(
        metavar="WHERE",
        help="none, local, auto, HOST:PORT or ray://HOST:PORT.  [default: none or local]",
    ),
]
Priority = Annotated[
    float | None, typer.Option(metavar="N", help="Weight against other batches on one cluster.  [default: 1]")
]
MaxCpus = Annotated[
    float | None, typer.Option("--max-cpus", metavar="N", help="CPUs of a cluster to use at most.")
]
MaxGpus = Annotated[
    float | None, typer.Option("--max-gpus", metavar="N", help="GPUs of a cluster to use at most.")
]
Limit = Annotated[int | None, typer.Option(min=1, metavar="N", help="Only the first N videos.")]
DryRun = Annotated[
    bool, typer.Option("--dry-run", help="Say what would be done, what it costs, and whether it can be.")
]
Files = Annotated[
    bool | None,
    typer.Option(
        "--files/--no-files",
        help="JSON files beside the store, or only the store.  [default: files, up to 50,000 videos]",
        show_default=False,
    ),
]
Publish = Annotated[
    str | None,
    typer.Option(metavar="URL", help="Put the JSON files and the report there too: s3://BUCKET/PREFIX."),
]
AsBefore = Annotated[
    bool, typer.Option("--as-before", help="With the settings that the store's results were made with.")
]
AllMedia = Annotated[
    bool, typer.Option("--all-media", help="Of folders take sound too, and media under any name.")
]
Open = Annotated[bool, typer.Option("--open", help="Show it in the browser while it runs.")]
# Options of other tools and of earlier versions, which are refused with the command to give instead.
OldInput = Annotated[str | None, typer.Option("--input", "--video", hidden=True)]
OldResume = Annotated[str | None, typer.Option("--resume", hidden=True)]
Verbose = Annotated[
    bool, typer.Option("--verbose", "-v", help="Show Ray's logs and bars, and tracebacks of errors.")
]
Batch = Annotated[
    str | None,
    typer.Argument(
        metavar="BATCH", help="Batch id, or path of its checkpoint_<batch>.json.  [default: the newest]"
    ),
]


def run(
    context: typer.Context,
    paths: Paths = None,
    out: Out = None,
    db: Db = None,
    pipelines: Pipelines = None,
    preset: Preset = None,
    fast: Fast = False,
    high_quality: HighQuality = False,
    models: Models = None,
    config: Config = None,
    settings: Set = None,
    workers: Workers = None,
    cluster: Cluster = None,
    priority: Priority = None,
    max_cpus: MaxCpus = None,
    max_gpus: MaxGpus = None,
    limit: Limit = None,
    dry_run: DryRun = False,
    as_json: Json = False,
    files: Files = None,
    publish: Publish = None,
    replace: Replace = False,
    keep: Keep = False,
    as_before: AsBefore = False,
    all_media: AllMedia = False,
    open_: Open = False,
    input_: OldInput = None,
    resume_: OldResume = None,
    verbose: Verbose = False,
) -> None:
    """Annotate videos. The same command again does what is missing."""
    from vaengine.execution.foreground import print_plan, run_in_foreground
    from vaengine.model_selection.preset_table import PresetAnnouncement
    from vaengine.process.signals import Signals
    from vaengine.requests.run_options import RunOptions, resolve_request

    refuse_old_options(input_, resume_)
    options = RunOptions(
        paths=tuple(paths or ()),
        out=out,
        db=db,
        pipelines=pipelines,
        preset=one_preset(preset, fast=fast, high_quality=high_quality),
        config=config,
        settings=tuple(settings or ()),
        workers=workers,
        priority=priority,
        max_cpus=max_cpus,
        max_gpus=max_gpus,
        cluster=cluster,
        limit=limit,
        files=files,
        publish=publish,
        replace=one_answer(replace=replace, keep=keep, as_before=as_before),
        all_media=True if all_media else None,
        models=models,
        verbose=verbose,
    )
    with Signals() as signals:
        # The presets are announced before their weights are fetched or converted.
        resolved = resolve_request(options, fetch=not dry_run, announce=PresetAnnouncement())
        request = resolved.request
        for line in resolved.notes:
            say(line)
        if dry_run:
            raise typer.Exit(print_plan(request, as_json=as_json))
        with shown_in_browser(request) if open_ else nullcontext():
            raise typer.Exit(run_in_foreground(request, signals, as_json=as_json, invocation=context.obj))


def resume(
    context: typer.Context,
    batch: Batch = None,
    out: Out = None,
    db: Db = None,
    replace: Replace = False,
    keep: Keep = False,
    open_: Open = False,
    as_json: Json = False,
    verbose: Verbose = False,
) -> None:
    """Continue a batch: stopped, killed, paused or failed parts."""
    from vaengine.api.job_control import unpaused
    from vaengine.console.units import counted
    from vaengine.execution.foreground import run_in_foreground
    from vaengine.model_selection.preset_table import NAMES
    from vaengine.process.signals import Signals
    from vaengine.requests.store_location import checkpoint_of

    with Signals() as signals:
        answer = one_answer(replace=replace, keep=keep)
        request = checkpoint_of(batch, out, db).request(verbose=verbose).answered(answer)
        title = "the newest batch" if batch is None else "batch"
        presets = ", ".join(f"{NAMES[pipeline]} {preset}" for pipeline, preset in request.presets.items())
        say(
            f"{title} {request.batch_id}: {counted(len(request.batch_inputs), 'input')} as first asked; "
            f"{presets}"
        )
        if count := unpaused(request.store_url, request.batch_id or ""):
            say(f"{counted(count, 'paused job')} asked for again")
        with shown_in_browser(request) if open_ else nullcontext():
            raise typer.Exit(run_in_foreground(request, signals, as_json=as_json, invocation=context.obj))


def one_preset(preset: str | None, *, fast: bool, high_quality: bool) -> str | None:
    """The preset of these three options; raises `UsageError` for two different ones."""
    names = [
        name for name in (preset, "fast" if fast else None, "high-quality" if high_quality else None) if name
    ]
    if len(set(names)) > 1:
        raise UsageError(
            f"--preset, --fast and --high-quality say different things ({', '.join(names)}): give one"
        )
    return names[0] if names else None


def refuse_old_options(path: str | None, batch: str | None) -> None:
    """Raise `UsageError` for an option of other tools or earlier versions; it has the command instead."""
    if path is not None:
        raise UsageError(f"the path of a video is given without an option: vaengine run {shlex.quote(path)}")
    if batch is not None:
        raise UsageError(
            f"a batch is continued by a command of its own: vaengine resume {shlex.quote(batch)}"
        )


def one_answer(*, replace: bool, keep: bool, as_before: bool = False) -> Mode | None:
    """What to do with results of other settings, None without an option; raises `UsageError` for two."""
    options: dict[Mode, bool] = {"replace": replace, "keep": keep, "as-before": as_before}
    modes = [mode for mode, is_given in options.items() if is_given]
    if len(modes) > 1:
        raise UsageError(
            f"{' and '.join(f'--{mode}' for mode in modes)} say different things about earlier results: give "
            "one"
        )
    return modes[0] if modes else None
