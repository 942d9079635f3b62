"""Who is in which video: what must not be in two splits."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Final

from schemas.pipelines import Source
from schemas.storage.backend import StorageBackend
from vaengine.people.resolution import EntityResolution

_SOURCES: Final[tuple[Source, ...]] = ("machine", "human")


def people_in_videos(store: StorageBackend, video_ids: Sequence[str]) -> Mapping[str, frozenset[str]]:
    """The persons with names and the identities of the collection in each video.

    Both the machine's and people's results are asked: a link too many costs balance, one too few is a leak.
    """
    found: dict[str, set[str]] = {video_id: set() for video_id in video_ids}
    for identity in store.identities():
        if identity.video_id in found:
            found[identity.video_id].add(identity.identity_id)
    if store.people().edits:
        for source in _SOURCES:
            resolution = EntityResolution(store, source)
            for video_id, own in found.items():
                own |= {person.person_id for person in resolution.in_video(video_id).values()}
    return {video_id: frozenset(own) for video_id, own in found.items()}


def identity_of_faces(store: StorageBackend) -> Mapping[tuple[str, str], str]:
    """The identity of the collection of each face, by video and face."""
    return {(one.video_id, one.face_id): one.identity_id for one in store.identities()}
