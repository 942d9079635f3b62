"""Reads this machine and the store once, as the environment in which models are chosen."""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing, suppress
from functools import lru_cache
from pathlib import Path
from typing import Final

from actors.model_files.files import folders_of
from schemas.errors import StoreOutdated, UsageError
from schemas.pipelines import AUDIO, AVAILABLE, FACE, PERSON
from schemas.settings.layers import Layer, configured
from schemas.settings.models import ModelFile
from schemas.settings.settings import Settings
from vaengine.model_selection.audio import SPEAKERS_KEY, WORD_TIMES_KEY
from vaengine.model_selection.environment import Fetch, ModelEnvironment, runtime_key
from vaengine.model_selection.person import task_asked
from vaengine.model_selection.presets import AUTO, EMBEDDED, Machine, PresetResolution
from vaengine.model_selection.select import EMBEDDED_MODELS, embedded_key, preset_key
from vaengine.models import catalogue, wheels
from vaengine.models.download import DownloadSource, obtain
from vaengine.models.huggingface import Hub
from vaengine.models.network import reachable
from vaengine.models.weights import model_status

PROBE_TIMEOUT_S: Final = 2.0
NEURAL: Final = (PERSON, FACE, AUDIO)


def discover_environment(
    user_settings: Layer,
    store_url: str | None,
    *,
    fetch: bool,
    pipelines: Sequence[str] = AVAILABLE,
    announce: Callable[[PresetResolution], None] = lambda resolution: None,
) -> ModelEnvironment:
    """Read folders, network, GPU, and what the store at `store_url` recorded, if it exists.

    `fetch` allows downloads of weights.
    """
    from cluster.inventory import local_inventory

    settings = configured(user_settings).settings
    folders = folders_of(settings.models.folder, os.environ)
    source, hub = DownloadSource.of(os.environ), Hub.of(folders, os.environ)
    recorded_value: Callable[[str], str | None] = (
        recorded(store_url) if store_url and settings.preset in (AUTO, EMBEDDED) else lambda name: None
    )
    machine = Machine(
        gpu=local_inventory().gpus > 0,
        is_here=lambda pipeline, preset: is_here(pipeline, preset, settings, folders, hub),
        can_fetch=lambda pipeline: _can_fetch_weights(pipeline, tuple(pipelines), source, hub),
        recorded={
            pipeline: preset for pipeline in NEURAL if (preset := recorded_value(preset_key(pipeline)))
        },
        begun={pipeline: model for pipeline in NEURAL if (model := recorded_value(embedded_key(pipeline)))},
        fault=packaged_fault,
    )
    fetcher = _fetcher(folders, source) if fetch else None
    return ModelEnvironment(folders, folders[-1], machine, fetcher, hub, recorded_value, announce)


def is_here(pipeline: str, preset: str, settings: Settings, folders: Sequence[Path], hub: Hub) -> bool:
    """Whether all files that a pipeline's preset loads are on this machine and intact."""
    if pipeline == AUDIO:
        return all(hub.find(model.name, model.task) for model in catalogue.audio_models_of(preset))
    task = "face" if pipeline == FACE else task_asked(settings)
    return model_status(catalogue.needed(preset, task), folders).usable


def packaged_fault(pipeline: str) -> str:
    """Why an installed package's copy of embedded's model for a pipeline is not used; empty where it is."""
    name = EMBEDDED_MODELS[pipeline]
    copy = wheels.copy_of(catalogue.HUB_MODELS[name] if pipeline == AUDIO else catalogue.MODELS[name])
    return copy.fault if copy else ""


def recorded(store_url: str) -> Callable[[str], str | None]:
    """A function that returns what a store has recorded under a meta key.

    It returns None where there is no store yet, or where the store cannot be used: whoever writes to it will
    say so. A store of an older version is read as it is, because its values also hold for the run that
    upgrades it.
    """
    from actors.stores import meta_of_older, open_store

    keys = [key(pipeline) for pipeline in NEURAL for key in (preset_key, embedded_key, runtime_key)]
    values: dict[str, str | None] = {}
    keys += [SPEAKERS_KEY, WORD_TIMES_KEY]
    with suppress(UsageError):
        try:
            with closing(open_store(store_url, read_only=True)) as store:
                values = {key: store.meta(key) for key in keys}
        except StoreOutdated:
            values = dict(meta_of_older(store_url, keys))
    return values.get


def _can_fetch_weights(pipeline: str, pipelines: tuple[str, ...], source: DownloadSource, hub: Hub) -> bool:
    """Whether a pipeline's weights can be fetched.

    The addresses of all pipelines are probed at once, and at most once a minute in one process.
    """
    url_of = {}
    if not source.offline:
        url_of = dict.fromkeys((PERSON, FACE), source.url(catalogue.needed("fast")))
    if not hub.offline:
        url_of[AUDIO] = hub.address
    urls = tuple(sorted({url for name, url in url_of.items() if name in pipelines}))
    return url_of.get(pipeline) in _reachable_urls(urls, int(time.monotonic() // 60))


@lru_cache(maxsize=16)
def _reachable_urls(urls: tuple[str, ...], _minute: int) -> frozenset[str]:
    """Those of the addresses that answer within `PROBE_TIMEOUT_S`."""
    if not urls:
        return frozenset()
    with ThreadPoolExecutor(len(urls)) as pool:
        answers = pool.map(lambda url: reachable(url, PROBE_TIMEOUT_S), urls)
        return frozenset(url for url, is_reachable in zip(urls, answers, strict=True) if is_reachable)


def _fetcher(folders: tuple[Path, ...], source: DownloadSource) -> Fetch:
    def fetch(model: ModelFile, on_begin: Callable[[], None]) -> Path:
        from vaengine.models.inventory import shown

        with shown(model) as progress:

            def on_progress(done: int, total: int) -> None:
                on_begin()
                progress(done, total)

            return obtain(model, folders, source, on_progress)

    return fetch
