"""This machine as settings are fitted to it: read once, where a command begins."""

from __future__ import annotations

import os
import time
from collections.abc import Callable
from contextlib import closing, suppress
from functools import lru_cache
from pathlib import Path

from schemas.errors import UsageError
from schemas.model import ModelFile
from schemas.pipeline import PERSON
from vaengine.configuration import Layer, configured
from vaengine.fitting import Fetch, Workshop, preset_key, runtime_key, task_asked
from vaengine.models import catalogue
from vaengine.models.download import Source, obtain
from vaengine.models.transfer import reachable
from vaengine.models.weights import folders_of, standing
from vaengine.presets import AUTO, Surroundings

PROBE_SECONDS = 2.0


def workshop(told: Layer, store_url: str | None, *, fetch: bool, announce: Callable[[str], None] = lambda line: None) -> Workshop:
    """Folders, network, GPU, and what the store at `store_url` was begun with, if there is one; `fetch` allows to download weights."""
    from cluster.inventory import local_inventory

    settings = configured(told).settings
    folders = folders_of(settings.models.folder, os.environ)
    source = Source.of(os.environ)
    begun: Callable[[str], str | None] = recorded(store_url) if store_url and settings.preset == AUTO else lambda name: None
    around = Surroundings(
        gpu=local_inventory().gpus > 0,
        is_here=lambda preset: standing(catalogue.needed(preset, task_asked(settings)), folders).usable,
        can_fetch=lambda: _can_fetch(source.url(catalogue.needed("fast")), int(time.monotonic() // 60), offline=source.offline),
        recorded=begun(preset_key(PERSON)),
    )
    return Workshop(folders, folders[-1], around, _fetching(folders, source) if fetch else None, begun(runtime_key(PERSON)), announce)


def recorded(store_url: str) -> Callable[[str], str | None]:
    """What a store has recorded under a key; nothing where there is none yet, or it is of no use: whoever writes to it will say so."""
    from actors.stores import open_store

    found: dict[str, str | None] = {}
    with suppress(UsageError), closing(open_store(store_url, read_only=True)) as store:
        found = {key: store.meta(key) for key in (preset_key(PERSON), runtime_key(PERSON))}
    return found.get


@lru_cache(maxsize=16)
def _can_fetch(url: str, _minute: int, *, offline: bool) -> bool:
    """Asked at most once a minute: a thousand jobs of one program are one question."""
    return reachable(url, PROBE_SECONDS, offline=offline)


def _fetching(folders: tuple[Path, ...], source: Source) -> Fetch:
    def fetch(model: ModelFile, begun: Callable[[], None]) -> Path:
        from vaengine.models.stock import shown

        with shown(model) as progress:

            def told(done: int, total: int) -> None:
                begun()
                progress(done, total)

            return obtain(model, folders, source, told)

    return fetch
