"""A name means tracks, faces and speakers of the present results, and what cannot be found again is told."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest

from actors.stores import open_store
from schemas.errors import NotFound
from schemas.pipelines import AUDIO, FACE, PERSON
from schemas.storage.backend import StorageBackend
from tests.support.stores.fake_videos import Clip
from tests.support.stores.people import annotated, run_again
from tests.support.stores.retained import identify
from vaengine.people.edits import merge_persons, name_person, split_person
from vaengine.people.resolution import ResolvedPerson, resolve
from vaengine.people.targets import LabelTarget, Target, target_of

ALPHA, BETA, GAMMA = (Clip(f"/clips/{name}.mp4", name[0]) for name in ("alpha", "beta", "gamma"))
GONE = "(gone)"


@pytest.fixture
def store(tmp_path: Path) -> Iterator[StorageBackend]:
    with closing(open_store(f"sqlite:///{tmp_path}/store.db")) as opened:
        annotated(opened, ALPHA, BETA)
        yield opened


def at(text: str) -> Target:
    """What `alpha:face_0001` means."""
    ids = {"alpha": ALPHA.video_id, "beta": BETA.video_id, "gamma": GAMMA.video_id}
    return target_of(text, ids.__getitem__)


def labels(found: ResolvedPerson) -> dict[str, str]:
    """How each label is known, by the video's name and label."""
    return {
        f"{video.video_id.partition('-')[0]}:{label}": how
        for video in found.videos
        for label, how in video.how.items()
    }


def test_a_named_face_is_a_person_with_the_tracks_it_was_seen_at_most(store: StorageBackend) -> None:
    """Face 1 is track 2's in nine frames of ten, face 2 is track 1's; track 3 shows no face."""
    name_person(store, at("alpha:face_0001"), "Anna")
    found = resolve(store, "anna")
    assert labels(found) == {"alpha:face_0001": "named", "alpha:person_0002": "linked"}
    (video,) = found.videos
    assert (video.tracks, video.faces, video.speakers) == (("person_0002",), ("face_0001",), ())
    assert video.config_hashes == {PERSON: "c1", FACE: "c1"}


def test_naming_a_track_names_the_face_at_it_too(store: StorageBackend) -> None:
    told = name_person(store, at("alpha:person_0002"), "Anna").told
    assert told == f"Anna is {ALPHA.video_id}:person_0002, {ALPHA.video_id}:face_0001"
    assert labels(resolve(store, "Anna")) == {"alpha:face_0001": "named", "alpha:person_0002": "named"}


def test_a_person_has_labels_of_many_videos_and_kinds(store: StorageBackend) -> None:
    for text in ("alpha:face_0001", "beta:face_0002", "alpha:speaker_0002"):
        name_person(store, at(text), "Anna")
    assert labels(resolve(store, "Anna")) == {
        "alpha:face_0001": "named",
        "alpha:person_0002": "linked",
        "alpha:speaker_0002": "named",
        "beta:face_0002": "named",
        "beta:person_0001": "linked",
    }


# After a run that gave other ids.


def test_a_result_with_other_ids_changes_nobody(store: StorageBackend) -> None:
    for text in ("alpha:person_0003", "alpha:speaker_0002"):
        name_person(store, at(text), "Anna")
    run_again(store, ALPHA, PERSON, {"person_0003": "person_0001", "person_0001": "person_0003"})
    run_again(store, ALPHA, AUDIO, {"speaker_0001": "speaker_0002", "speaker_0002": "speaker_0001"})
    assert labels(resolve(store, "Anna")) == {"alpha:person_0001": "found", "alpha:speaker_0001": "found"}


def test_the_same_result_made_again_is_not_even_compared(store: StorageBackend) -> None:
    name_person(store, at("alpha:person_0003"), "Anna")
    annotated(store, ALPHA)
    assert labels(resolve(store, "Anna")) == {"alpha:person_0003": "named"}


def test_whoever_is_not_found_again_is_told_with_the_reason(store: StorageBackend) -> None:
    name_person(store, at("alpha:person_0003"), "Anna")
    run_again(store, ALPHA, PERSON, {"person_0003": ""})
    found = resolve(store, "Anna")
    assert found.videos == ()
    assert [str(one) for one in found.unmatched] == [
        f"{ALPHA.video_id}:person_0003: at 0 of 8 moments somebody is where person_0003 was"
    ]


