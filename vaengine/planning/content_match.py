"""Gives each probed file its video id by content, so that a renamed or copied file keeps its id."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace

from schemas.media.video import Video, video_id_for
from schemas.storage.backend import ResultStore
from vaengine.planning.prober import ProbedVideo, is_unchanged


@dataclass(frozen=True, slots=True)
class IdentifiedVideo:
    """Probed files under their final ids.

    `fresh` are videos that are new to the run, `copies` are further paths of videos that it has met.
    """

    fresh: tuple[ProbedVideo, ...]
    copies: tuple[ProbedVideo, ...]


def identified(
    probed: Sequence[ProbedVideo], taken: Mapping[str, str], known: Mapping[str, str], met: Mapping[str, str]
) -> IdentifiedVideo:
    """Give probed files their final ids; a pure function.

    `taken` is the fingerprint of each id in use, `known` the id of each content that the store has under
    another name, `met` the fingerprint of each id that the run has met. A file that cannot be read keeps its
    own id, even if others have the same content, because each such file has a failure of its own.
    """
    fresh: dict[str, ProbedVideo] = {}
    taken, copies = dict(taken), []
    ids_in_page: dict[str, str] = {}
    for found in probed:
        one = _with_id(found, _final_id(found, taken, known, ids_in_page))
        if one.video_id in met or one.video_id in fresh:
            copies.append(one)
            continue
        taken[one.video_id] = one.fingerprint
        fresh[one.video_id] = one
        if one.video:
            ids_in_page[one.fingerprint] = one.video_id
    return IdentifiedVideo(tuple(fresh.values()), tuple(copies))


def _final_id(
    one: ProbedVideo, taken: Mapping[str, str], known: Mapping[str, str], ids_in_page: Mapping[str, str]
) -> str:
    """The video's own id if it belongs to this content, else the id of the same content, else a new one.

    A new id has 16 digits where the one of 8 digits belongs to another content.
    """
    if taken.get(one.video_id) == one.fingerprint:
        return one.video_id
    if one.video and (same := known.get(one.fingerprint) or ids_in_page.get(one.fingerprint)):
        return same
    return one.video_id if one.video_id not in taken else video_id_for(one.path, one.fingerprint, digits=16)


def _with_id(probed_video: ProbedVideo, video_id: str) -> ProbedVideo:
    if video_id == probed_video.video_id:
        return probed_video
    return replace(
        probed_video,
        video_id=video_id,
        video=replace(probed_video.video, video_id=video_id) if probed_video.video else None,
    )


def identified_in(
    store: ResultStore | None, probed: Sequence[ProbedVideo], met: Mapping[str, str]
) -> IdentifiedVideo:
    """As `identified`, with what a store knows; `store` is None where there is none yet."""
    stored = store.fingerprints([one.video_id for one in probed]) if store else {}
    taken = {**stored, **{one.video_id: met[one.video_id] for one in probed if one.video_id in met}}
    unknown = [one.fingerprint for one in probed if one.video and taken.get(one.video_id) != one.fingerprint]
    return identified(probed, taken, known_contents(store, unknown) if store and unknown else {}, met)


def known_contents(store: ResultStore, fingerprints: Sequence[str]) -> dict[str, str]:
    """The id of each content that the store has.

    Older versions could give several ids to one content: the one with the most results is used.
    """
    ids_by_content = store.ids_by_content(fingerprints)
    ambiguous_ids = [video_id for ids in ids_by_content.values() if len(ids) > 1 for video_id in ids]
    completed_ids = [key.video_id for key in store.completed_of(ambiguous_ids)] if ambiguous_ids else []
    return {content: max(ids, key=completed_ids.count) for content, ids in ids_by_content.items()}


def shown_paths(store: ResultStore, found: Iterable[Video]) -> dict[str, Video]:
    """Videos found under a new path whose old file is still there unchanged, by id, with the old path.

    The new file is a copy then, and its path a further path. `found` are videos under their new paths.
    """
    found_by_id = {video.video_id: video for video in found}
    stored = store.videos(list(found_by_id)) if found_by_id else {}
    return {
        video_id: replace(
            found_by_id[video_id],
            path=stored_video.path,
            size_bytes=stored_video.size_bytes,
            mtime_ns=stored_video.mtime_ns,
        )
        for video_id, stored_video in stored.items()
        if stored_video.path != found_by_id[video_id].path and is_unchanged(stored_video.path, stored_video)
    }
