"""Which video a file is: by its content, so that one that was renamed or copied is the video it was."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace

from schemas.media.video import Video, video_id_for
from schemas.storage.backend import ResultStore
from vaengine.planning.probing import ProbedVideo, is_unchanged


@dataclass(frozen=True, slots=True)
class IdentifiedVideo:
    """Probed files under their final ids: `fresh` are videos that the run has not met yet, `copies`
    further paths of some that it has.
    """

    fresh: tuple[ProbedVideo, ...]
    copies: tuple[ProbedVideo, ...]


def identified(
    probed: Sequence[ProbedVideo], taken: Mapping[str, str], known: Mapping[str, str], met: Mapping[str, str]
) -> IdentifiedVideo:
    """Pure: `taken` is the fingerprint of each id that is given away, `known` the id of each content that the
    store has under another name, `met` the fingerprint of each id that the run has met.

    A file that cannot be read keeps its own id, whatever else has its content: each such file has a failure
    of its own.
    """
    fresh: dict[str, ProbedVideo] = {}
    taken, copies = dict(taken), []
    here: dict[str, str] = {}
    for found in probed:
        one = _as(found, _final_id(found, taken, known, here))
        if one.video_id in met or one.video_id in fresh:
            copies.append(one)
            continue
        taken[one.video_id] = one.fingerprint
        fresh[one.video_id] = one
        if one.video:
            here[one.fingerprint] = one.video_id
    return IdentifiedVideo(tuple(fresh.values()), tuple(copies))


def _final_id(
    one: ProbedVideo, taken: Mapping[str, str], known: Mapping[str, str], here: Mapping[str, str]
) -> str:
    """Its own where that is this content's; else that of the same content; else a new one, of 16 digits
    where 8 are another content's.
    """
    if taken.get(one.video_id) == one.fingerprint:
        return one.video_id
    if one.video and (same := known.get(one.fingerprint) or here.get(one.fingerprint)):
        return same
    return one.video_id if one.video_id not in taken else video_id_for(one.path, one.fingerprint, digits=16)


def _as(one: ProbedVideo, video_id: str) -> ProbedVideo:
    if video_id == one.video_id:
        return one
    return replace(one, video_id=video_id, video=replace(one.video, video_id=video_id) if one.video else None)


def identified_in(
    store: ResultStore | None, probed: Sequence[ProbedVideo], met: Mapping[str, str]
) -> IdentifiedVideo:
    """The same with what a store knows; None where there is none yet."""
    stored = store.fingerprints([one.video_id for one in probed]) if store else {}
    taken = {**stored, **met}
    unknown = [one.fingerprint for one in probed if one.video and taken.get(one.video_id) != one.fingerprint]
    return identified(probed, taken, known_contents(store, unknown) if store and unknown else {}, met)


def known_contents(store: ResultStore, fingerprints: Sequence[str]) -> dict[str, str]:
    """The id of each content that the store has; of several ids, such as an older version gave, the one
    with the most results.
    """
    found = store.ids_by_content(fingerprints)
    several = [video_id for ids in found.values() if len(ids) > 1 for video_id in ids]
    results = [key.video_id for key in store.completed_of(several)] if several else []
    return {content: max(ids, key=results.count) for content, ids in found.items()}


def shown_paths(store: ResultStore, found: Iterable[Video]) -> dict[str, Video]:
    """Renamed videos whose file is still there under the name that the store shows, by id and under that
    name: the copy is a further path.

    `found` are videos under the paths they were found under now.
    """
    here = {video.video_id: video for video in found}
    before = store.videos(list(here)) if here else {}
    return {
        video_id: replace(here[video_id], path=old.path, size_bytes=old.size_bytes, mtime_ns=old.mtime_ns)
        for video_id, old in before.items()
        if old.path != here[video_id].path and is_unchanged(old.path, old)
    }
