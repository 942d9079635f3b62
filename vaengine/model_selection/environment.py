"""The environment in which models are chosen, and the request for the models of one pipeline."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from schemas.errors import InvalidSetting, ModelError, PackageMissing, UsageError, WeightsMissing
from schemas.settings.models import ModelFile, Packaged
from vaengine.model_selection.presets import AUTO, EMBEDDED, Machine, PresetResolution
from vaengine.models import weights
from vaengine.models.huggingface import Hub

# The second argument is called once the file begins to arrive.
Fetch = Callable[[ModelFile, Callable[[], None]], Path]


@dataclass(frozen=True, slots=True)
class ModelEnvironment:
    """Folders, machine, and functions that choosing models depends on.

    `folders` are searched in order. `fetch` downloads what is in none of them; None means that nothing is
    fetched. `cache` is the folder of converted models. `hub` locates models of Hugging Face. `recorded`
    returns what this store has recorded under a meta key. `announce` receives the resolution before anything
    that takes long.
    """

    folders: tuple[Path, ...]
    cache: Path
    machine: Machine
    fetch: Fetch | None = None
    hub: Hub = field(default_factory=Hub)
    recorded: Callable[[str], str | None] = lambda key: None
    announce: Callable[[PresetResolution], None] = lambda resolution: None


@dataclass(frozen=True, slots=True)
class Decision:
    """What was chosen for one pipeline before any file is fetched.

    `found` are settings by dotted key. `what` describes model and runtime in words. `model` is the model's
    name, `limits` what it cannot do. `is_weak` says that there are far better models.
    """

    found: Mapping[str, Any]
    what: str
    model: str
    limits: tuple[str, ...] = ()
    is_weak: bool = False


@dataclass(frozen=True, slots=True)
class ModelRequest:
    """The request for one pipeline's models.

    `requested` is the preset that the user specified, `preset` the one that it resolved to. `begin` is called
    before anything that takes long.
    """

    pipeline: str
    requested: str
    preset: str
    environment: ModelEnvironment
    begin: Callable[[], None]

    def ensure(self, model: ModelFile) -> Path | None:
        """Path of a catalogue file, fetched if need be.

        None where it would have to be fetched and fetching is off. Raises `ModelError`.
        """
        found = weights.find(model, self.environment.folders)
        if found is not None:
            weights.check(found, model)
            return found
        self.refuse_fetching(model.name, model.packaged)
        if self.environment.fetch is None:
            return None
        try:
            return self.environment.fetch(model, self.begin)
        except ModelError as error:
            raise self.missing(error) from error

    def refuse_fetching(self, name: str, packaged: Packaged | None) -> None:
        """Raise `PackageMissing` for a packaged model of preset embedded that is not on this machine.

        Preset embedded never fetches, and no other model takes its place.
        """
        if self.preset == EMBEDDED and packaged:
            raise PackageMissing(name, packaged.distribution)

    def missing(self, error: ModelError) -> UsageError:
        """The error to raise where a model is not available.

        For a preset that the user specified, it is that the preset cannot run.
        """
        # AUTO: the store recorded the preset, or its weights could be fetched a moment ago.
        if self.requested == AUTO:
            return error
        return WeightsMissing(self.preset, self.pipeline, str(error))


def runtime_key(pipeline: str) -> str:
    """Meta key under which a store keeps the runtime of a pipeline's model."""
    return f"runtime.{pipeline}"


def device(
    key: str, requested: str, environment: ModelEnvironment, fault: Callable[[], str], recorded: str | None
) -> str:
    """The device of a pipeline's model: `cpu` or `cuda`.

    `fault` says what CUDA lacks although there is a GPU; it is called only where that matters. Raises
    `InvalidSetting` where cuda was requested but is not available.
    """
    if requested == "cuda":
        why = fault() if environment.machine.gpu else "there is no GPU here"
        if why:
            raise InvalidSetting(key, "cuda", why)
        return "cuda"
    if requested == "cpu" or recorded == "cpu" or not environment.machine.gpu or fault():
        return "cpu"
    return "cuda"
