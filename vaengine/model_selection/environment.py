"""What models are fitted with, and the order for those of one pipeline."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from schemas.errors import InvalidSetting, ModelError, PackageMissing, UsageError, WeightsMissing
from schemas.settings.models import ModelFile, Packaged
from vaengine.model_selection.presets import AUTO, EMBEDDED, Machine, Resolution
from vaengine.models import weights
from vaengine.models.huggingface import Hub

Fetch = Callable[[ModelFile, Callable[[], None]], Path]  # the second is called once the file begins to come


@dataclass(frozen=True, slots=True)
class ModelEnvironment:
    """What models are fitted with: `folders` are looked through in turn, `fetch` gets what is in none of them
    (None: nothing is fetched).

    `cache` is where converted models are kept; `hub` has the models of sound; `recorded` says under a meta
    key what a model was carried out by in this store before; `announce` is told what the preset came to
    before anything that takes long.
    """

    folders: tuple[Path, ...]
    cache: Path
    around: Machine
    fetch: Fetch | None = None
    hub: Hub = field(default_factory=Hub)
    recorded: Callable[[str], str | None] = lambda key: None
    announce: Callable[[Resolution], None] = lambda resolution: None


@dataclass(frozen=True, slots=True)
class Decision:
    """What was settled before any file is fetched: `found` settings by dotted key, and `what` carries the
    pipeline out, in words.

    `model` is its name alone, `limits` is what it does without; `is_weak` where there are far better ones.
    """

    found: Mapping[str, Any]
    what: str
    model: str
    limits: tuple[str, ...] = ()
    is_weak: bool = False


@dataclass(frozen=True, slots=True)
class ModelRequest:
    """One pipeline's models: `asked` is the preset as the user said it, `preset` what it came to; `begin`
    comes before what takes long.
    """

    pipeline: str
    asked: str
    preset: str
    shop: ModelEnvironment
    begin: Callable[[], None]

    def had(self, model: ModelFile) -> Path | None:
        """Where a file of the catalogue is, fetched if need be; None where it would have to be and
        nothing is. Raises `ModelError`.
        """
        found = weights.find(model, self.shop.folders)
        if found is not None:
            weights.check(found, model)
            return found
        self.refuse_fetching(model.name, model.packaged)
        if self.shop.fetch is None:
            return None
        try:
            return self.shop.fetch(model, self.begin)
        except ModelError as error:
            raise self.missing(error) from error

    def refuse_fetching(self, name: str, packaged: Packaged | None) -> None:
        """Raises `PackageMissing` for a model of preset embedded that is not here: it never fetches, and
        no other takes its place.
        """
        if self.preset == EMBEDDED and packaged:
            raise PackageMissing(name, packaged.distribution)

    def missing(self, error: ModelError) -> UsageError:
        """The error to raise where a model cannot be had: of a preset that the user named, that it cannot
        run.
        """
        if (
            self.asked == AUTO
        ):  # it was decided when the store was begun, or weights could be fetched a moment ago
            return error
        return WeightsMissing(self.preset, self.pipeline, str(error))


def runtime_key(pipeline: str) -> str:
    """Under which a store keeps what carries a pipeline's model out."""
    return f"runtime.{pipeline}"


def device(
    key: str, asked: str, shop: ModelEnvironment, fault: Callable[[], str], recorded: str | None
) -> str:
    """cpu or cuda; `fault` says what CUDA lacks although there is a GPU, and is asked only then.

    Raises `InvalidSetting` where cuda was asked for and cannot be had.
    """
    if asked == "cuda":
        why = fault() if shop.around.gpu else "there is no GPU here"
        if why:
            raise InvalidSetting(key, "cuda", why)
        return "cuda"
    if asked == "cpu" or recorded == "cpu" or not shop.around.gpu or fault():
        return "cpu"
    return "cuda"
