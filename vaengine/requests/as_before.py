"""The option `--as-before`: takes over the settings that a store's results were made with."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from schemas.errors import UsageError
from schemas.pipelines import AVAILABLE, FACE, PERSON
from schemas.settings.layers import KNOWN, Given, Layer, flat
from schemas.storage.backend import ResultStore
from vaengine.console.units import counted
from vaengine.model_selection.presets import AUTO, EMBEDDED, MODEL_KEYS
from vaengine.models.search import file_again, name_again
from vaengine.requests.current_results import ResultVariant, ways
from vaengine.requests.replacement import UNKNOWN
from vaengine.requests.store_location import existing, shown

ORIGIN: Final = "--as-before"
# A configuration has only the last part of these names.
AUDIO_MODEL_KEYS: Final = ("audio.align_model", "audio.speaker_model", "audio.events_model")
# The location of a model may be given; the model's digest shows whether it is the same one.
LOCATION_KEYS: Final = (*MODEL_KEYS.values(), *AUDIO_MODEL_KEYS)
MAX_VARIANTS_SHOWN: Final = 4
VIDEOS_PER_QUERY: Final = 1_000  # each with its frame times


@dataclass(frozen=True, slots=True)
class Before:
    """What a run takes over from earlier results: pipelines, all their settings, and each one's preset.

    `told` are the settings by dotted key.
    """

    pipelines: tuple[str, ...]
    told: Layer
    presets: Mapping[str, str]


def before(
    url: str,
    inputs: Sequence[str],
    requested: Sequence[str],
    given_settings: Layer,
    folders: Sequence[Path],
    *,
    upgrade: bool = True,
) -> Before:
    """The settings of the inputs' current results, or of the whole store where it knows none of the inputs.

    The first list of names holds the pipelines that were named; without any, those that have results are
    used. The given settings may say where a model is, and may change whatever changes no result. `folders`
    are searched for models. With `upgrade`, tables of an older version are upgraded first, as a run does;
    otherwise they raise `StoreOutdated`. Raises `UsageError` where there is nothing to take over, where
    results were made with several configurations, where a given setting differs, and where a model cannot be
    found again.
    """
    store = existing(url, upgrade=upgrade)
    if store is None:
        raise UsageError(
            f"--as-before: there is no store at {shown(url)} yet, so there are no settings to take: leave it "
            "out"
        )
    with closing(store):
        found = {
            name: _only_variant(ways)
            for name, ways in _variants(store, inputs).items()
            if name in requested or not requested
        }
        runs = [run.config for run in store.batches()]
    if not found:
        raise UsageError(
            f"--as-before: {store.url} has no complete results of {', '.join(requested) or 'any pipeline'}: "
            "leave it out"
        )
    pipelines = tuple(name for name in AVAILABLE if name in (requested or found))
    values = settings_of({name: variant.info["configuration"] for name, variant in found.items()}, pipelines)
    _refuse_differing(given_settings, values)
    models = _models(found, values, given_settings, runs, folders)
    presets = {name: preset for name, variant in found.items() if (preset := variant.info["preset"])}
    layer = {
        key: Given(value, ORIGIN)
        for key, value in {**values, **models, "preset": _preset(presets, models)}.items()
    }
    return Before(pipelines, {**given_settings, **layer}, presets)


def _variants(store: ResultStore, inputs: Sequence[str]) -> dict[str, list[ResultVariant]]:
    pages = (inputs[start : start + VIDEOS_PER_QUERY] for start in range(0, len(inputs), VIDEOS_PER_QUERY))
    known = list(
        dict.fromkeys(video.video_id for page in pages for video in store.known_videos(page).values())
    )
    return ways(store, known) or ways(store, list(dict.fromkeys(store.known_paths().values())))


def _only_variant(variants: Sequence[ResultVariant]) -> ResultVariant:
    """The only variant; raises `UsageError` for several, and for one whose settings are unknown."""
    first = variants[0]
    if len(variants) > 1:
        variants_text = ", ".join(
            f"{variant.maker} ({counted(variant.videos, 'video')})"
            for variant in variants[:MAX_VARIANTS_SHOWN]
        )
        raise UsageError(
            f"--as-before: {first.pipeline} was made in {len(variants)} ways: {variants_text}; "
            "run the videos of each way by themselves, or give the settings, with --replace or --keep"
        )
    if first.maker.name == UNKNOWN:
        raise UsageError(
            f"--as-before: {first.pipeline} of {first.job.location} was saved by hand, without its "
            "settings: leave it out"
        )
    return first


def settings_of(configurations: Mapping[str, Mapping[str, Any]], pipelines: Sequence[str]) -> dict[str, Any]:
    """Settings by dotted key from the configurations of pipelines.

    Faces alone take the settings of persons from each video's own persons. A setting that this version does
    not know is left out. Raises `UsageError` where two configurations differ in a setting.
    """
    values: dict[str, tuple[Any, str]] = {}
    for pipeline, configuration in configurations.items():
        for key, value in _known_settings(
            pipeline, configuration, alone=pipeline == FACE and PERSON not in pipelines
        ):
            first_value, first_pipeline = values.setdefault(key, (value, pipeline))
            if first_value != value:
                raise UsageError(
                    f"--as-before: {first_pipeline} was made with {key}={first_value}, "
                    f"and {pipeline} with {value}: name pipelines that go together"
                )
    return {key: value for key, (value, _) in values.items()}


def _known_settings(
    pipeline: str, configuration: Mapping[str, Any], *, alone: bool
) -> Iterator[tuple[str, Any]]:
    for key, value in flat(configuration):
        if key in KNOWN and not (alone and key.startswith(("person.", "scene."))):
            yield key, value


def _refuse_differing(given_settings: Layer, values: Mapping[str, Any]) -> None:
    """Raises `UsageError` for a given setting that differs from the store's.

    Which of the two is intended cannot be known.
    """
    if given := given_settings.get("preset"):
        raise UsageError(
            f"--as-before takes the models from the store: leave the preset out ({given.origin} says "
            f"{given.value})"
        )
    for key, given in given_settings.items():
        if key in values and key not in LOCATION_KEYS and given.value != values[key]:
            raise UsageError(
                f"--as-before takes {key}={values[key]} from the store, and {given.origin} says "
                f"{given.value}: give one of them"
            )


def _models(
    found: Mapping[str, ResultVariant],
    values: Mapping[str, Any],
    given_settings: Layer,
    runs: Sequence[Mapping[str, Any]],
    folders: Sequence[Path],
) -> dict[str, Any]:
    """Where the models are now, by settings key; None for a pipeline that has none."""
    models: dict[str, Any] = {}
    for pipeline in (name for name in found if name in MODEL_KEYS):
        key, model = MODEL_KEYS[pipeline], found[pipeline].info["model"]
        models[key] = (
            given_settings[key].value
            if key in given_settings
            else file_again(key, model, runs, folders)
            if model
            else None
        )
    for key in (key for key in AUDIO_MODEL_KEYS if values.get(key)):
        models[key] = (
            given_settings[key].value if key in given_settings else name_again(key, values[key], runs)
        )
    return models


def _preset(presets: Mapping[str, str], models: Mapping[str, Any]) -> str:
    """The preset of all pipelines, if they share one that accepts these models, else `auto`."""
    named = set(presets.values())
    return named.pop() if len(named) == 1 and not (EMBEDDED in named and any(models.values())) else AUTO
