"""Turns the options of the command line into a request: absolute paths, full names, resolved presets."""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Final

from actors.model_files.files import folders_of
from actors.sources.writing import require_writable_url
from schemas.errors import UsageError
from schemas.paths import absolute_location, absolute_path, is_url
from schemas.pipelines import AUDIO, AVAILABLE, pipeline_named
from schemas.settings import layers
from schemas.settings.layers import Configuration, Given, Layer
from vaengine.model_selection.discover import discover_environment
from vaengine.model_selection.presets import PresetResolution
from vaengine.model_selection.select import select_models
from vaengine.model_selection.trained_preset import with_trained_preset
from vaengine.models import catalogue
from vaengine.models.trained import find_trained
from vaengine.requests import batch_file as batchfile
from vaengine.requests.batch_file import BatchFile
from vaengine.requests.executor_choice import ClusterOption
from vaengine.requests.inputs.found_files import Selection, find_files
from vaengine.requests.replacement import Replace, replace_mode
from vaengine.requests.request import RunRequest
from vaengine.requests.store_location import DEFAULT_OUT, results_folder, store_url

PATH_KEYS: Final = ("person.weights", "models.folder", "models.cache", "models.scenes")
AS_BEFORE: Final = "as before"
# Folders in one folder that file systems and people still cope with.
MOST_VIDEO_FOLDERS: Final = 50_000
NAME_OR_PATH_KEYS: Final = (
    "face.pack",
    "audio.model",
    "audio.align_model",
    "audio.speaker_model",
    "audio.events_model",
)


@dataclass(frozen=True, slots=True)
class RunOptions:
    """The options of `vaengine run` as they were typed; None for those that were not given."""

    paths: tuple[str, ...] = ()
    out: str | None = None
    db: str | None = None
    pipelines: str | None = None
    preset: str | None = None
    config: Path | None = None
    settings: tuple[str, ...] = ()
    workers: int | None = None
    priority: float | None = None
    max_cpus: float | None = None
    max_gpus: float | None = None
    cluster: str | None = None
    limit: int | None = None
    files: bool | None = None
    publish: str | None = None
    replace: Replace | None = None
    all_media: bool | None = None
    models: Path | None = None
    verbose: bool = False


@dataclass(frozen=True, slots=True)
class ResolvedRequest:
    """A request, the line that says what the preset resolved to and why, and further lines to show."""

    request: RunRequest
    preset_line: str
    notes: tuple[str, ...] = ()


def resolve_request(
    options: RunOptions,
    *,
    fetch: bool = True,
    announce: Callable[[PresetResolution], None] = lambda resolution: None,
) -> ResolvedRequest:
    """Resolve options with a batch file and the defaults; raises a `UsageError` for what cannot run.

    Missing weights are fetched unless `fetch` is off, as for a dry run. `announce` receives what the preset
    resolved to, before fetching and at the end.
    """
    file = batch_file(options.config)
    named = options.pipelines or ",".join(file.texts("pipelines"))
    pipelines, user_settings = pipelines_named(named), _user_settings(options, file)
    layers.configured(user_settings)  # a misspelt key is reported before anything is searched or fetched
    mode = options.replace or replace_of(file)
    all_media = options.all_media if options.all_media is not None else _run_value(file, "all_media", False)
    found = find_files(_inputs(options, file), Selection(sound=pipelines == (AUDIO,), everything=all_media))
    inputs = found.paths
    db = options.db or _file_db(file)
    out = out_of(file) if file.text("out") and not options.out else results_folder(options.out, db)
    url = store_url(db, out)
    if mode == "as-before":
        settings, resolution = fitted_as_before(
            url, inputs, pipelines if named.strip(" ,") else (), user_settings, fetch=fetch, announce=announce
        )
        pipelines = tuple(name for name in AVAILABLE if name in resolution.presets)
    else:
        settings, resolution = _select_models(user_settings, pipelines, url, fetch=fetch, announce=announce)
    announce(resolution)
    limit = options.limit or _run_value(file, "limit", None)
    files = options.files if options.files is not None else _run_value(file, "files", None)
    videos = len(inputs[:limit])
    publish = options.publish or file.text("publish")
    if publish:
        require_writable_url(publish)
    where = ClusterOption.of(options.cluster, file.run.get("cluster"), os.environ)
    request = RunRequest(
        inputs=inputs,
        left_alone=found.left_alone,
        pipelines=pipelines,
        settings=settings.settings,
        out=out,
        store_url=url,
        cluster=where.cluster,
        cluster_text=where.text,
        limit=limit,
        files=files if files is not None else has_usual_files(videos),
        publish=publish,
        keep_runs=mode == "keep",
        replace=mode == "replace",
        verbose=options.verbose,
        presets=resolution.presets,
        record=resolution.record,
    )
    return ResolvedRequest(request, resolution.line, files_notes(videos, is_said=files is not None))


