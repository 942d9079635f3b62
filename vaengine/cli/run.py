"""`vaengine run` and `vaengine resume`."""

from __future__ import annotations

import shlex
from typing import TYPE_CHECKING, Annotated

import typer

from schemas.errors import UsageError
from vaengine.cli.options import Config, Db, Json, Keep, Models, Out, Preset, Replace, Set
from vaengine.console.output import say

if TYPE_CHECKING:
    from vaengine.requests.replacement import Replace as Mode

Verbose = Annotated[
    bool, typer.Option("--verbose", "-v", help="Show Ray's logs and bars, and tracebacks of errors.")
]


def run(
    context: typer.Context,
    paths: Annotated[
        list[str] | None,
        typer.Argument(
            metavar="PATH",
            help="Videos, folders, globs in quotes, text lists of paths, or - for a list on standard input.",
        ),
    ] = None,
    out: Out = None,
    db: Db = None,
    pipelines: Annotated[
        str | None, typer.Option(metavar="NAMES", help="Such as scene,person,face,audio.  [default: all]")
    ] = None,
    preset: Preset = None,
    fast: Annotated[bool, typer.Option("--fast", help="Short for --preset fast.")] = False,
    high_quality: Annotated[
        bool, typer.Option("--high-quality", help="Short for --preset high-quality.")
    ] = False,
    models: Models = None,
    config: Config = None,
    settings: Set = None,
    workers: Annotated[
        int | None, typer.Option(metavar="N", help="Chunks in work at once, 1 to 32; 0: one per core.")
    ] = None,
    cluster: Annotated[
        str | None,
        typer.Option(
            metavar="WHERE", help="none, local, auto or HOST:PORT of Ray.  [default: none or local]"
        ),
    ] = None,
    priority: Annotated[
        float | None,
        typer.Option(metavar="N", help="Weight against other batches on one cluster.  [default: 1]"),
    ] = None,
    max_cpus: Annotated[
        float | None, typer.Option("--max-cpus", metavar="N", help="CPUs of a cluster to use at most.")
    ] = None,
    max_gpus: Annotated[
        float | None, typer.Option("--max-gpus", metavar="N", help="GPUs of a cluster to use at most.")
    ] = None,
    limit: Annotated[int | None, typer.Option(min=1, metavar="N", help="Only the first N videos.")] = None,
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Say what would be done, what it costs, and whether it can be.")
    ] = False,
    as_json: Json = False,
    no_files: Annotated[
        bool, typer.Option("--no-files", help="Only the store, no JSON files beside it.")
    ] = False,
    replace: Replace = False,
    keep: Keep = False,
    as_before: Annotated[
        bool, typer.Option("--as-before", help="With the settings that the store's results were made with.")
    ] = False,
    all_media: Annotated[
        bool, typer.Option("--all-media", help="Of folders take sound too, and media under any name.")
    ] = False,
    input_: Annotated[str | None, typer.Option("--input", "--video", hidden=True)] = None,
    resume_: Annotated[str | None, typer.Option("--resume", hidden=True)] = None,
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
        files=False if no_files else None,
        replace=one_answer(replace=replace, keep=keep, as_before=as_before),
        all_media=True if all_media else None,
        models=models,
        verbose=verbose,
    )
    with Signals() as signals:
        found = resolve_request(
            options, fetch=not dry_run, announce=PresetAnnouncement()
        )  # before weights are fetched or converted, where that has to be
        if dry_run:
            raise typer.Exit(print_plan(found.request, as_json=as_json))
        raise typer.Exit(run_in_foreground(found.request, signals, as_json=as_json, beginning=context.obj))


def resume(
    context: typer.Context,
    batch: Annotated[
        str | None,
        typer.Argument(
            metavar="BATCH", help="Batch id, or path of its checkpoint_<batch>.json.  [default: the newest]"
        ),
    ] = None,
    out: Out = None,
    db: Db = None,
    replace: Replace = False,
    keep: Keep = False,
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
        which = "the newest batch" if batch is None else "batch"
        presets = ", ".join(f"{NAMES[pipeline]} {preset}" for pipeline, preset in request.presets.items())
        say(
            f"{which} {request.batch_id}: {counted(len(request.batch_inputs), 'input')} as first asked; "
            f"{presets}"
        )
        if paused := unpaused(request.store_url, request.batch_id or ""):
            say(f"{counted(paused, 'paused job')} asked for again")
        raise typer.Exit(run_in_foreground(request, signals, as_json=as_json, beginning=context.obj))


def one_preset(preset: str | None, *, fast: bool, high_quality: bool) -> str | None:
    """The preset that was named, in whichever way; raises `UsageError` for two."""
    named = [
        name for name in (preset, "fast" if fast else None, "high-quality" if high_quality else None) if name
    ]
    if len(set(named)) > 1:
        raise UsageError(
            f"--preset, --fast and --high-quality say different things ({', '.join(named)}): give one"
        )
    return named[0] if named else None


def refuse_old_options(path: str | None, batch: str | None) -> None:
    """Raises `UsageError` with the command to give instead of options that other tools and earlier
    versions have.
    """
    if path is not None:
        raise UsageError(f"the path of a video is given without an option: vaengine run {shlex.quote(path)}")
    if batch is not None:
        raise UsageError(
            f"a batch is continued by a command of its own: vaengine resume {shlex.quote(batch)}"
        )


def one_answer(*, replace: bool, keep: bool, as_before: bool = False) -> Mode | None:
    """What is to become of results of other settings, None where nothing was said; raises `UsageError`
    for two answers.
    """
    said: dict[Mode, bool] = {"replace": replace, "keep": keep, "as-before": as_before}
    given = [mode for mode, is_given in said.items() if is_given]
    if len(given) > 1:
        raise UsageError(
            f"{' and '.join(f'--{mode}' for mode in given)} say different things about earlier results: give "
            "one"
        )
    return given[0] if given else None
