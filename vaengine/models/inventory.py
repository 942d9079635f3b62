"""The inventory of models behind `vaengine models`: status of each model, and fetching what is missing."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final, Literal

from schemas.errors import VaengineError
from schemas.settings.models import HubModel, ModelFile
from vaengine.console.output import Table, say
from vaengine.console.units import size
from vaengine.models import catalogue, weights, wheels
from vaengine.models.download import DownloadSource, Progress, obtain
from vaengine.models.huggingface import Hub
from vaengine.models.weights import ModelStatus, model_status

COLOURS: Final = {"ok": "green", "first use": "yellow", "wrong digest": "red", "damaged": "red"}

Model = ModelFile | HubModel
Showing = Callable[[Model], AbstractContextManager[Progress]]


@dataclass(frozen=True, slots=True)
class Pulled:
    """The result of fetching one model; a failed one has no `path`, and `error` says why."""

    model: Model
    outcome: Literal["fetched", "here", "failed"]
    path: Path | None = None
    error: str = ""

    def __str__(self) -> str:
        return (
            f"{self.outcome:<7}  {self.model.name}  {self.path}"
            if self.path
            else f"failed   {self.model.name}: {self.error}"
        )


def model_statuses(folders: Sequence[Path], hub: Hub) -> list[ModelStatus]:
    """The status of every model of the catalogue, in the first folder that has it."""
    files = [model_status(model, folders) for model in catalogue.files()]
    return [*files, *(hub.standing(model) for model in catalogue.HUB_MODELS.values())]


def copies(folders: Sequence[Path]) -> list[ModelStatus]:
    """Every copy of a catalogue file in any of the folders or in a package."""
    statuses = (model_status(model, (folder,)) for folder in folders for model in catalogue.files())
    # A copy in a package is found once for each folder.
    return list({status.path: status for status in statuses if status.path}.values())


def pull(
    models: Iterable[Model], folders: Sequence[Path], source: DownloadSource, hub: Hub, showing: Showing
) -> Iterator[Pulled]:
    """Fetch models that are not on this machine, one after the other; a failure does not stop the others.

    Files go into the first folder, models of the hub into its cache.
    """
    for model in models:
        local_path = (
            weights.find(model, folders) if isinstance(model, ModelFile) else hub.find(model.name, model.task)
        )
        try:
            with showing(model) as progress:
                path = (
                    obtain(model, folders, source, progress)
                    if isinstance(model, ModelFile)
                    else local_path or _fetch_from_hub(model, hub, progress)
                )
        except VaengineError as error:
            yield Pulled(model, "failed", error=str(error))
        else:
            yield Pulled(model, "here" if local_path else "fetched", path)


def _fetch_from_hub(model: HubModel, hub: Hub, progress: Progress) -> Path:
    progress(0, model.size_bytes)
    return hub.obtain(model.name, model.task)


def table(found: Iterable[ModelStatus]) -> Table:
    """A table of models; the column `preset` says which presets load a model, and for what."""
    shown = list(found)
    rows = (
        (
            each.state,
            each.model.name,
            _presets_text(each.model),
            size(each.model.size_bytes),
            each.model.licence,
            _location_text(each),
        )
        for each in shown
    )
    titles = ("state", "model", "preset", "size", "licence", "where")
    return Table(titles, tuple(rows), tuple(COLOURS.get(each.state, "") for each in shown))


def _location_text(found: ModelStatus) -> str:
    """Where a model is; else which package brings it, or why a package's copy is not used."""
    if found.path is None:
        return found.detail or (f"comes with {wheels.CURE}" if found.model.packaged else "")
    return f"{found.path} (package {found.package})" if found.package else str(found.path)


def _presets_text(model: Model) -> str:
    condition = {"pose": " with person.pose", "speakers": " with audio.speakers"}.get(model.task, "")
    return ", ".join(catalogue.presets_of(model)) + condition


def footnote(folders: Sequence[Path], source: DownloadSource) -> str:
    """One line that says where models are searched and fetched from."""
    origin = (
        f"nothing is fetched: {source.forbidden_by}"
        if source.offline
        else f"fetched from {source.mirror}"
        if source.mirror
        else ""
    )
    places = ", then ".join(map(str, folders))
    return "; ".join(
        filter(None, [f"looked for in {places}, in the hub's cache, and in installed packages", origin])
    )


def standing_data(found: ModelStatus) -> dict[str, Any]:
    """How it stands with a model, as programs read it."""
    place = {"path": found.path and str(found.path), "package": found.package or None}
    return {**_model_values(found.model), "state": found.state, **place, "detail": found.detail}


def states(found: Iterable[ModelStatus]) -> dict[str, int]:
    """How many models are in each state, as programs name it."""
    counts = Counter(each.state.replace(" ", "_") for each in found)
    return {name: counts[name] for name in ("ok", "first_use", "wrong_digest", "damaged", "not_here")}


def pulled_data(pulled: Pulled) -> dict[str, Any]:
    """How fetching a model ended, as programs read it."""
    path = pulled.path and str(pulled.path)
    return {**_model_values(pulled.model), "outcome": pulled.outcome, "path": path, "error": pulled.error}


def pull_counts(every: Iterable[Pulled]) -> dict[str, int]:
    """How many models were fetched, were here already, or failed."""
    outcomes = Counter(pulled.outcome for pulled in every)
    return {"completed": outcomes["fetched"], "skipped": outcomes["here"], "failed": outcomes["failed"]}


def _model_values(model: Model) -> dict[str, Any]:
    source = (
        {"sha256": model.sha256, "url": model.url}
        if isinstance(model, ModelFile)
        else {"sha256": model.held_to, "url": None}
    )
    return {
        "file": model.name,
        "presets": list(catalogue.presets_of(model)),
        "pipeline": catalogue.PIPELINES[model.task],
        "task": model.task,
        "what": model.what,
        "size_bytes": model.size_bytes,
        "licence": model.licence,
        **source,
    }


@contextmanager
def shown(model: Model) -> Iterator[Progress]:
    """Progress of fetching one model on standard error: a bar on a terminal, one line elsewhere.

    The hub's library does not report its progress, so its models have one line everywhere.
    """
    from rich.console import Console

    console = Console(stderr=True)
    if not console.is_terminal or console.is_dumb_terminal or isinstance(model, HubModel):
        yield _line_progress(model)
        return
    from rich.progress import BarColumn, DownloadColumn, TextColumn, TimeRemainingColumn
    from rich.progress import Progress as Bar

    columns = (
        TextColumn(model.name, markup=False),
        BarColumn(),
        DownloadColumn(binary_units=True),
        TimeRemainingColumn(),
    )
    with Bar(*columns, console=console, transient=True, redirect_stdout=False, redirect_stderr=False) as bar:
        task = bar.add_task(model.name, total=model.size_bytes, visible=False)
        yield lambda done, total: bar.update(task, completed=done, total=total, visible=True)


def _line_progress(model: Model) -> Progress:
    printed: list[int] = []

    def progress(done: int, total: int) -> None:
        if not printed:
            printed.append(done)
            about = "" if isinstance(model, ModelFile) else "about "
            say(f"fetching {model.name}, {about}{size(total)}")

    return progress
