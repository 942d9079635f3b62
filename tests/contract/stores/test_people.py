"""Who is who by hand is kept by every store, and goes with the data that it is about."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import closing
from dataclasses import replace
from pathlib import Path

import pytest

from actors.stores import open_store
from actors.stores.files.people import FilePeople
from actors.stores.rules.people import people_of
from actors.stores.rules.person_matching import candidates_of
from schemas.errors import PeopleChanged, StoreDamaged, UsageError
from schemas.pipelines import AUDIO, FACE, PERSON, SCENE
from schemas.storage.backend import StorageBackend
from schemas.storage.people import PIPELINE_OF, PeopleLog, PersonEdit, PersonReference
from schemas.storage.retention import PersonIn, Pruning
from schemas.work.chunk import WorkKey
from tests.contract.conftest import STORES, digest
from tests.support.stores import people
from tests.support.stores.fake_videos import Clip
from tests.support.stores.retained import consistent, kept
from vaengine.api.questions.query import answers_of
from vaengine.maintenance import retention
from vaengine.maintenance.maintenance import check
from vaengine.maintenance.migration import migrate
from vaengine.people.edits import merge_persons, name_person
from vaengine.people.resolution import resolve
from vaengine.people.targets import LabelTarget
from vaengine.queries.language.parsing import query_of
from vaengine.queries.language.saved import save

ALPHA, BETA = Clip("/clips/alpha.mp4", "a"), Clip("/clips/beta.mp4", "b")
ANNA, BOB = "p-anna", "p-bob"


def edited(store: StorageBackend, edit: PersonEdit, *references: PersonReference) -> PersonEdit:
    store.add_person_edit(edit, references, after=store.people().newest)
    return edit


def annotated(store: StorageBackend, *clips: Clip, config_hash: str = "c1") -> None:
    for clip in clips:
        kept(store, clip, *(clip.key(name, config_hash) for name in (SCENE, PERSON, FACE, AUDIO)))


def seen(store: StorageBackend, clip: Clip, label: str, config_hash: str = "c1") -> PersonReference:
    """A reference to a label of a stored result."""
    blank = replace(people.reference(label), config_hash=config_hash, digest="")
    key = WorkKey(clip.video_id, PIPELINE_OF[blank.kind], config_hash)
    found = candidates_of(store.annotations(key), blank.kind)
    (samples,) = (one.samples() for one in found if one.label == label)
    return replace(blank, fingerprint=clip.fingerprint, video_id=clip.video_id, samples=samples)


def holders(store: StorageBackend) -> dict[str, list[str]]:
    log = store.people()
    return {
        person.shown_name: [str(log.references[one]) for one in person.references]
        for person in people_of(log).persons.values()
    }


def test_edits_come_back_in_order_with_their_references_and_no_digest_covers_them(
    store: StorageBackend,
) -> None:
    before = digest(store)
    assert store.people() == PeopleLog()
    face, voice = people.reference("face_0001"), people.reference("speaker_0002", "b")
    first = edited(store, people.named(ANNA, "Anna Müller-Łukasz 😀", face), face)
    second = edited(store, people.split(BOB, ANNA, voice), voice)
    third = edited(store, people.undo(second))
    log = store.people()
    assert log.edits == (first, second, third)
    assert log.references == {one.reference_id: one for one in (face, voice)}
    assert digest(store) == before


def test_an_edit_on_an_older_state_is_refused_and_changes_nothing(store: StorageBackend) -> None:
    face = people.reference()
    first = edited(store, people.named(ANNA, "Anna", face), face)
    for after in (None, "00000000-0000-4000-8000-000000000000"):
        with pytest.raises(PeopleChanged, match="edited meanwhile"):
            store.add_person_edit(people.named(BOB, "Bob"), [people.reference("face_0009")], after=after)
    assert store.people().edits == (first,)
    assert list(store.people().references) == [face.reference_id]


def test_a_reference_that_is_there_is_kept_once(store: StorageBackend) -> None:
    face = people.reference()
    edited(store, people.named(ANNA, "Anna", face), face)
    edited(store, people.named(BOB, "Bob", face), replace(face, digest="d2"))
    assert [one.digest for one in store.people().references.values()] == ["d2"]
    assert holders(store) == {"Bob": ["a-aaaaaaaa:face_0001"]}


def references(store: StorageBackend) -> Sequence[PersonReference]:
    """Anna in both videos, Bob in alpha alone."""
    annotated(store, ALPHA, BETA)
    anna = [seen(store, clip, "face_0001") for clip in (ALPHA, BETA)]
    bob = [seen(store, ALPHA, label) for label in ("person_0001", "speaker_0001")]
    edited(store, people.named(ANNA, "Anna", *anna), *anna)
    edited(store, people.named(BOB, "Bob", *bob), *bob)
    return [*anna, *bob]


def test_with_a_video_goes_who_was_in_it_alone_and_others_keep_the_rest(store: StorageBackend) -> None:
    references(store)
    counted = store.forget_video(ALPHA.video_id, dry_run=True)
    assert holders(store).keys() == {"Anna", "Bob"}
    removed = store.forget_video(ALPHA.video_id)
    assert removed.counts == counted.counts
    assert (removed.counts["person_references"], removed.counts["person_edits"]) == (3, 1)
    assert holders(store) == {"Anna": [f"{BETA.video_id}:face_0001"]}
    assert "Bob" not in repr(store.people())


def test_a_pruned_video_takes_its_references_along_and_an_older_result_does_not(
    store: StorageBackend,
) -> None:
    references(store)
    job = kept(store, ALPHA, ALPHA.key(FACE, "c2"), keep_runs=True)
    store.prune(Pruning((job,)))
    assert holders(store).keys() == {"Anna", "Bob"}
    store.prune(Pruning(tuple(store.jobs_of([ALPHA.video_id]))))
    assert holders(store) == {"Anna": [f"{BETA.video_id}:face_0001"]}


def test_whoever_withdraws_from_a_video_is_no_longer_referred_to_in_it(store: StorageBackend) -> None:
    """Face 1 and track 2 are one in these rows, and so are face 2 and track 1."""
    references(store)
    removed = store.forget_persons([PersonIn(ALPHA.video_id, "person_0002")])
    assert removed.counts["person_references"] == 1
    assert holders(store) == {
        "Anna": [f"{BETA.video_id}:face_0001"],
        "Bob": [f"{ALPHA.video_id}:person_0001", f"{ALPHA.video_id}:speaker_0001"],
    }


def test_a_reference_of_an_older_result_goes_with_whom_it_is_found_to_be(store: StorageBackend) -> None:
    annotated(store, ALPHA)
    old = replace(seen(store, ALPHA, "person_0003"), label="person_0008", config_hash="c0", digest="gone")
    edited(store, people.named(ANNA, "Anna", old), old)
    store.forget_persons([PersonIn(ALPHA.video_id, "person_0001")])
    assert holders(store).keys() == {"Anna"}
    store.forget_persons([PersonIn(ALPHA.video_id, "person_0003")])
    assert store.people() == PeopleLog()


def test_a_person_who_is_erased_as_such_leaves_no_name_also_where_nothing_is_found(
    store: StorageBackend,
) -> None:
    references(store)
    edited(store, people.merged(BOB, ANNA))
    undone = store.people().edits[-1]
    edited(store, people.undo(undone))
    removed = store.forget_persons([], person_ids=[ANNA])
    assert removed.counts["person_references"] == 2
    assert "Anna" not in repr(store.people())
    assert holders(store).keys() == {"Bob"}


def test_it_is_counted_at_which_tracked_person_each_face_was_seen(store: StorageBackend) -> None:
    """Face 1 is track 2's in all frames but one, in which it was taken for track 1's; face 2 is track 1's."""
    kept(store, ALPHA, *(ALPHA.key(name) for name in (PERSON, FACE)))
    missing = [ALPHA.key(FACE, "c9"), BETA.key(FACE)]
    assert store.face_links([ALPHA.key(FACE), *missing]) == {
        ALPHA.key(FACE): {
            ("face_0001", "person_0001"): 1,
            ("face_0001", "person_0002"): 9,
            ("face_0002", "person_0001"): 10,
        }
    }


