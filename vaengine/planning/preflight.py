"""The preflight check of a run: what its inputs and store show before anything is stored or decoded."""

from __future__ import annotations

import contextlib
import functools
import logging
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from schemas.errors import StoreFailed, StoreOutdated, StoreUnreachable, WouldReplace
from schemas.media.video import Video
from schemas.paths import is_url
from schemas.pipelines import AUDIO
from schemas.storage.backend import ResultStore, StorageBackend
from vaengine.console.units import counted
from vaengine.planning.page import Page, job_to_be, work_of_videos
from vaengine.planning.prober import ProbedVideo, is_unchanged
from vaengine.planning.probing import Probing
from vaengine.planning.replaced_results import conflicts, described
from vaengine.requests.replacement import Replacement
from vaengine.requests.request import RunRequest
from vaengine.requests.store_location import existing

VIDEOS_PER_QUERY: Final = 1_000  # each with its frame times

log = logging.getLogger(__name__)


@dataclass(slots=True)
class Preflight:
    """Files that are being probed, and the store as it is; None where there is none yet."""

    request: RunRequest
    probing: Probing
    store: StorageBackend | None
    _first: list[ProbedVideo] | None = None

    def settle(self) -> None:
        """Raise `WouldReplace` if the first page would replace results without leave; close the store."""
        if self.store is None:
            return
        if self.request.asks:
            self._first = next(self.pages(), [])
            refuse(self.replacement(Page.of(self.request, self._first, self.store, {})))
        self.store.close()

    def first_page(self) -> list[ProbedVideo]:
        """The first page of probed files."""
        return next(self.pages(), []) if self._first is None else self._first

    def pages(self) -> Iterator[list[ProbedVideo]]:
        """Pages of probed files, as they become ready."""
        engine = self.request.settings.engine
        while not self.probing.exhausted:
            yield self.probing.page(engine.page_chunks, engine.chunk_seconds)

    def replacement(self, page: Page) -> Replacement:
        """What the work on a page would replace."""
        if self.store is None:
            return Replacement()
        keys = {one.video_id: page.keys[one.video_id] for one in page.fresh if one.video}
        return described(self.store, conflicts(self.store, keys), page.job)


@contextlib.contextmanager
def preflight(request: RunRequest, *, dry: bool = False) -> Iterator[Preflight]:
    """Read what the store knows of the inputs, and begin to probe them.

    Tables of an older version are upgraded first, also for a run that is then refused; nothing else is
    written. A `dry` run writes nothing at all. Raises `WouldReplace` where results would be replaced and the
    request does not say what is to become of them; a `dry` run reports that later. Raises `StoreUnreachable`;
    a `dry` run raises `StoreOutdated` for older tables.
    """
    with contextlib.ExitStack() as exit_stack:
        store = existing(request.store_url, upgrade=not dry)
        if store:
            exit_stack.callback(store.close)
        if store and request.asks and not dry:
            refuse(replacement_of_known(store, request, request.inputs))
        uses_audio, track = AUDIO in request.pipelines, request.settings.decode.video_track
        known = functools.partial(_known_videos, request.store_url) if store else _none_known
        probing = Probing(request.inputs, known, video_track=track, sound=uses_audio)
        exit_stack.callback(probing.close)
        yield Preflight(request, probing, store)


def _known_videos(store_url: str, paths: Sequence[str]) -> Mapping[str, Video]:
    """What the store knows of paths. It is opened each time: nobody holds it open through a whole run.

    Where it cannot be read at this moment, nothing is known, and the files are probed again. The run has a
    connection of its own, which waits for a server that is away.
    """
    try:
        with contextlib.ExitStack() as exit_stack:
            if store := existing(store_url, upgrade=False):
                exit_stack.callback(store.close)
                return store.known_videos(paths)
    except (StoreUnreachable, StoreFailed) as error:
        log.warning("%s; probed again: %s", error, counted(len(paths), "file"))
    return {}


def _none_known(_paths: Sequence[str]) -> Mapping[str, Video]:
    return {}


def replacement_of_known(store: ResultStore, request: RunRequest, paths: Sequence[str]) -> Replacement:
    """What the run would replace of videos that the store knows by these paths, unchanged.

    No file is opened, and no server is asked, however many there are: remote files are looked at later, page
    by page.
    """
    return Replacement.joined(
        _replacement_of_videos(store, request, page) for page in _unchanged_videos(store, paths)
    )


def _unchanged_videos(store: ResultStore, paths: Sequence[str]) -> Iterator[list[str]]:
    """Ids of videos that the store knows by unchanged paths, in pages, each id once."""
    told: set[str] = set()
    for start in range(0, len(paths), VIDEOS_PER_QUERY):
        known = store.known_videos(paths[start : start + VIDEOS_PER_QUERY])
        page = dict.fromkeys(
            video.video_id
            for path, video in known.items()
            if video.video_id not in told and not is_url(path) and is_unchanged(path, video)
        )
        told |= page.keys()
        if page:
            yield list(page)


def _replacement_of_videos(store: ResultStore, request: RunRequest, video_ids: Sequence[str]) -> Replacement:
    keys, faces = work_of_videos(request, video_ids, store)
    return described(
        store,
        conflicts(store, keys),
        lambda video_id: job_to_be(request, video_id, keys[video_id], faces[video_id]),
    )


def refuse_known(request: RunRequest) -> None:
    """Raises `WouldReplace` early, for videos that the store knows by their paths.

    The run checks this itself as well. A store of an older version cannot be read as it is: it is left to the
    run, which upgrades it.
    """
    try:
        store = existing(request.store_url, upgrade=False) if request.asks else None
    except StoreOutdated:
        return
    if store:
        with contextlib.closing(store):
            refuse(replacement_of_known(store, request, request.inputs[: request.limit]))


def refuse(replacement: Replacement) -> None:
    """Raises `WouldReplace` where something would be replaced."""
    if replacement:
        raise WouldReplace(str(replacement))