def has_usual_files(videos: int) -> bool:
    """Whether a run of so many videos writes a folder of files for each, where nothing says it."""
    return videos <= MOST_VIDEO_FOLDERS


def files_notes(videos: int, *, is_said: bool) -> tuple[str, ...]:
    """A line that says why there are no files, where nobody said that there are to be none."""
    if is_said or has_usual_files(videos):
        return ()
    return (
        f"no JSON files are written: {videos:,} videos would make as many folders, more than "
        f"{MOST_VIDEO_FOLDERS:,}; the store has everything, and --files writes them all the same",
    )


def batch_file(path: Path | None) -> BatchFile:
    """The batch file at `path`, or an empty one."""
    return batchfile.read(path) if path else BatchFile(Path("batch.yaml"), {}, {})


def resolved(
    options: RunOptions,
    file: BatchFile,
    pipelines: tuple[str, ...],
    *,
    store_url: str | None = None,
    fetch: bool = False,
    announce: Callable[[PresetResolution], None] = lambda resolution: None,
) -> tuple[Configuration, PresetResolution]:
    """Settings in their order: defaults, preset, file, `--set`, then the options with names of their own.

    Models are selected for this machine.
    """
    return _select_models(_user_settings(options, file), pipelines, store_url, fetch=fetch, announce=announce)


def _select_models(
    user_settings: Layer,
    pipelines: tuple[str, ...],
    url: str | None,
    *,
    fetch: bool,
    announce: Callable[[PresetResolution], None],
) -> tuple[Configuration, PresetResolution]:
    return select_models(
        user_settings,
        pipelines,
        discover_environment(user_settings, url, fetch=fetch, pipelines=pipelines, announce=announce),
    )


def fitted_as_before(
    url: str,
    inputs: Sequence[str],
    requested: tuple[str, ...],
    user_settings: Layer,
    *,
    fetch: bool = True,
    announce: Callable[[PresetResolution], None] = lambda resolution: None,
) -> tuple[Configuration, PresetResolution]:
    """Settings as the store has them; each pipeline keeps the preset that its results were made with.

    Without named pipelines, those that have results are used. Without `fetch`, as for a dry run, a store of
    an older version is not upgraded either. Raises what `before` and `select_models` raise.
    """
    from vaengine.requests.as_before import before

    folders = folders_of(layers.configured(user_settings).settings.models.folder, os.environ)
    earlier = before(url, inputs, requested, user_settings, folders, upgrade=fetch)
    settings, resolution = _select_models(
        earlier.told, earlier.pipelines, url, fetch=fetch, announce=announce
    )
    reasons = {**resolution.reasons, **dict.fromkeys(earlier.presets, AS_BEFORE)}
    choices = tuple(
        replace(choice, preset=earlier.presets[choice.pipeline], reason=AS_BEFORE)
        if choice.pipeline in earlier.presets
        else choice
        for choice in resolution.choices
    )
    return settings, replace(
        resolution,
        presets={**resolution.presets, **earlier.presets},
        reasons=reasons,
        record={},
        choices=choices,
    )


def replace_of(file: BatchFile) -> Replace:
    """The mode that a batch file gives for earlier results; raises `UsageError` if it gives two."""
    mode = replace_mode(_run_value(file, "replace", None))
    if not any(_run_value(file, key, False) for key in ("keep", "keep_runs")):
        return mode
    if mode not in ("ask", "keep"):
        raise UsageError(
            f"{file.path}: replace and keep say different things about earlier results: give one"
        )
    return "keep"