def test_a_name_means_the_same_in_every_store_also_after_a_run_with_other_ids(store: StorageBackend) -> None:
    annotated(store, ALPHA, BETA)
    for target in (LabelTarget(ALPHA.video_id, "face_0001"), LabelTarget(BETA.video_id, "speaker_0001")):
        name_person(store, target, "Anna")
    people.run_again(store, ALPHA, PERSON, {"person_0002": "person_0009"})
    people.run_again(store, BETA, AUDIO, {"speaker_0001": "speaker_0002", "speaker_0002": "speaker_0001"})
    assert [(video.video_id, dict(video.how)) for video in resolve(store, "anna").videos] == [
        (ALPHA.video_id, {"face_0001": "named"}),  # the rows of faces name tracks that are no longer there
        (BETA.video_id, {"speaker_0002": "found"}),
    ]


def test_whoever_withdraws_by_name_is_erased_in_every_video(store: StorageBackend) -> None:
    annotated(store, ALPHA, BETA)
    for clip in (ALPHA, BETA):
        name_person(store, LabelTarget(clip.video_id, "face_0001"), "Anna")
    name_person(store, LabelTarget(ALPHA.video_id, "face_0002"), "Bob")
    people.run_again(store, BETA, FACE, {"face_0001": "face_0002", "face_0002": "face_0001"})
    erasure = retention.resolve_erasure(store, "anna")
    assert str(erasure) == "Anna, with the name and every row in 2 videos"
    removed = retention.forget(store, erasure, ())
    assert removed.counts["person_references"] == 2
    assert "Anna" not in repr(store.people())
    assert holders(store) == {"Bob": [f"{ALPHA.video_id}:face_0002"]}
    left = {
        clip.video_id: {row.face_id for row in store.annotations(clip.key(FACE, config_hash))}
        for clip, config_hash in ((ALPHA, "c1"), (BETA, "c2"))
    }
    assert left == {ALPHA.video_id: {"face_0002"}, BETA.video_id: {"face_0001"}}
    assert consistent(store)


