"""What people annotated lies beside what the machine found, in every store."""

from __future__ import annotations

import json
import uuid
from contextlib import closing
from dataclasses import replace
from fractions import Fraction
from pathlib import Path

import pytest

import vaengine
from actors.stores import open_store
from schemas.annotations.annotation import BEHAVIOR_TYPE, PERSON_DETECTION
from schemas.errors import NotFound, ResultsChanged, UnreadableImport, UsageError, WrongFrameRate
from schemas.pipelines import AUDIO, BEHAVIOR, FACE, PERSON, SCENE, of_human
from schemas.storage.backend import StorageBackend
from schemas.storage.imports import HumanResults
from schemas.work.chunk import WorkKey
from schemas.work.job import BatchJob
from tests.contract.conftest import STORES, digest
from tests.support.stores import tool_files as files
from tests.support.stores.fake_videos import RUN, Clip, done
from tests.support.stores.retained import consistent, kept, persons
from vaengine.api.questions.query import answers_of
from vaengine.comparing.comparison import Agreement, compare
from vaengine.correcting.correction import correct_boxes
from vaengine.correcting.edits import Stretch, TrackDeletion
from vaengine.correcting.history import revision_of
from vaengine.importing.import_file import ImportReport, ImportRequest, import_file
from vaengine.importing.labels import LabelRules
from vaengine.maintenance import retention
from vaengine.maintenance.maintenance import check
from vaengine.maintenance.migration import migrate
from vaengine.queries.language.parsing import query_of
from vaengine.results.lookup import newest_results, results_of

CLIP = Clip()  # garden: person_0001 at x 10, person_0002 at x 20, person_0003 at x 30, in frames 0 to 9
HUMAN = of_human(PERSON)
FIRST, SECOND = (10.0, 0.0, 8.0, 20.0), (20.0, 0.0, 8.0, 20.0)


def track(number: int, box: files.Box, **about: str) -> str:
    return files.cvat_track(number, [(0, box), (9, box), (13, None)], **about)


# The first is Ána, the second moved by a pixel, the third deleted.
CORRECTED = files.cvat(track(0, FIRST, name="Ána"), track(1, (21.0, 0.0, 8.0, 20.0)))


@pytest.fixture(autouse=True)
def _annotated(store: StorageBackend) -> None:
    kept(store, CLIP, *(CLIP.key(name) for name in (SCENE, PERSON, FACE, AUDIO)))


def imported(store: StorageBackend, folder: Path, text: str, **asked: object) -> ImportReport:
    path = folder / "garden.xml"
    path.write_text(text, encoding="utf-8")
    return import_file(store, ImportRequest(path, **asked))  # type: ignore[arg-type]


def people_of(store: StorageBackend, source: str) -> set[str]:
    """Ids of the tracks that answer, with the names of those who have one."""
    return {match.why for match in answers_of(store, query_of({"find": "person", "source": source}))}


def boxes_of(store: StorageBackend) -> Agreement:
    return next(one for one in compare(store).total if one.kind == PERSON_DETECTION)


def machine_again(store: StorageBackend) -> None:
    """The machine with other settings, in place of what it had found."""
    key = CLIP.key(PERSON, "c2")
    job = CLIP.job(key, batch_id="batch-2")
    epoch = store.open_run(replace(RUN, batch_id="batch-2"))
    store.register(epoch, [CLIP.video], [job])
    store.finish(epoch, done(job, key, persons(key)))
    store.close_run(epoch, "completed")


