"""Decides which rows are erased with a person: pure, so that every store removes the same rows.

One person of a video may have labels in several pipelines. A row of a face names the tracked person at whom
the face was seen. By these rows a face is linked to the person with whom it was seen most often, and a person
to the face with which they were seen most often. Voices are linked to neither.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace

from actors.stores.rules.person_matching import candidates_of, found_again
from actors.stores.rules.states import keys_of
from schemas.annotations.annotation import Annotation, canonical_digest
from schemas.pipelines import AUDIO, BEHAVIOR, FACE, PERSON, is_human, of_human, of_machine
from schemas.storage.people import PersonReference
from schemas.storage.retention import COLUMN_OF, Label, PersonIn
from schemas.work.chunk import WorkKey
from schemas.work.current_result import oldest_first
from schemas.work.job import BatchJob, JobStatus, PipelineResult

RowsOf = Callable[[WorkKey], Sequence[Annotation]]


@dataclass(frozen=True, slots=True)
class PersonErasure:
    """What is erased of one person in one video."""

    video_id: str
    labels: Mapping[WorkKey, frozenset[Label]]  # their rows, by complete result
    unfinished: tuple[WorkKey, ...]  # work that is removed as a whole
    faces: frozenset[tuple[str, str]]  # face id and configuration


@dataclass(frozen=True, slots=True)
class Erasure:
    """What is erased of a person in one video, and the results in which the person is not known.

    An unmatched result numbers people on its own. Nobody knows who the person is there, so it stays.
    """

    video_id: str
    labels: Mapping[WorkKey, frozenset[Label]]  # their rows, by complete result
    unfinished: tuple[WorkKey, ...] = ()  # work that is removed as a whole
    unmatched: tuple[WorkKey, ...] = ()

    @property
    def faces(self) -> frozenset[tuple[str, str]]:
        """The face ids that are erased, each with the configuration that numbered it."""
        return frozenset(
            (name, key.config_hash)
            for key, own in self.labels.items()
            for column, name in own
            if column == "face_id"
        )

    def of_person(self, person: PersonIn) -> PersonErasure:
        """What a store removes of the person.

        A face that was specified with its configuration is removed from the identities even without rows.
        """
        named = (
            {(person.label, person.config_hash)}
            if person.column == "face_id" and person.config_hash
            else set()
        )
        return PersonErasure(self.video_id, self.labels, self.unfinished, self.faces | named)

    def notes(self, unfinished: Iterable[WorkKey]) -> list[str]:
        """Lines for the user; `unfinished` is the unfinished work of which anything was removed."""
        lost_notes = [
            f"{key} had not ended and cannot be split: its chunks go, and a run does them again, everybody's"
            for key in sorted(unfinished)
        ]
        kept_notes = [
            f"{key} is another result and numbers people on its own: who this is there is not known, so it "
            "stays"
            for key in self.unmatched
        ]
        return [*lost_notes, *kept_notes]


def erasure_of(person: PersonIn, jobs: Sequence[BatchJob], rows_of: RowsOf) -> Erasure:
    """What is erased of a person: nothing where no row has their label. `jobs` are all of the video."""
    kinds = _pipelines_of_person(person.pipeline)
    complete = _complete(jobs, kinds)
    unfinished = [
        key
        for key in dict.fromkeys(key for job in jobs for key in keys_of(job).values())
        if key not in complete
    ]
    unfinished = [key for key in unfinished if key.pipeline in kinds]
    label = (person.column, person.label)
    named_results = [key for key in complete if _may_name(key, person)]
    if not any(
        _has_label(row, frozenset({label}))
        for key in (*named_results[:1], *unfinished)
        for row in rows_of(key)
    ):
        return Erasure(person.video_id, {})
    linked = _linked(named_results[0], label, jobs, rows_of, set(unfinished)) if named_results else set()
    for home, own in _at_the_same_place(linked, complete, rows_of):
        linked |= _linked(home, own, jobs, rows_of, set(unfinished))
    labels_by_key = {
        key: frozenset(name for home, name in linked if key in _keys_of_same_jobs(home, jobs))
        for key in complete
    }
    labels = {key: key_labels for key, key_labels in labels_by_key.items() if key_labels}
    return Erasure(
        person.video_id,
        labels,
        tuple(unfinished),
        tuple(
            key
            for key in complete
            if key not in labels and (not is_human(key.pipeline) or _tells_apart(rows_of(key), kinds))
        ),
    )


def _pipelines_of_person(pipeline: str) -> tuple[str, ...]:
    """The pipelines that may have rows of the same person as this one, by the machine or by people."""
    if pipeline == AUDIO:
        return AUDIO, of_human(AUDIO)
    return PERSON, FACE, of_human(PERSON), of_human(FACE), of_human(BEHAVIOR)


def _may_name(key: WorkKey, person: PersonIn) -> bool:
    """Whether a label of a person may be of a result: without a configuration it is of the machine's."""
    if person.config_hash is None:
        return key.pipeline == person.pipeline
    same = of_machine(key.pipeline) in (person.pipeline, BEHAVIOR)
    return same and key.config_hash == person.config_hash


