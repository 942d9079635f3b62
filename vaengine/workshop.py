"""This machine as settings are fitted to it: read once, where a command begins."""

from __future__ import annotations

import os
from collections.abc import Callable
from contextlib import closing, suppress
from pathlib import Path

from schemas.errors import UsageError
from schemas.model import ModelFile
from schemas.pipeline import PERSON
from vaengine.configuration import Layer, configured
from vaengine.fitting import Fetch, Workshop
from vaengine.models import catalogue
from vaengine.models.download import Source, obtain
from vaengine.models.transfer import reachable
from vaengine.models.weights import folders_of, standing
from vaengine.presets import AUTO, Surroundings
from vaengine.request import RunRequest

PROBE_SECONDS = 2.0


def workshop(told: Layer, store_url: str | None, *, fetch: bool) -> Workshop:
    """Folders, network, GPU, and what the store at `store_url` was begun with, if there is one; `fetch` allows to download weights."""
    from cluster.inventory import local_inventory

    settings = configured(told).settings
    folders = folders_of(settings.models.folder, os.environ)
    source = Source.of(os.environ)
    begun: Callable[[str], str | None] = recorded(store_url) if store_url and settings.preset == AUTO else lambda name: None
    around = Surroundings(
        gpu=local_inventory().gpus > 0,
        is_here=lambda preset: standing(catalogue.needed(preset), folders).usable,
        can_fetch=lambda: reachable(source.url(catalogue.needed("fast")), PROBE_SECONDS, offline=source.offline),
        recorded=begun(preset_key(PERSON)),
    )
    return Workshop(folders, folders[-1], around, _fetching(folders, source) if fetch else None, begun(runtime_key(PERSON)))


def preset_key(pipeline: str) -> str:
    """Under which a store keeps what `auto` came to."""
    return f"preset.{pipeline}"


def runtime_key(pipeline: str) -> str:
    """Under which a store keeps what carries the model out."""
    return f"runtime.{pipeline}"


def recorded(store_url: str) -> Callable[[str], str | None]:
    """What a store has recorded under a key; nothing where there is none yet, or it is of no use: whoever writes to it will say so."""
    from actors.stores import open_store

    found: dict[str, str | None] = {}
    with suppress(UsageError), closing(open_store(store_url, read_only=True)) as store:
        found = {key: store.meta(key) for key in (preset_key(PERSON), runtime_key(PERSON))}
    return found.get


def recordable(request: RunRequest) -> dict[str, str]:
    """What a store keeps of how `auto` was resolved, so that it is resolved once; nothing where the user named a preset."""
    if request.settings.preset != AUTO:
        return {}
    presets = {preset_key(pipeline): preset for pipeline, preset in request.presets.items()}
    return presets | ({runtime_key(PERSON): request.settings.person.runtime} if PERSON in request.pipelines else {})


def _fetching(folders: tuple[Path, ...], source: Source) -> Fetch:
    def fetch(model: ModelFile) -> Path:
        from vaengine.models.stock import shown

        with shown(model) as progress:
            return obtain(model, folders, source, progress)

    return fetch