def test_a_correction_is_of_the_results_that_answer_or_is_not_stored(store: StorageBackend) -> None:
    def corrected(first: int) -> BatchJob:
        found = newest_results(store.jobs_of([CLIP.video_id]), "corrected").values()
        revision = revision_of(result for _, result in found)
        deletion = TrackDeletion("person", "person_0001", Stretch(first, first + 1))
        return correct_boxes(store, CLIP.video, [deletion], revision)

    before = store.annotations(CLIP.key(PERSON))
    job, stored = corrected(2), len(before) - 1
    [result] = job.pipeline_results.values()
    rows = store.annotations(WorkKey(CLIP.video_id, HUMAN, result.config_hash))
    assert (len(rows), store.annotations(CLIP.key(PERSON))) == (stored, before)
    late = replace(
        job, job_id=str(uuid.uuid4()), pipeline_results={HUMAN: replace(result, config_hash="late")}
    )
    with pytest.raises(ResultsChanged, match=CLIP.video_id):
        store.add_human_results([HumanResults(late, {HUMAN: ()}, {HUMAN: "c1"})])
    assert len(store.jobs_of([CLIP.video_id])) == 2
    store.add_human_results([HumanResults(late, {HUMAN: ()}, {HUMAN: result.config_hash})])


def test_rows_of_people_are_no_rows_of_the_machine(store: StorageBackend, tmp_path: Path) -> None:
    before = store.annotations(CLIP.key(PERSON))
    report = imported(store, tmp_path, CORRECTED)
    assert report.videos[0].rows == {"person_detection": 6, "person_track": 2}
    assert store.annotations(CLIP.key(PERSON)) == before
    assert {row.pipeline for row in results_of(store, "garden").annotations} == {SCENE, PERSON, FACE, AUDIO}
    assert consistent(store)


def test_an_export_is_of_the_machine_alone(store: StorageBackend, url: str, tmp_path: Path) -> None:
    imported(store, tmp_path, CORRECTED)
    found = vaengine.export("coco", tmp_path / "coco", db=url)
    manifest = json.loads((found.folder / "vaengine_export.json").read_text(encoding="utf-8"))
    assert set(manifest["videos"][0]["results"]) == {SCENE, PERSON, FACE, AUDIO}
    assert found.rows[PERSON_DETECTION] == 30


def test_queries_answer_by_source(store: StorageBackend, tmp_path: Path) -> None:
    imported(store, tmp_path, CORRECTED)
    assert people_of(store, "machine") == {"Ána", "person_0002", "person_0003"}
    assert people_of(store, "human") == {"Ána", "person_0002"}
    assert people_of(store, "corrected") == {"Ána", "person_0002"}
    asked = query_of({"find": "person:ána", "source": "human"})
    assert [match.start_s for match in answers_of(store, asked)] == [0.0]


def test_where_nobody_annotated_the_machine_answers_for_what_is_corrected(
    store: StorageBackend, tmp_path: Path
) -> None:
    other = Clip("/clips/other.mp4", "b")
    kept(store, other, other.key(PERSON))
    imported(store, tmp_path, CORRECTED)
    answers = answers_of(store, query_of({"find": "person", "source": "corrected"}))
    assert {match.video_id for match in answers} == {CLIP.video_id, other.video_id}
    assert answers.analysed.line is None
    by_people = answers_of(store, query_of({"find": "person", "source": "human"}))
    assert by_people.analysed.lacking == {PERSON: (other.video_id,)}


def test_a_correction_survives_a_run_of_the_machine_in_place_of_its_result(
    store: StorageBackend, tmp_path: Path
) -> None:
    imported(store, tmp_path, CORRECTED)
    machine_again(store)
    assert people_of(store, "human") == {"Ána", "person_0002"}
    assert people_of(store, "machine") == {"Ána", "person_0002", "person_0003"}
    assert store.completed_of([CLIP.video_id]) >= {CLIP.key(PERSON, "c2")}


def test_compare_tells_what_was_corrected(store: StorageBackend, tmp_path: Path) -> None:
    imported(store, tmp_path, CORRECTED)
    for _ in range(2):
        found = boxes_of(store).boxes
        assert found is not None
        # 10 frames: 2 boxes of people, 3 of the machine; the moved one overlaps by 7 of 9 pixels. In an
        # eleventh, the last that people drew in, the machine saw nobody.
        assert (found.frames, found.boxes_a, found.boxes_b, found.matched) == (11, 22, 30, 20)
        assert (found.precision, found.recall) == (20 / 30, 20 / 22)
        assert found.mean_iou == pytest.approx((1 + 7 / 9) / 2)
        machine_again(store)