def _tells_apart(rows: Iterable[Annotation], pipelines: Sequence[str]) -> bool:
    """Whether any row has a person, a face or a speaker."""
    columns = {COLUMN_OF[name] for name in pipelines if name in COLUMN_OF}
    return any(getattr(row, column) is not None for row in rows for column in columns)


def _at_the_same_place(
    linked: Iterable[tuple[WorkKey, Label]], complete: Iterable[WorkKey], rows_of: RowsOf
) -> set[tuple[WorkKey, Label]]:
    """The labels of people's rows at the places of the machine's, and the other way round."""
    found: set[tuple[WorkKey, Label]] = set()
    results = list(complete)
    for home, (column, label) in linked:
        kind = column.removesuffix("_id")
        own = [one for one in candidates_of(rows_of(home), kind) if one.label == label]
        for key in results if own else ():
            if key == home or of_machine(key.pipeline) != of_machine(home.pipeline):
                continue
            if not (is_human(key.pipeline) or is_human(home.pipeline)):
                continue
            reference = PersonReference("", home.video_id, label, home.config_hash, "", own[0].samples())
            again = found_again(reference, candidates_of(rows_of(key), kind))
            found |= {(key, (column, one)) for one in again.labels}
    return found


def _complete(jobs: Iterable[BatchJob], pipelines: Sequence[str]) -> list[WorkKey]:
    """Complete results of these pipelines, newest first."""
    return list(
        dict.fromkeys(
            keys_of(job)[result.pipeline]
            for job, result in reversed(oldest_first(jobs))
            if result.status is JobStatus.COMPLETED and result.pipeline in pipelines
        )
    )


def _keys_of_same_jobs(key: WorkKey, jobs: Iterable[BatchJob]) -> set[WorkKey]:
    """The key and all keys of jobs that have it: their rows use the same ids."""
    return {key} | {other for job in jobs if key in keys_of(job).values() for other in keys_of(job).values()}


def _linked(
    home: WorkKey, label: Label, jobs: Sequence[BatchJob], rows_of: RowsOf, excluded: set[WorkKey]
) -> set[tuple[WorkKey, Label]]:
    """The label and all labels that are linked to it, each with its key."""
    links = _links(jobs, rows_of, excluded) if home.pipeline != AUDIO else {}
    linked, queue = set(), [(home, label)]
    while queue:
        keyed_label = queue.pop()
        if keyed_label not in linked:
            linked.add(keyed_label)
            queue += links.get(keyed_label, ())
    return linked


def _links(
    jobs: Iterable[BatchJob], rows_of: RowsOf, excluded: set[WorkKey]
) -> dict[tuple[WorkKey, Label], list[tuple[WorkKey, Label]]]:
    links: dict[tuple[WorkKey, Label], list[tuple[WorkKey, Label]]] = {}
    pairs = {(keys[FACE], keys[PERSON]) for keys in map(keys_of, jobs) if FACE in keys and PERSON in keys}
    for faces, persons in sorted(pairs):
        for face, person in _matched_faces_and_persons(rows_of(faces)) if faces not in excluded else ():
            face_label, person_label = (faces, ("face_id", face)), (persons, ("person_id", person))
            links.setdefault(face_label, []).append(person_label)
            links.setdefault(person_label, []).append(face_label)
    return links


def _matched_faces_and_persons(rows: Iterable[Annotation]) -> list[tuple[str, str]]:
    """Pairs of a face and a person, of which one was seen with the other more often than with any else."""
    pairs = Counter((row.face_id, row.person_id) for row in rows if row.face_id and row.person_id)
    most: dict[Label, tuple[int, str, str]] = {}
    for (face, person), count in pairs.items():
        for label in (("face_id", face), ("person_id", person)):
            most[label] = max(most.get(label, (0, "", "")), (count, face, person))
    return sorted({(face, person) for _, face, person in most.values()})


# The result after an erasure.


def rows_without(rows: Iterable[Annotation], labels: frozenset[Label]) -> list[Annotation]:
    """The rows that have none of these labels; persons that a row lists are taken off its list."""
    return [_without_listed(row, labels) for row in rows if not _has_label(row, labels)]


def _has_label(row: Annotation, labels: frozenset[Label]) -> bool:
    return any((column, getattr(row, column)) in labels for column in COLUMN_OF.values())


def _without_listed(row: Annotation, labels: frozenset[Label]) -> Annotation:
    listed = row.attributes.get("persons")
    if not isinstance(listed, list) or not any(("person_id", name) in labels for name in listed):
        return row
    return replace(
        row,
        attributes={
            **row.attributes,
            "persons": [name for name in listed if ("person_id", name) not in labels],
        },
    )


def recount_result(result: PipelineResult, rows: Iterable[Annotation]) -> PipelineResult:
    """A result with the count and digest of these rows; a result without a digest is returned unchanged."""
    if result.digest is None:
        return result
    data = [row.to_data() for row in rows]
    return replace(result, annotation_count=len(data), digest=canonical_digest(data))


def job_with_rows(job: BatchJob, key: WorkKey, rows: Sequence[Annotation]) -> BatchJob:
    """A job whose result of `key` now has these rows; another job is returned unchanged."""
    if keys_of(job).get(key.pipeline) != key:
        return job
    return replace(
        job,
        pipeline_results={
            **job.pipeline_results,
            key.pipeline: recount_result(job.pipeline_results[key.pipeline], rows),
        },
    )