def asked(store: StorageBackend, text: str) -> list[str]:
    return [match.why for match in answers_of(store, query_of(text))]


def test_several_tracks_of_one_person_are_counted_once_and_an_answer_says_who_it_is(
    store: StorageBackend,
) -> None:
    annotated(store, ALPHA)
    persons = "find: video\nwhere: [{count: {kind: person, min_s: 0}, min_overlap_s: 0, ge: 0}]"
    at_once = persons.replace("min_overlap_s: 0", "concurrent: true")
    before, before_at_once = asked(store, persons), asked(store, at_once)
    assert before == ["person: 2"], "of three tracks two have a face in common"
    name_person(store, LabelTarget(ALPHA.video_id, "person_0002"), "Anna")
    assert asked(store, persons) == before
    name_person(store, LabelTarget(ALPHA.video_id, "person_0003"), "Woman in red")
    assert asked(store, persons) == before
    merge_persons(store, "Anna", "woman in red")
    assert asked(store, persons) == ["person: 1"]
    assert int(asked(store, at_once)[0].split()[1]) < int(before_at_once[0].split()[1])
    whys = asked(store, "find: {kind: person, min_s: 0}")
    assert sorted(whys) == ["Anna", "Anna", "person_0001"]


def test_saved_queries_about_whoever_withdraws_go_and_one_that_has_the_name_in_its_text_is_told(
    store: StorageBackend,
) -> None:
    annotated(store, ALPHA)
    name_person(store, LabelTarget(ALPHA.video_id, "face_0001"), "Woman in red")
    name_person(store, "woman in red", "Anna")
    kept_queries = {"all": "find: person", "others": "find: person:Annabel", "anna sings": "find: sound"}
    gone_queries = {
        "near": "find: scene\nwhere: [{count: 'person:ANNA', ge: 1}]",
        "old": "find: face:woman in red",
    }
    for name, text in {**kept_queries, **gone_queries}.items():
        save(store, name, query_of(text))
    expected = retention.forget(store, retention.resolve_erasure(store, "anna"), (), dry_run=True)
    assert store.saved_queries().keys() == kept_queries.keys() | gone_queries.keys()
    removed = retention.forget(store, retention.resolve_erasure(store, "anna"), ())
    assert store.saved_queries().keys() == kept_queries.keys()
    for report in (expected, removed):
        assert report.counts["saved_queries"] == 2
        assert [line.split("'")[1] for line in report.told] == ["near", "old"]
        (left,) = [line for line in report.left if line.startswith("saved query")]
        assert "vaengine query --drop 'anna sings'" in left


