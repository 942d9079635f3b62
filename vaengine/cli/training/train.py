"""`vaengine train`: fine-tunes the detector of persons on a dataset."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Final

import typer

from schemas.errors import UsageError
from vaengine.cli.options import Json, Models, Out, Verbose
from vaengine.console.output import Table, emit, print_lines, print_table, say

if TYPE_CHECKING:
    from schemas.work.training import TrainingSettings
    from vaengine.training.detector.train import Training

LINE_SECONDS: Final = 10.0  # between two lines about batches

Dataset = Annotated[
    Path,
    typer.Argument(metavar="DATASET", help="Folder of a dataset, as `vaengine dataset build` writes it."),
]
Name = Annotated[str, typer.Option(metavar="NAME", help="Name of the new model: person.weights=NAME.pt.")]
Weights = Annotated[
    str | None,
    typer.Option(metavar="NAME|PATH", help="Weights to begin with, a .pt file.  [default: the preset's]"),
]
BasePreset = Annotated[
    str,
    typer.Option("--preset", metavar="NAME", help="Begin with its weights: fast, balanced, high-quality."),
]
Epochs = Annotated[int, typer.Option(metavar="N", help="Rounds over all pictures.")]
BatchSize = Annotated[int, typer.Option("--batch", metavar="N", help="Pictures that are looked at together.")]
InputPixels = Annotated[int, typer.Option(metavar="PIXELS", help="Longer side of pictures.")]
LearningRate = Annotated[float, typer.Option(metavar="RATE", help="Learning rate of SGD at the beginning.")]
Patience = Annotated[int, typer.Option(metavar="N", help="End after so many epochs without a better one.")]
Seed = Annotated[int, typer.Option(metavar="N", help="Another number gives another order of pictures.")]
Cluster = Annotated[
    str | None,
    typer.Option(
        metavar="ADDRESS",
        help="local (a Ray of its own), none (a child process, without Ray), auto or HOST:PORT.  [default: "
        "local]",
    ),
]
Gpus = Annotated[
    int | None,
    typer.Option(min=0, metavar="N", help="GPUs of one machine.  [default: one where there is one]"),
]
AllowPickle = Annotated[
    bool, typer.Option("--allow-pickle", help="Load --weights of unknown origin: they can run any code.")
]
Force = Annotated[bool, typer.Option("--force", help="Begin anew, also where a training of this name is.")]


def train(
    dataset: Dataset,
    name: Name,
    out: Out = None,
    weights: Weights = None,
    preset: BasePreset = "fast",
    epochs: Epochs = 20,
    batch: BatchSize = 8,
    input_pixels: InputPixels = 640,
    learning_rate: LearningRate = 0.001,
    patience: Patience = 10,
    seed: Seed = 0,
    cluster: Cluster = None,
    gpus: Gpus = None,
    models: Models = None,
    allow_pickle: AllowPickle = False,
    force: Force = False,
    as_json: Json = False,
    verbose: Verbose = False,
) -> None:
    """Fine-tune the detector of persons on a dataset; the same command goes on after a stop."""
    from vaengine.api.training import train as train_on
    from vaengine.process.signals import Signals

    settings = _settings(
        epochs=epochs,
        batch=batch,
        input_pixels=input_pixels,
        learning_rate=learning_rate,
        patience=patience,
        seed=seed,
    )
    with Signals() as signals, _listener(signals.rearm, as_json=as_json) as listener:
        found = train_on(
            dataset,
            name,
            weights=weights,
            preset=preset,
            settings=settings,
            out=out,
            models=models,
            cluster=cluster,
            gpus=gpus,
            allow_pickle=allow_pickle,
            force=force,
            verbose=verbose,
            listener=listener,
        )
    _tell(found, as_json=as_json)


def _settings(**values: Any) -> TrainingSettings:
    from schemas.work.training import TrainingSettings

    try:
        return TrainingSettings(**values)
    except ValueError as error:
        raise UsageError(str(error)) from error


@contextmanager
def _listener(rearm: Callable[[], None], *, as_json: bool) -> Iterator[Callable[[Mapping[str, Any]], None]]:
    """A context whose listener says how far a training is, and that it can go on where it is stopped."""
    from vaengine.reporting.displays import Throttle
    from vaengine.training.detector.progress import TrainingLines

    lines, throttle, done = TrainingLines(), Throttle(LINE_SECONDS), [0]

    def tell(event: Mapping[str, Any]) -> None:
        rearm()  # ray.init has taken the handler of SIGTERM
        if event["event"] in ("epoch", "resumed"):
            done[0] = event.get("epoch") or event["epochs"]
        line = lines.of(event, event["elapsed_s"])
        if as_json:
            emit("training", {**event, "event": "training", "what": event["event"]})
        elif line and (event["event"] != "batch" or throttle.due()):
            say(line)

    try:
        yield tell
    except SystemExit:
        kept = f"epoch {done[0]} is kept" if done[0] else "no epoch was done"
        say(f"stopped: {kept}, and the same command goes on from there")
        raise


def _tell(found: Training, *, as_json: bool) -> None:
    if as_json:
        model = found.model
        path = str(model.path) if model else None
        emit("report", {**asdict(found), "weights": str(found.weights), "model": path})
        return
    outcome = found.outcome
    rows = [
        (label, *(f"{value:.3f}" for value in asdict(figures).values()))
        for label, figures in (("before", outcome.before), ("after", outcome.after))
    ]
    print_table(Table((found.held_out, "mAP50", "mAP50-95", "precision", "recall"), tuple(rows)))
    if found.model is None:
        say(f"no better than before: {found.reason}; person.weights={found.base} stays the better choice")
        print_lines(["", str(found.weights)])
        return
    say(f"better than before on {found.pictures} pictures of {found.held_out}: {found.reason}")
    say(f"use it with --preset {found.name}, or --set person.weights={found.model.file}")
    print_lines(["", str(found.model.path)])
