"""This machine as settings are fitted to it: read once, where a command begins."""

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
from vaengine.model_selection.presets import AUTO, EMBEDDED, Machine, Resolution
from vaengine.model_selection.select import EMBEDDED_MODELS, embedded_key, preset_key
from vaengine.models import catalogue, wheels
from vaengine.models.download import Source, obtain
from vaengine.models.huggingface import Hub
from vaengine.models.network import reachable
from vaengine.models.weights import model_status

PROBE_SECONDS: Final = 2.0
NEURAL: Final = (PERSON, FACE, AUDIO)


def discover_environment(
    told: Layer,
    store_url: str | None,
    *,
    fetch: bool,
    pipelines: Sequence[str] = AVAILABLE,
    announce: Callable[[Resolution], None] = lambda resolution: None,
) -> ModelEnvironment:
    """Folders, network, GPU, and what the store at `store_url` was begun with, if there is one; `fetch`
    allows to download weights.
    """
    from cluster.inventory import local_inventory

    settings = configured(told).settings
    folders = folders_of(settings.models.folder, os.environ)
    source, hub = Source.of(os.environ), Hub.of(folders, os.environ)
    begun: Callable[[str], str | None] = (
        recorded(store_url) if store_url and settings.preset in (AUTO, EMBEDDED) else lambda name: None
    )
    around = Machine(
        gpu=local_inventory().gpus > 0,
        is_here=lambda pipeline, preset: is_here(pipeline, preset, settings, folders, hub),
        can_fetch=lambda pipeline: _can_fetch(pipeline, tuple(pipelines), source, hub),
        recorded={pipeline: preset for pipeline in NEURAL if (preset := begun(preset_key(pipeline)))},
        begun={pipeline: model for pipeline in NEURAL if (model := begun(embedded_key(pipeline)))},
        fault=packaged_fault,
    )
    fetching = _fetching(folders, source) if fetch else None
    return ModelEnvironment(folders, folders[-1], around, fetching, hub, begun, announce)


def is_here(pipeline: str, preset: str, settings: Settings, folders: Sequence[Path], hub: Hub) -> bool:
    """Whether all that a pipeline's preset loads is on this machine, and sound."""
    if pipeline == AUDIO:
        return all(hub.find(model.name, model.task) for model in catalogue.heard_by(preset))
    task = "face" if pipeline == FACE else task_asked(settings)
    return model_status(catalogue.needed(preset, task), folders).usable


def packaged_fault(pipeline: str) -> str:
    """Why an installed package's copy of embedded's model for a pipeline is not used; empty where nothing
    speaks against it.
    """
    name = EMBEDDED_MODELS[pipeline]
    copy = wheels.copy_of(catalogue.HUB_MODELS[name] if pipeline == AUDIO else catalogue.MODELS[name])
    return copy.fault if copy else ""


def recorded(store_url: str) -> Callable[[str], str | None]:
    """What a store has recorded under a key; nothing where there is none yet, or it is of no use: whoever
    writes to it will say so.

    One of an older version is read as it is: what it was begun with holds for the run that brings it up to
    date, too.
    """
    from actors.stores import meta_of_older, open_store

    keys = [key(pipeline) for pipeline in NEURAL for key in (preset_key, embedded_key, runtime_key)]
    found: dict[str, str | None] = {}
    keys += [SPEAKERS_KEY, WORD_TIMES_KEY]
    with suppress(UsageError):
        try:
            with closing(open_store(store_url, read_only=True)) as store:
                found = {key: store.meta(key) for key in keys}
        except StoreOutdated:
            found = dict(meta_of_older(store_url, keys))
    return found.get


def _can_fetch(pipeline: str, pipelines: tuple[str, ...], source: Source, hub: Hub) -> bool:
    """Whether a pipeline's weights can come; the places of all pipelines are asked at once, at most once
    a minute for a program's jobs.
    """
    places = {}
    if not source.offline:
        places = dict.fromkeys((PERSON, FACE), source.url(catalogue.needed("fast")))
    if not hub.offline:
        places[AUDIO] = hub.address
    asked = tuple(sorted({place for name, place in places.items() if name in pipelines}))
    return places.get(pipeline) in _answering(asked, int(time.monotonic() // 60))


@lru_cache(maxsize=16)
def _answering(urls: tuple[str, ...], _minute: int) -> frozenset[str]:
    """Those of the addresses that answer within `PROBE_SECONDS`."""
    if not urls:
        return frozenset()
    with ThreadPoolExecutor(len(urls)) as pool:
        answers = pool.map(lambda url: reachable(url, PROBE_SECONDS), urls)
        return frozenset(url for url, answers_it in zip(urls, answers, strict=True) if answers_it)


def _fetching(folders: tuple[Path, ...], source: Source) -> Fetch:
    def fetch(model: ModelFile, begun: Callable[[], None]) -> Path:
        from vaengine.models.inventory import shown

        with shown(model) as progress:

            def told(done: int, total: int) -> None:
                begun()
                progress(done, total)

            return obtain(model, folders, source, told)

    return fetch