def test_rows_that_nobody_can_tell_are_whose_stay_and_that_is_told(store: StorageBackend) -> None:
    annotated(store, ALPHA)
    name_person(store, LabelTarget(ALPHA.video_id, "person_0003"), "Anna")
    people.run_again(store, ALPHA, PERSON, {"person_0003": ""})
    removed = retention.forget(store, retention.resolve_erasure(store, "Anna"), ())
    assert any(f"{ALPHA.video_id}:person_0003 is not found again" in line for line in removed.left)
    assert store.people() == PeopleLog()
    assert {row.person_id for row in store.annotations(ALPHA.key(PERSON, "c2"))} == {
        "person_0001",
        "person_0002",
    }


def test_a_name_of_a_person_and_of_a_video_is_refused(store: StorageBackend) -> None:
    annotated(store, ALPHA)
    name_person(store, LabelTarget(ALPHA.video_id, "face_0001"), "Alpha.mp4")
    name_person(store, "alpha.mp4", "alpha")
    with pytest.raises(UsageError, match="alpha is a person and a video: say p-"):
        retention.resolve_erasure(store, "alpha")


@pytest.mark.parametrize("destination", ["files", "sqlite"])
def test_people_go_along_to_another_store_and_whoever_was_forgotten_there_does_not_return(
    store: StorageBackend, tmp_path: Path, destination: str
) -> None:
    references(store)
    url = STORES[destination](tmp_path / "moved")
    assert migrate(store.connection_url, url, "fail").tables["person_references"].rows == 4
    with closing(open_store(url)) as moved:
        assert moved.people() == store.people()
        assert resolve(moved, "Anna").videos == resolve(store, "Anna").videos
        moved.forget_persons([], person_ids=[ANNA])
    assert migrate(store.connection_url, url, "fail").kept == ("people",)
    with closing(open_store(url)) as moved:
        assert holders(moved).keys() == {"Bob"}


def test_a_damaged_file_of_people_is_never_written_over_and_a_check_finds_it(tmp_path: Path) -> None:
    with closing(open_store(STORES["files"](tmp_path))) as store:
        face = people.reference()
        edited(store, people.named(ANNA, "Anna", face), face)
        (path,) = tmp_path.glob(".store/people.json")
        path.write_bytes(path.read_bytes()[:-20])
        damaged = path.read_bytes()
        for call in (store.people, lambda: edited(store, people.named(BOB, "Bob", face), face)):
            with pytest.raises(StoreDamaged, match="restore a backup"):
                call()
        assert path.read_bytes() == damaged
    assert [(one.kind, Path(one.where).name) for one in check(f"files:{tmp_path}")] == [
        ("damaged", "people.json")
    ]


def test_a_removal_from_files_that_was_cut_off_takes_the_people_along_when_it_is_finished(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    class Killed(BaseException):
        """Stands for a kill."""

    def dying(*_: object) -> None:
        raise Killed

    with closing(open_store(STORES["files"](tmp_path))) as store:
        references(store)
        with monkeypatch.context() as patch:
            patch.setattr(FilePeople, "replace", dying)
            with pytest.raises(Killed):
                store.forget_video(ALPHA.video_id)
        assert holders(store).keys() == {"Anna", "Bob"}
        store.finish_removal()
        assert holders(store) == {"Anna": [f"{BETA.video_id}:face_0001"]}
        assert not list(tmp_path.glob(f"{ALPHA.video_id}*"))