def _user_settings(options: RunOptions, file: BatchFile) -> Layer:
    given = {**_with_absolute_paths(file), **layers.assignments(options.settings), **_named_options(options)}
    return with_trained_preset(given, os.environ)


def user_setting(options: RunOptions, key: str) -> Any:
    """The value of one setting that the options or their batch file give; None where neither does.

    Raises a `UsageError` for a misspelt key and for a value that cannot be.
    """
    given = _user_settings(options, batch_file(options.config))
    layers.configured(given)
    return given[key].value if key in given else None


def _named_options(options: RunOptions) -> Layer:
    named = {
        "preset": Given(options.preset, "--preset"),
        "engine.workers": Given(options.workers, "--workers"),
        "engine.priority": Given(options.priority, "--priority"),
        "engine.max_cpus": Given(options.max_cpus, "--max-cpus"),
        "engine.max_gpus": Given(options.max_gpus, "--max-gpus"),
        "models.folder": Given(str(absolute_path(options.models)) if options.models else None, "--models"),
    }
    return {key: given for key, given in named.items() if given.value is not None}


def pipelines_named(text: str) -> tuple[str, ...]:
    """Full names from `scene,person`, each once, in their usual order; all pipelines for an empty text.

    Raises `UnknownPipeline`.
    """
    names = {pipeline_named(name) for name in text.split(",") if name.strip()}
    return tuple(name for name in AVAILABLE if name in names) or AVAILABLE


def out_of(file: BatchFile) -> Path:
    """`out` of a batch file, relative to it, or the default below the working directory."""
    text = file.text("out")
    if text and is_url(text):
        return results_folder(text, None)  # which says what to give instead
    return absolute_path(text, file.path.absolute().parent) if text else Path(DEFAULT_OUT).absolute()


def _with_absolute_paths(file: BatchFile) -> Layer:
    """A batch file's settings with its relative paths made absolute.

    A name of the catalogue or the hub is no path.
    """
    settings, root = dict(file.settings), file.path.absolute().parent
    for key in (*PATH_KEYS, *NAME_OR_PATH_KEYS):
        if (given := settings.get(key)) and isinstance(given.value, str) and _is_path(key, given.value, root):
            settings[key] = Given(str(absolute_path(given.value, root)), given.origin)
    return settings


def _is_path(key: str, value: str, root: Path) -> bool:
    """Whether a value is a path.

    Where names are allowed too, a value is a path if it looks like one or is a folder beside the batch file.
    """
    if key in PATH_KEYS:
        is_trained = key == "person.weights" and find_trained(value, folders_of(None, os.environ))
        return value not in catalogue.MODELS and not is_trained
    return value.startswith(("/", ".", "~")) or (root / value).is_dir()


def _run_value(file: BatchFile, key: str, default: Any) -> Any:
    return file.run[key].value if key in file.run else default


def file_inputs(file: BatchFile) -> tuple[str, ...]:
    """Inputs of a batch file as absolute paths and URLs; empty where it has none."""
    return tuple(absolute_location(text, file.path.absolute().parent) for text in file.texts("inputs"))


def _inputs(options: RunOptions, file: BatchFile) -> tuple[str, ...]:
    inputs = options.paths or file_inputs(file)
    if not inputs:
        raise UsageError(
            "no input: give a video file, a folder, a URL, a glob in quotes, or a list (or `inputs:` in a "
            "batch file)"
        )
    return inputs


def _file_db(file: BatchFile) -> str | None:
    """`db` of a batch file with its path made absolute."""
    scheme, _, rest = (file.text("db") or "").partition(":")
    slashes = "///" if rest.startswith("///") else ""
    if scheme not in ("files", "sqlite") or (scheme == "sqlite") != bool(slashes):
        return file.text("db")  # nothing to make absolute, or no address at all: the store says so
    return f"{scheme}:{slashes}{absolute_path(rest.removeprefix(slashes), file.path.absolute().parent)}"
