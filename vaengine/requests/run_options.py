"""From what the command line says to a request that can be run: every path absolute, every name known,
the preset applied.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Final

from actors.model_files.files import folders_of
from schemas.errors import UsageError
from schemas.paths import absolute_path
from schemas.pipelines import AUDIO, AVAILABLE, pipeline_named
from schemas.settings import layers
from schemas.settings.layers import Configuration, Given, Layer
from vaengine.model_selection.discover import discover_environment
from vaengine.model_selection.presets import Resolution
from vaengine.model_selection.select import select_models
from vaengine.models import catalogue
from vaengine.requests import batch_file as batchfile
from vaengine.requests.batch_file import BatchFile
from vaengine.requests.executor_choice import EITHER
from vaengine.requests.inputs import Selection, find_files
from vaengine.requests.replacement import Replace, replace_mode
from vaengine.requests.request import RunRequest
from vaengine.requests.store_location import DEFAULT_OUT, results_folder, store_url

PATHS: Final = ("person.weights", "models.folder", "models.cache")
CLUSTER_VARIABLE: Final = (
    "VAENGINE_CLUSTER"  # where nothing else says it: none, local, auto, either or HOST:PORT
)
AS_BEFORE: Final = "as before"
NAMES_OR_PATHS: Final = (
    "face.pack",
    "audio.model",
    "audio.align_model",
    "audio.speaker_model",
    "audio.events_model",
)


@dataclass(frozen=True, slots=True)
class RunOptions:
    """What `vaengine run` was told, as it was typed; None where nothing was said."""

    paths: tuple[str, ...] = ()
    out: str | None = None
    db: str | None = None
    pipelines: str | None = None
    preset: str | None = None
    config: Path | None = None
    settings: tuple[str, ...] = ()
    workers: int | None = None
    cluster: str | None = None
    limit: int | None = None
    files: bool | None = None
    replace: Replace | None = None
    all_media: bool | None = None
    models: Path | None = None
    verbose: bool = False


@dataclass(frozen=True, slots=True)
class ResolvedRequest:
    """A request, and the first line of output: what the preset came to and why."""

    request: RunRequest
    preset_line: str


def resolve_request(
    options: RunOptions,
    *,
    fetch: bool = True,
    announce: Callable[[Resolution], None] = lambda resolution: None,
) -> ResolvedRequest:
    """Resolve options against a batch file and the defaults; raises a `UsageError` for anything that cannot
    be run.

    Weights that are not here are fetched, unless told otherwise as for a dry run; `announce` hears what the
    preset came to, before that and at the end.
    """
    file = batch_file(options.config)
    named = options.pipelines or ",".join(file.texts("pipelines"))
    pipelines, told = pipelines_named(named), _told(options, file)
    layers.configured(told)  # a misspelt key is told before anything is looked for or fetched
    mode = options.replace or replace_of(file)
    every = options.all_media if options.all_media is not None else _value(file, "all_media", False)
    found = find_files(_inputs(options, file), Selection(sound=pipelines == (AUDIO,), everything=every))
    inputs = tuple(map(str, found.paths))
    db = options.db or _file_db(file)
    out = out_of(file) if file.text("out") and not options.out else results_folder(options.out, db)
    url = store_url(db, out)
    if mode == "as-before":
        settings, resolution = fitted_as_before(
            url, inputs, pipelines if named.strip(" ,") else (), told, fetch=fetch, announce=announce
        )
        pipelines = tuple(name for name in AVAILABLE if name in resolution.presets)
    else:
        settings, resolution = _fitted(told, pipelines, url, fetch=fetch, announce=announce)
    announce(resolution)
    request = RunRequest(
        inputs=inputs,
        left_alone=found.left_alone,
        pipelines=pipelines,
        settings=settings.settings,
        out=out,
        store_url=url,
        cluster=options.cluster or file.text("cluster") or os.environ.get(CLUSTER_VARIABLE) or EITHER,
        limit=options.limit or _value(file, "limit", None),
        files=options.files if options.files is not None else _value(file, "files", True),
        keep_runs=mode == "keep",
        replace=mode == "replace",
        verbose=options.verbose,
        presets=resolution.presets,
        record=resolution.record,
    )
    return ResolvedRequest(request, resolution.line)


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
    announce: Callable[[Resolution], None] = lambda resolution: None,
) -> tuple[Configuration, Resolution]:
    """Settings in their order: defaults, preset, file, `--set`, then the options that have a name of
    their own; fitted to this machine.
    """
    return _fitted(_told(options, file), pipelines, store_url, fetch=fetch, announce=announce)


def _fitted(
    told: Layer,
    pipelines: tuple[str, ...],
    url: str | None,
    *,
    fetch: bool,
    announce: Callable[[Resolution], None],
) -> tuple[Configuration, Resolution]:
    return select_models(
        told, pipelines, discover_environment(told, url, fetch=fetch, pipelines=pipelines, announce=announce)
    )


def fitted_as_before(
    url: str,
    inputs: Sequence[str],
    asked: tuple[str, ...],
    told: Layer,
    *,
    fetch: bool = True,
    announce: Callable[[Resolution], None] = lambda resolution: None,
) -> tuple[Configuration, Resolution]:
    """Settings as the store has them; each pipeline that there were results of keeps the preset it was made
    with.

    `resolve_request` are pipelines by name; with none, those that there are results of. Without `fetch`, as
    for a dry run, an older version's store is not brought up to date either. Raises what `before` and
    `select_models` raise.
    """
    from vaengine.requests.as_before import before

    folders = folders_of(layers.configured(told).settings.models.folder, os.environ)
    found = before(url, inputs, asked, told, folders, upgrade=fetch)
    settings, resolution = _fitted(found.told, found.pipelines, url, fetch=fetch, announce=announce)
    whys = {**resolution.whys, **dict.fromkeys(found.presets, AS_BEFORE)}
    choices = tuple(
        replace(one, preset=found.presets[one.pipeline], reason=AS_BEFORE)
        if one.pipeline in found.presets
        else one
        for one in resolution.choices
    )
    return settings, replace(
        resolution, presets={**resolution.presets, **found.presets}, whys=whys, record={}, choices=choices
    )


def replace_of(file: BatchFile) -> Replace:
    """What a batch file says of earlier results; raises `UsageError` where it says two things."""
    mode = replace_mode(_value(file, "replace", None))
    if not any(_value(file, key, False) for key in ("keep", "keep_runs")):
        return mode
    if mode not in ("ask", "keep"):
        raise UsageError(
            f"{file.path}: replace and keep say different things about earlier results: give one"
        )
    return "keep"


def _told(options: RunOptions, file: BatchFile) -> Layer:
    return {**_rooted(file), **layers.assignments(options.settings), **_named_options(options)}


def _named_options(options: RunOptions) -> Layer:
    named = {
        "preset": Given(options.preset, "--preset"),
        "engine.workers": Given(options.workers, "--workers"),
        "models.folder": Given(str(absolute_path(options.models)) if options.models else None, "--models"),
    }
    return {key: given for key, given in named.items() if given.value is not None}


def pipelines_named(text: str) -> tuple[str, ...]:
    """Full names from `scene,person`, each once, in the order they are known; all of them for nothing.

    Raises `UnknownPipeline`.
    """
    names = {pipeline_named(name) for name in text.split(",") if name.strip()}
    return tuple(name for name in AVAILABLE if name in names) or AVAILABLE


def out_of(file: BatchFile) -> Path:
    """`out` of a batch file, relative to it, or the default below the working directory."""
    text = file.text("out")
    return absolute_path(text, file.path.absolute().parent) if text else Path(DEFAULT_OUT).absolute()


def _rooted(file: BatchFile) -> Layer:
    """A batch file's settings, paths among them relative to the file; a name of the catalogue or the hub
    is no path.
    """
    told, root = dict(file.settings), file.path.absolute().parent
    for key in (*PATHS, *NAMES_OR_PATHS):
        if (given := told.get(key)) and isinstance(given.value, str) and _is_path(key, given.value, root):
            told[key] = Given(str(absolute_path(given.value, root)), given.origin)
    return told


def _is_path(key: str, value: str, root: Path) -> bool:
    """Whether a value is meant as a path: where names may stand too, one that looks like a path or is a
    folder beside the batch file.
    """
    if key in PATHS:
        return value not in catalogue.MODELS
    return value.startswith(("/", ".", "~")) or (root / value).is_dir()


def _value(file: BatchFile, key: str, default: Any) -> Any:
    return file.run[key].value if key in file.run else default


def file_inputs(file: BatchFile) -> tuple[str, ...]:
    """Inputs of a batch file, relative to it; none where it names none."""
    return tuple(str(absolute_path(text, file.path.absolute().parent)) for text in file.texts("inputs"))


def _inputs(options: RunOptions, file: BatchFile) -> tuple[str, ...]:
    inputs = options.paths or file_inputs(file)
    if not inputs:
        raise UsageError(
            "no input: give a video file, a folder, a glob in quotes, or a text list (or `inputs:` in a "
            "batch file)"
        )
    return inputs


def _file_db(file: BatchFile) -> str | None:
    """`db` of a batch file with its path made relative to the file."""
    scheme, _, rest = (file.text("db") or "").partition(":")
    slashes = "///" if rest.startswith("///") else ""
    if scheme not in ("files", "sqlite") or (scheme == "sqlite") != bool(slashes):
        return file.text("db")  # nothing to make absolute, or no address at all: the store says so
    return f"{scheme}:{slashes}{absolute_path(rest.removeprefix(slashes), file.path.absolute().parent)}"
