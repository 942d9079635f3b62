"""The first look of a run at its inputs and its store: what can be known before anything is stored, made
or decoded.
"""

from __future__ import annotations

import contextlib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from schemas.errors import StoreOutdated, WouldReplace
from schemas.media.video import Video
from schemas.pipelines import AUDIO
from schemas.storage.backend import ResultStore, StorageBackend
from vaengine.planning.page import Page, job_to_be, wanted
from vaengine.planning.probing import ProbedVideo, Probing, is_unchanged
from vaengine.planning.replaced_results import conflicts, described
from vaengine.requests.replacement import Replacement
from vaengine.requests.request import RunRequest
from vaengine.requests.store_location import existing

VIDEOS_AT_ONCE: Final = 10_000


@dataclass(slots=True)
class Preflight:
    """Files that are being probed, and the store as it is, None where there is none yet."""

    request: RunRequest
    probing: Probing
    store: StorageBackend | None
    _first: list[ProbedVideo] | None = None

    def settle(self) -> None:
        """Hear what the first page would replace, where the request does not allow it, and let go of the
        store; raises `WouldReplace`.
        """
        if self.store is None:
            return
        if self.request.asks:
            self._first = next(self.pages(), [])
            refuse(self.replacement(Page.of(self.request, self._first, self.store, {})))
        self.store.close()

    def first_page(self) -> list[ProbedVideo]:
        """The first page of files."""
        return next(self.pages(), []) if self._first is None else self._first

    def pages(self) -> Iterator[list[ProbedVideo]]:
        """Pages of probed files, as they are ready."""
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
    """Look up what the store knows of the inputs, and begin to probe them.

    Tables of an older version are brought up to date first, also for a run that is then refused; nothing else
    is written, and by a `dry` run nothing at all. Raises `WouldReplace` where the request does not say what
    is to become of results that it would replace, which a `dry` run tells later, and `StoreUnreachable`: for
    a `dry` run, of older tables, `StoreOutdated`.
    """
    with contextlib.ExitStack() as opened:
        store = existing(request.store_url, upgrade=not dry)
        if store:
            opened.callback(store.close)
        known = store.known_videos(request.inputs) if store else {}
        if store and request.asks and not dry:
            refuse(replacement_of_known(store, request, known))
        listens, track = AUDIO in request.pipelines, request.settings.decode.video_track
        probing = Probing(request.inputs, known, video_track=track, sound=listens)
        opened.callback(probing.close)
        yield Preflight(request, probing, store)


def replacement_of_known(store: ResultStore, request: RunRequest, known: Mapping[str, Video]) -> Replacement:
    """What the run would replace of videos that the store knows by their paths, however many: no file is
    opened.
    """
    there = dict.fromkeys(video.video_id for path, video in known.items() if is_unchanged(path, video))
    ids = list(there)
    pages = (ids[start : start + VIDEOS_AT_ONCE] for start in range(0, len(ids), VIDEOS_AT_ONCE))
    return Replacement.joined(_of_videos(store, request, page) for page in pages)


def _of_videos(store: ResultStore, request: RunRequest, video_ids: Sequence[str]) -> Replacement:
    keys, faces = wanted(request, video_ids, store)
    return described(
        store,
        conflicts(store, keys),
        lambda video_id: job_to_be(request, video_id, keys[video_id], faces[video_id]),
    )


def refuse_known(request: RunRequest) -> None:
    """Raises `WouldReplace` for what the store knows by its path already; an early word, for a run that looks
    itself as well.

    A store of an older version cannot be looked into as it is: that is left to the run, which brings it up to
    date.
    """
    try:
        store = existing(request.store_url, upgrade=False) if request.asks else None
    except StoreOutdated:
        return
    if store:
        with contextlib.closing(store):
            refuse(replacement_of_known(store, request, store.known_videos(request.inputs[: request.limit])))


def refuse(would: Replacement) -> None:
    """Raises `WouldReplace` where there is something to replace."""
    if would:
        raise WouldReplace(str(would))
