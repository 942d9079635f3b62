"""What `vaengine models` shows and does: every file that a preset may need, how it stands with it, and fetching what is not here."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final, Literal

from schemas.errors import VaengineError
from schemas.model import ModelFile
from vaengine.models import catalogue, weights
from vaengine.models.download import Progress, Source, obtain
from vaengine.models.weights import Standing, standing
from vaengine.output import Table, say
from vaengine.quantities import size, timestamp

COLOURS: Final = {"ok": "green", "first use": "yellow", "wrong digest": "red", "damaged": "red"}

Showing = Callable[[ModelFile], AbstractContextManager[Progress]]


@dataclass(frozen=True, slots=True)
class Pulled:
    """How fetching one file ended; `path` is None and `error` says why where it failed."""

    model: ModelFile
    outcome: Literal["fetched", "here", "failed"]
    path: Path | None = None
    error: str = ""

    def __str__(self) -> str:
        return f"{self.outcome:<7}  {self.model.name}  {self.path}" if self.path else f"failed   {self.model.name}: {self.error}"


def standings(folders: Sequence[Path]) -> list[Standing]:
    """Every file of the catalogue, as the first folder that has it holds it."""
    return [standing(model, folders) for model in catalogue.MODELS.values()]


def copies(folders: Sequence[Path]) -> list[Standing]:
    """Every file of the catalogue that is in any of the folders, each copy by itself."""
    every = (standing(model, (folder,)) for folder in folders for model in catalogue.MODELS.values())
    return [found for found in every if found.path]


def pull(models: Iterable[ModelFile], folders: Sequence[Path], source: Source, showing: Showing) -> Iterator[Pulled]:
    """Fetch what is in no folder into the first, one after the other; one that fails does not keep the others back."""
    for model in models:
        there = weights.find(model, folders)
        try:
            with showing(model) as progress:
                path = obtain(model, folders, source, progress)
        except VaengineError as error:
            yield Pulled(model, "failed", error=str(error))
        else:
            yield Pulled(model, "here" if there else "fetched", path)


def table(found: Iterable[Standing]) -> Table:
    """Files as a person reads them; `preset` names who loads them, and for what."""
    shown = list(found)
    rows = (
        (each.state, each.model.name, ", ".join(_uses(each.model)), size(each.model.size_bytes), each.model.licence, str(each.path or ""))
        for each in shown
    )
    titles = ("state", "file", "preset", "size", "licence", "where")
    return Table(titles, tuple(rows), tuple(COLOURS.get(each.state, "") for each in shown))


def _uses(model: ModelFile) -> tuple[str, ...]:
    aside = " with person.pose" if model.task == "pose" else ""
    return tuple(f"{preset}{aside}" for preset in catalogue.presets_of(model))


def footnote(folders: Sequence[Path], source: Source) -> str:
    """Where files are looked for and come from."""
    origin = "nothing is fetched: VAENGINE_OFFLINE" if source.offline else f"fetched from {source.mirror}" if source.mirror else ""
    places = ", then ".join(map(str, folders))
    return "; ".join(filter(None, [f"looked for in {places}", origin]))


def standing_events(found: Sequence[Standing]) -> Iterator[dict[str, Any]]:
    """Files as JSON events, the counts by state last."""
    now = timestamp()
    for each in found:
        yield {
            "event": "model",
            "time": now,
            **_facts(each.model),
            "state": each.state,
            "path": str(each.path) if each.path else None,
            "detail": each.detail,
        }
    states = Counter(each.state.replace(" ", "_") for each in found)
    names = ("ok", "first_use", "wrong_digest", "damaged", "not_here")
    yield {"event": "report", "time": now, **{name: states[name] for name in names}}


def pulled_event(pulled: Pulled) -> dict[str, Any]:
    """One fetched file as a JSON event."""
    path = str(pulled.path) if pulled.path else None
    return {"event": "model", "time": timestamp(), **_facts(pulled.model), "outcome": pulled.outcome, "path": path, "error": pulled.error}


def pull_report(every: Iterable[Pulled]) -> dict[str, Any]:
    """How many files were fetched, were here already, or failed."""
    outcomes = Counter(pulled.outcome for pulled in every)
    counts = {"completed": outcomes["fetched"], "skipped": outcomes["here"], "failed": outcomes["failed"]}
    return {"event": "report", "time": timestamp(), **counts}


def _facts(model: ModelFile) -> dict[str, Any]:
    return {
        "file": model.name,
        "presets": list(catalogue.presets_of(model)),
        "task": model.task,
        "what": model.what,
        "size_bytes": model.size_bytes,
        "licence": model.licence,
        "sha256": model.sha256,
        "url": model.url,
    }


@contextmanager
def shown(model: ModelFile) -> Iterator[Progress]:
    """Progress of one file on standard error: a bar that goes when it is done on a terminal, one line elsewhere."""
    from rich.console import Console

    console = Console(stderr=True)
    if not console.is_terminal or console.is_dumb_terminal:
        yield _line(model)
        return
    from rich.progress import BarColumn, DownloadColumn, TextColumn, TimeRemainingColumn
    from rich.progress import Progress as Bar

    columns = (TextColumn(model.name, markup=False), BarColumn(), DownloadColumn(binary_units=True), TimeRemainingColumn())
    with Bar(*columns, console=console, transient=True, redirect_stdout=False, redirect_stderr=False) as bar:
        task = bar.add_task(model.name, total=model.size_bytes, visible=False)
        yield lambda done, total: bar.update(task, completed=done, total=total, visible=True)


def _line(model: ModelFile) -> Progress:
    told: list[int] = []

    def progress(done: int, total: int) -> None:
        if not told:
            told.append(done)
            say(f"fetching {model.name}, {size(total)}" + (f", {size(done)} of it here already" if done else ""))

    return progress
