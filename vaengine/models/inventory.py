"""What `vaengine models` shows and does: every model that a preset may need, how it stands with it, and
fetching what is not here.
"""

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
from vaengine.models.download import Progress, Source, obtain
from vaengine.models.huggingface import Hub
from vaengine.models.weights import ModelStatus, model_status

COLOURS: Final = {"ok": "green", "first use": "yellow", "wrong digest": "red", "damaged": "red"}

Model = ModelFile | HubModel
Showing = Callable[[Model], AbstractContextManager[Progress]]


@dataclass(frozen=True, slots=True)
class Pulled:
    """How fetching one model ended; `path` is None and `error` says why where it failed."""

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
    """Every model of the catalogue, as the first folder that has it holds it."""
    files = [model_status(model, folders) for model in catalogue.files()]
    return [*files, *(hub.standing(model) for model in catalogue.HUB_MODELS.values())]


def copies(folders: Sequence[Path]) -> list[ModelStatus]:
    """Every file of the catalogue that is in any of the folders or in a package, each copy by itself."""
    every = (model_status(model, (folder,)) for folder in folders for model in catalogue.files())
    return list(
        {found.path: found for found in every if found.path}.values()
    )  # what is in a package is no folder's own


def pull(
    models: Iterable[Model], folders: Sequence[Path], source: Source, hub: Hub, showing: Showing
) -> Iterator[Pulled]:
    """Fetch what is nowhere here, one after the other; one that fails does not keep the others back.

    Files go into the first folder, models of the hub into its cache.
    """
    for model in models:
        there = (
            weights.find(model, folders) if isinstance(model, ModelFile) else hub.find(model.name, model.task)
        )
        try:
            with showing(model) as progress:
                path = (
                    obtain(model, folders, source, progress)
                    if isinstance(model, ModelFile)
                    else there or _fetched(model, hub, progress)
                )
        except VaengineError as error:
            yield Pulled(model, "failed", error=str(error))
        else:
            yield Pulled(model, "here" if there else "fetched", path)


def _fetched(model: HubModel, hub: Hub, progress: Progress) -> Path:
    progress(0, model.size_bytes)
    return hub.obtain(model.name, model.task)


def table(found: Iterable[ModelStatus]) -> Table:
    """Models as a person reads them; `preset` names who loads them, and for what."""
    shown = list(found)
    rows = (
        (
            each.state,
            each.model.name,
            _uses(each.model),
            size(each.model.size_bytes),
            each.model.licence,
            _where(each),
        )
        for each in shown
    )
    titles = ("state", "model", "preset", "size", "licence", "where")
    return Table(titles, tuple(rows), tuple(COLOURS.get(each.state, "") for each in shown))


def _where(found: ModelStatus) -> str:
    """Where a model is; where it is not, how a package brings it, or why that in a package is not used."""
    if found.path is None:
        return found.detail or (f"comes with {wheels.CURE}" if found.model.packaged else "")
    return f"{found.path} (package {found.package})" if found.package else str(found.path)


def _uses(model: Model) -> str:
    aside = {"pose": " with person.pose", "speakers": " with audio.speakers"}.get(model.task, "")
    return ", ".join(catalogue.presets_of(model)) + aside


def footnote(folders: Sequence[Path], source: Source) -> str:
    """Where models are looked for and come from."""
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
    return {**_facts(found.model), "state": found.state, **place, "detail": found.detail}


def states(found: Iterable[ModelStatus]) -> dict[str, int]:
    """How many models are in each state, as programs name it."""
    counts = Counter(each.state.replace(" ", "_") for each in found)
    return {name: counts[name] for name in ("ok", "first_use", "wrong_digest", "damaged", "not_here")}


def pulled_data(pulled: Pulled) -> dict[str, Any]:
    """How fetching a model ended, as programs read it."""
    path = pulled.path and str(pulled.path)
    return {**_facts(pulled.model), "outcome": pulled.outcome, "path": path, "error": pulled.error}


def pull_counts(every: Iterable[Pulled]) -> dict[str, int]:
    """How many models were fetched, were here already, or failed."""
    outcomes = Counter(pulled.outcome for pulled in every)
    return {"completed": outcomes["fetched"], "skipped": outcomes["here"], "failed": outcomes["failed"]}


def _facts(model: Model) -> dict[str, Any]:
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
    """Progress of one model on standard error: a bar that goes when it is done on a terminal, one line
    elsewhere.

    The hub's library does not say how far it is, so its models have a line everywhere.
    """
    from rich.console import Console

    console = Console(stderr=True)
    if not console.is_terminal or console.is_dumb_terminal or isinstance(model, HubModel):
        yield _line(model)
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


def _line(model: Model) -> Progress:
    told: list[int] = []

    def progress(done: int, total: int) -> None:
        if not told:
            told.append(done)
            about = "" if isinstance(model, ModelFile) else "about "
            say(f"fetching {model.name}, {about}{size(total)}")

    return progress