def test_a_reference_comes_back_with_the_result_that_it_was_made_of(store: StorageBackend) -> None:
    name_person(store, at("alpha:person_0003"), "Anna")
    run_again(store, ALPHA, PERSON, {"person_0003": ""})
    run_again(store, ALPHA, PERSON, {}, "c1")
    assert labels(resolve(store, "Anna")) == {"alpha:person_0003": "named"}


def test_persons_of_an_older_and_of_the_present_result_are_told_apart(store: StorageBackend) -> None:
    name_person(store, at("alpha:person_0003"), "Anna")
    run_again(store, ALPHA, PERSON, {"person_0003": "person_0007", "person_0001": ""})
    name_person(store, at("alpha:person_0002"), "Bob")
    assert labels(resolve(store, "Anna")) == {"alpha:person_0007": "found"}
    assert labels(resolve(store, "Bob")) == {"alpha:person_0002": "named"}


def test_of_a_video_that_is_elsewhere_it_is_said_that_it_is_not_here(
    store: StorageBackend, tmp_path: Path
) -> None:
    decision = name_person(store, at("alpha:person_0003"), "Anna")
    with closing(open_store(f"files:{tmp_path}/other")) as other:
        other.add_person_edit(decision.edit, decision.references, after=None)
        (lost,) = resolve(other, "Anna").unmatched
    assert lost.reason == "the video is not in this store"


# By identities.


def test_an_identity_with_faces_of_one_person_brings_its_other_faces(store: StorageBackend) -> None:
    identify(store, ("identity_0001", ALPHA, "face_0001"), ("identity_0001", BETA, "face_0002"))
    name_person(store, at("alpha:face_0001"), "Anna")
    found = resolve(store, "Anna")
    assert labels(found) == {
        "alpha:face_0001": "named",
        "alpha:person_0002": "linked",
        "beta:face_0002": "identity",
        "beta:person_0001": "linked",
    }
    assert found.identities == ("identity_0001",)


def test_naming_an_identity_names_its_faces_which_stay_when_identities_are_built_anew(
    store: StorageBackend,
) -> None:
    identify(store, ("identity_0001", ALPHA, "face_0001"), ("identity_0001", BETA, "face_0002"))
    name_person(store, at("identity_0001"), "Anna")
    identify(store)
    assert {label for label, how in labels(resolve(store, "Anna")).items() if how == "named"} == {
        "alpha:face_0001",
        "beta:face_0002",
    }


def test_the_other_faces_of_an_identity_of_two_persons_are_nobodys_and_that_is_told(
    store: StorageBackend,
) -> None:
    annotated(store, GAMMA)
    identify(store, *(("identity_0001", clip, "face_0001") for clip in (ALPHA, BETA, GAMMA)))
    name_person(store, at("alpha:face_0001"), "Anna")
    name_person(store, at("beta:face_0002"), "Bob")
    assert "gamma:face_0001" in labels(resolve(store, "Anna"))
    split_person(store, "Anna", [LabelTarget(BETA.video_id, "face_0001")], "Bob")
    for name, other in (("Anna", "alpha:face_0001"), ("Bob", "beta:face_0001")):
        found = resolve(store, name)
        assert other in labels(found)
        assert "gamma:face_0001" not in labels(found)
        assert found.notes == ("identity_0001 has faces of Anna and Bob: its other faces count for neither",)


# Names.


def test_a_merged_person_is_found_under_both_names_and_ids(store: StorageBackend) -> None:
    name_person(store, at("alpha:face_0001"), "Anna")
    bob = name_person(store, at("beta:face_0001"), "Bob").edit.person_id
    merge_persons(store, "Anna", "Bob")
    for name in ("Anna", "bob", bob):
        assert set(labels(resolve(store, name))) >= {"alpha:face_0001", "beta:face_0001"}


def test_an_unknown_name_is_refused_with_the_nearest(store: StorageBackend) -> None:
    with pytest.raises(NotFound, match="nobody has a name yet"):
        resolve(store, "Anna")
    name_person(store, at("alpha:face_0001"), "Anna")
    with pytest.raises(NotFound, match=r"person 'Ana' not found in .*: did you mean Anna"):
        resolve(store, "Ana")