@pytest.mark.parametrize(
    "to", ["sqlite", *(pytest.param(name, marks=pytest.mark.long) for name in STORES if name != "sqlite")]
)
def test_a_migration_carries_imports(store: StorageBackend, tmp_path: Path, to: str) -> None:
    imported(store, tmp_path, CORRECTED)
    target = STORES[to](tmp_path / "moved")
    migrate(store.connection_url, target, "fail")
    with closing(open_store(target)) as moved:
        assert digest(moved) == digest(store)
        assert people_of(moved, "human") == {"Ána", "person_0002"}
        assert boxes_of(moved) == boxes_of(store)
        assert not imported(moved, tmp_path, CORRECTED).is_new


def test_the_job_that_people_see_stays_the_machines(url: str, store: StorageBackend, tmp_path: Path) -> None:
    imported(store, tmp_path, CORRECTED)
    if url.startswith("files:"):
        view = Path(url.removeprefix("files:")) / CLIP.video_id / "job_metadata.json"
        assert HUMAN not in view.read_text(encoding="utf-8")
    assert len(store.jobs_of([CLIP.video_id])) == 2


def test_the_same_file_again_changes_nothing(store: StorageBackend, tmp_path: Path) -> None:
    first = imported(store, tmp_path, CORRECTED)
    before, people = digest(store), store.people()
    again = imported(store, tmp_path, CORRECTED)
    assert (first.is_new, again.is_new) == (True, False)
    assert (digest(store), store.people()) == (before, people)


def test_a_changed_file_is_another_result_and_the_current_one(store: StorageBackend, tmp_path: Path) -> None:
    imported(store, tmp_path, CORRECTED)
    (report,) = imported(store, tmp_path, files.cvat(track(0, SECOND))).videos
    assert report.notes == ("person: counts from now on in place of garden.xml, which stays to be compared",)
    assert len({key.config_hash for key in store.completed_of([CLIP.video_id]) if key.pipeline == HUMAN}) == 2
    assert people_of(store, "human") == {"person_0001"}
    found = boxes_of(store).boxes
    assert found is not None
    assert found.boxes_a == 11


def test_a_file_in_which_everybody_was_deleted_is_an_answer(store: StorageBackend, tmp_path: Path) -> None:
    assert imported(store, tmp_path, files.cvat()).videos[0].rows == {}
    assert people_of(store, "corrected") == set()
    found = boxes_of(store).boxes
    assert found is not None
    assert (found.boxes_a, found.boxes_b, found.precision, found.recall) == (0, 30, 0.0, None)


def test_a_person_who_was_renamed_has_the_new_name_alone(store: StorageBackend, tmp_path: Path) -> None:
    imported(store, tmp_path, CORRECTED)
    report = imported(store, tmp_path, CORRECTED.replace("Ána", "Béa"))
    assert report.names == ("Béa is garden-aaaaaaaa:person_0001, who was Ána",)
    for _ in range(2):
        assert people_of(store, "machine") == {"Béa", "person_0002", "person_0003"}
        machine_again(store)


def test_who_is_forgotten_is_erased_from_imports(store: StorageBackend, tmp_path: Path) -> None:
    imported(store, tmp_path, CORRECTED)
    erasure = retention.resolve_erasure(store, "Ána")
    retention.forget(store, erasure, [])
    assert people_of(store, "human") == {"person_0002"}
    assert people_of(store, "machine") == {"person_0002", "person_0003"}
    assert "Ána" not in str(list(store.canonical_rows()))
    assert consistent(store)


def test_a_label_that_is_forgotten_is_erased_where_people_drew_it(
    store: StorageBackend, tmp_path: Path
) -> None:
    imported(store, tmp_path, files.cvat(track(0, SECOND)))  # whom the machine calls person_0002
    retention.forget(store, retention.resolve_erasure(store, f"{CLIP.video_id}:person_0002"), [])
    assert people_of(store, "human") == set()


