"""`--as-before`: the settings that a store's results were made with, taken from the store."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from schemas.errors import UsageError
from schemas.pipelines import AUDIO, AVAILABLE, FACE, PERSON
from schemas.settings.layers import KNOWN, Given, Layer, flat
from schemas.storage.backend import ResultStore
from vaengine.console.units import counted
from vaengine.model_selection.presets import AUTO, EMBEDDED
from vaengine.models.search import file_again, name_again
from vaengine.requests.current_results import ResultVariant, ways
from vaengine.requests.replacement import UNKNOWN
from vaengine.requests.store_location import existing, shown

ORIGIN: Final = "--as-before"
MODEL_KEYS: Final = {PERSON: "person.weights", FACE: "face.pack", AUDIO: "audio.model"}
NAMED_KEYS: Final = (
    "audio.align_model",
    "audio.speaker_model",
    "audio.events_model",
)  # of which a configuration has the last part
PLACES: Final = (
    *MODEL_KEYS.values(),
    *NAMED_KEYS,
)  # where something is may be told; its digest says whether it is the same
WAYS_SHOWN: Final = 4


@dataclass(frozen=True, slots=True)
class Before:
    """What a run takes over: pipelines, all of their settings by dotted key, and the preset that each was
    made with.
    """

    pipelines: tuple[str, ...]
    told: Layer
    presets: Mapping[str, str]


def before(
    url: str,
    inputs: Sequence[str],
    asked: Sequence[str],
    told: Layer,
    folders: Sequence[Path],
    *,
    upgrade: bool = True,
) -> Before:
    """The settings of the current results of the inputs, or of the whole store where it knows none of them.

    `asked` are the pipelines that were named; with none, those that there are results of. `told` is what was
    given beside it: that may say where a model is, and whatever changes no result. `folders` are looked
    through for models. With `upgrade` the tables of an older version are brought up to date first, as a run
    does; else they raise `StoreOutdated`. Raises `UsageError` where there is nothing to take over, where
    results were made in several ways, where what was given differs, and where a model cannot be found again.
    """
    store = existing(url, upgrade=upgrade)
    if store is None:
        raise UsageError(
            f"--as-before: there is no store at {shown(url)} yet, so there are no settings to take: leave it "
            "out"
        )
    with closing(store):
        found = {
            name: _only(ways) for name, ways in _ways(store, inputs).items() if name in asked or not asked
        }
        runs = [run.config for run in store.batches()]
    if not found:
        raise UsageError(
            f"--as-before: {store.url} has no complete results of {', '.join(asked) or 'any pipeline'}: "
            "leave it out"
        )
    pipelines = tuple(name for name in AVAILABLE if name in (asked or found))
    values = settings_of({name: way.info["configuration"] for name, way in found.items()}, pipelines)
    _refuse_other(told, values)
    models = _models(found, values, told, runs, folders)
    presets = {name: preset for name, way in found.items() if (preset := way.info["preset"])}
    own = {
        key: Given(value, ORIGIN)
        for key, value in {**values, **models, "preset": _preset(presets, models)}.items()
    }
    return Before(pipelines, {**told, **own}, presets)


def _ways(store: ResultStore, inputs: Sequence[str]) -> dict[str, list[ResultVariant]]:
    known = list(dict.fromkeys(video.video_id for video in store.known_videos(inputs).values()))
    return ways(store, known) or ways(store, list(dict.fromkeys(store.known_paths().values())))


def _only(several: Sequence[ResultVariant]) -> ResultVariant:
    """Raises `UsageError` unless all were made in one way, and it is known which."""
    first = several[0]
    if len(several) > 1:
        told = ", ".join(f"{way.maker} ({counted(way.videos, 'video')})" for way in several[:WAYS_SHOWN])
        raise UsageError(
            f"--as-before: {first.pipeline} was made in {len(several)} ways: {told}; run the videos of each "
            "way by themselves,"
            " or give the settings, with --replace or --keep"
        )
    if first.maker.name == UNKNOWN:
        raise UsageError(
            f"--as-before: {first.pipeline} of {first.job.video_path} was saved by hand, without its "
            "settings: leave it out"
        )
    return first


def settings_of(configurations: Mapping[str, Mapping[str, Any]], pipelines: Sequence[str]) -> dict[str, Any]:
    """Settings by dotted key from the configurations of pipelines; raises `UsageError` where two say
    different things.

    Faces alone take the settings of persons from each video's own persons. A setting that this version does
    not know is left out.
    """
    values: dict[str, tuple[Any, str]] = {}
    for pipeline, configuration in configurations.items():
        for key, value in _own(pipeline, configuration, alone=pipeline == FACE and PERSON not in pipelines):
            before, by = values.setdefault(key, (value, pipeline))
            if before != value:
                raise UsageError(
                    f"--as-before: {by} was made with {key}={before}, and {pipeline} with {value}: name "
                    "pipelines that go together"
                )
    return {key: value for key, (value, _) in values.items()}


def _own(pipeline: str, configuration: Mapping[str, Any], *, alone: bool) -> Iterator[tuple[str, Any]]:
    for key, value in flat(configuration):
        if key in KNOWN and not (alone and key.startswith(("person.", "scene."))):
            yield key, value


def _refuse_other(told: Layer, values: Mapping[str, Any]) -> None:
    """Raises `UsageError` for something that was given and is not what the store has: which of the two is
    meant cannot be known.
    """
    if given := told.get("preset"):
        raise UsageError(
            f"--as-before takes the models from the store: leave the preset out ({given.origin} says "
            f"{given.value})"
        )
    for key, given in told.items():
        if key in values and key not in PLACES and given.value != values[key]:
            raise UsageError(
                f"--as-before takes {key}={values[key]} from the store, and {given.origin} says "
                f"{given.value}: give one of them"
            )


def _models(
    found: Mapping[str, ResultVariant],
    values: Mapping[str, Any],
    told: Layer,
    runs: Sequence[Mapping[str, Any]],
    folders: Sequence[Path],
) -> dict[str, Any]:
    """Where the models are now, by the key that names each; None for a pipeline that has none."""
    models: dict[str, Any] = {}
    for key in (MODEL_KEYS[name] for name in found if name in MODEL_KEYS):
        model = found[next(name for name, own in MODEL_KEYS.items() if own == key)].info["model"]
        models[key] = (
            told[key].value if key in told else file_again(key, model, runs, folders) if model else None
        )
    for key in (key for key in NAMED_KEYS if values.get(key)):
        models[key] = told[key].value if key in told else name_again(key, values[key], runs)
    return models


def _preset(presets: Mapping[str, str], models: Mapping[str, Any]) -> str:
    """The one preset of all pipelines, where there is one that takes these models."""
    named = set(presets.values())
    return named.pop() if len(named) == 1 and not (EMBEDDED in named and any(models.values())) else AUTO