def test_somebody_who_was_only_named_in_behavior_is_erased_too(store: StorageBackend, tmp_path: Path) -> None:
    imported(store, tmp_path, CORRECTED)
    events = [[0.5, "Ána", "grooming", "", ""], [1.5, "Ána", "grooming", "", ""], [2.0, "Bö", "bark", "", ""]]
    imported(store, tmp_path, files.boris(events))
    retention.forget(store, retention.resolve_erasure(store, "Ána"), [])
    found = answers_of(store, query_of({"find": "behavior", "source": "human"}))
    assert [match.start_s for match in found] == [2.0]


def test_behavior_answers_by_label(store: StorageBackend, tmp_path: Path) -> None:
    events = [
        [0.5, "Ána", "grooming", "", ""],
        [1.5, "Ána", "grooming", "", ""],
        [2.0, "", "laughter", "", ""],
    ]
    events.append([2.5, "", "laughter", "", ""])
    report = imported(store, tmp_path, files.boris(events))
    assert report.videos[0].rows == {"audio_event": 1, BEHAVIOR_TYPE: 1}
    for asked, times in (("behavior:GROOMING", (0.5, 1.5)), ("sound:laughter", (2.0, 2.5))):
        (match,) = answers_of(store, query_of({"find": asked, "source": "human"}))
        assert (match.start_s, match.end_s) == times
    assert store.annotations(WorkKey(CLIP.video_id, of_human(BEHAVIOR), _hash(store)))


def _hash(store: StorageBackend) -> str:
    return next(key.config_hash for key in store.completed_of([CLIP.video_id]) if "behavior" in key.pipeline)


def test_two_annotators_are_compared(store: StorageBackend, tmp_path: Path) -> None:
    imported(store, tmp_path, CORRECTED, annotator="Bö")
    imported(store, tmp_path, files.cvat(track(0, FIRST)), annotator="Cé")
    lines = compare(store, "human:Bö", "human:Cé").total
    found = next(one.boxes for one in lines if one.boxes)
    assert (found.boxes_a, found.boxes_b, found.matched) == (6, 3, 3)
    with pytest.raises(UsageError, match=r"no complete result is 'human:Dü': there are .*human:Bö"):
        compare(store, "human:Dü", "machine")


@pytest.mark.parametrize(
    ("text", "error"),
    [
        (CORRECTED.replace("garden.mp4", "gardem.mp4"), NotFound),
        (CORRECTED[:400], UnreadableImport),
        (files.dive(files.dive_track(0, [(0, FIRST, False), (9, FIRST, False)]), fps=30), WrongFrameRate),
        (
            files.cvat(track(0, FIRST), track(1, FIRST, name="a\u0007b".replace("\u0007", "x" * 101))),
            UsageError,
        ),
        (files.cvat(track(0, FIRST, label="car")), UsageError),
    ],
)
def test_what_is_refused_changes_nothing(
    store: StorageBackend, tmp_path: Path, text: str, error: type[Exception]
) -> None:
    before, people = digest(store), store.people()
    with pytest.raises(error):
        imported(store, tmp_path, text)
    assert (digest(store), store.people()) == (before, people)


def test_an_unknown_video_is_refused_with_the_nearest_name(store: StorageBackend, tmp_path: Path) -> None:
    with pytest.raises(NotFound, match="did you mean garden"):
        imported(store, tmp_path, CORRECTED.replace("garden.mp4", "gardem.mp4"))
    assert imported(store, tmp_path, CORRECTED.replace("garden.mp4", "gardem.mp4"), video="garden").is_new


def test_a_rate_and_a_label_that_a_person_gives_are_taken(store: StorageBackend, tmp_path: Path) -> None:
    text = files.dive(files.dive_track(0, [(0, FIRST, True), (9, FIRST, False)], "dancer"), fps=30)
    report = imported(store, tmp_path, text, fps=Fraction(25), labels=LabelRules({"dancer": "person"}))
    assert report.videos[0].rows == {"person_detection": 2, "person_track": 1}


def test_a_store_with_imports_has_nothing_wrong(store: StorageBackend, url: str, tmp_path: Path) -> None:
    imported(store, tmp_path, CORRECTED)
    assert [*check(url)] == []
