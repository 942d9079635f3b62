"""What goes of a person who withdraws: pure, so that every store removes the same rows.

A person of one video has ids of several pipelines. Rows of faces name the tracked person they were seen at,
and by them a face is linked to the person whose face it mostly is, and a person to the face that they mostly
show. Voices are linked to neither.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace

from actors.stores.rules.transitions import keys_of
from schemas.annotations.annotation import Annotation, canonical_digest
from schemas.pipelines import AUDIO, FACE, PERSON
from schemas.storage.retention import COLUMN_OF, Label, PersonIn
from schemas.work.chunk import WorkKey
from schemas.work.current_result import oldest_first
from schemas.work.job import BatchJob, JobStatus, PipelineResult

RowsOf = Callable[[WorkKey], Sequence[Annotation]]


@dataclass(frozen=True, slots=True)
class PersonErasure:
    """What goes of one person.

    Rows of these labels by result, unfinished work as a whole, and faces, each with its configuration.
    """

    video_id: str
    labels: Mapping[WorkKey, frozenset[Label]]
    redone: tuple[WorkKey, ...]
    faces: frozenset[tuple[str, str]]


@dataclass(frozen=True, slots=True)
class Erasure:
    """Of one video: labels whose rows go from each complete result, unfinished work that goes as a whole, and
    results that were left.

    What is left numbers people on its own, so that nobody knows who the person is there.
    """

    video_id: str
    labels: Mapping[WorkKey, frozenset[Label]]
    redone: tuple[WorkKey, ...] = ()
    left: tuple[WorkKey, ...] = ()

    @property
    def faces(self) -> frozenset[tuple[str, str]]:
        """Face ids that go, each with the configuration that numbered it."""
        return frozenset(
            (name, key.config_hash)
            for key, own in self.labels.items()
            for column, name in own
            if column == "face_id"
        )

    def erasure(self, person: PersonIn) -> PersonErasure:
        """The order to carry out; a face named with its configuration goes from the identities even
        without rows.
        """
        named = (
            {(person.label, person.config_hash)}
            if person.column == "face_id" and person.config_hash
            else set()
        )
        return PersonErasure(self.video_id, self.labels, self.redone, self.faces | named)

    def told(self, redone: Iterable[WorkKey]) -> list[str]:
        """What to know of it: `redone` is the unfinished work of which anything went."""
        lost = [
            f"{key} had not ended and cannot be split: its chunks go, and a run does them again, everybody's"
            for key in sorted(redone)
        ]
        kept = [
            f"{key} is another result and numbers people on its own: who this is there is not known, so it "
            "stays"
            for key in self.left
        ]
        return [*lost, *kept]


def withdrawal_of(person: PersonIn, jobs: Sequence[BatchJob], rows_of: RowsOf) -> Erasure:
    """What goes of a person; `jobs` are all of the video. Nothing where no row has the person's id."""
    kinds = _alike(person.pipeline)
    complete = _complete(jobs, kinds)
    unfinished = [
        key
        for key in dict.fromkeys(key for job in jobs for key in keys_of(job).values())
        if key not in complete
    ]
    unfinished = [key for key in unfinished if key.pipeline in kinds]
    label = (person.column, person.label)
    homes = [
        key
        for key in complete
        if key.pipeline == person.pipeline and person.config_hash in (None, key.config_hash)
    ]
    if not any(
        _belongs(row, frozenset({label})) for key in (*homes[:1], *unfinished) for row in rows_of(key)
    ):
        return Erasure(person.video_id, {})
    found = _linked(homes[0], label, jobs, rows_of, set(unfinished)) if homes else set()
    scopes = {
        key: frozenset(name for home, name in found if key in _together(home, jobs)) for key in complete
    }
    labels = {key: own for key, own in scopes.items() if own}
    return Erasure(
        person.video_id, labels, tuple(unfinished), tuple(key for key in complete if key not in labels)
    )


def _alike(pipeline: str) -> tuple[str, ...]:
    """The pipelines whose rows tell of one person once one of them does."""
    return (AUDIO,) if pipeline == AUDIO else (PERSON, FACE)


def _complete(jobs: Iterable[BatchJob], pipelines: Sequence[str]) -> list[WorkKey]:
    """Complete results of these pipelines, newest first."""
    made = [
        (job, result) for job, result in reversed(oldest_first(jobs)) if result.status is JobStatus.COMPLETED
    ]
    return list(
        dict.fromkeys(keys_of(job)[result.pipeline] for job, result in made if result.pipeline in pipelines)
    )


def _together(key: WorkKey, jobs: Iterable[BatchJob]) -> set[WorkKey]:
    """The key and those of jobs that ask for it, whose rows use its ids."""
    return {key} | {other for job in jobs if key in keys_of(job).values() for other in keys_of(job).values()}


def _linked(
    home: WorkKey, label: Label, jobs: Sequence[BatchJob], rows_of: RowsOf, without: set[WorkKey]
) -> set[tuple[WorkKey, Label]]:
    """The label and all it is linked to, each with the key that gave it."""
    links = _links(jobs, rows_of, without) if home.pipeline != AUDIO else {}
    found, waiting = set(), [(home, label)]
    while waiting:
        one = waiting.pop()
        if one not in found:
            found.add(one)
            waiting += links.get(one, ())
    return found


def _links(
    jobs: Iterable[BatchJob], rows_of: RowsOf, without: set[WorkKey]
) -> dict[tuple[WorkKey, Label], list[tuple[WorkKey, Label]]]:
    links: dict[tuple[WorkKey, Label], list[tuple[WorkKey, Label]]] = {}
    pairs = {(keys[FACE], keys[PERSON]) for keys in map(keys_of, jobs) if FACE in keys and PERSON in keys}
    for faces, persons in sorted(pairs):
        for face, person in _one_and_the_same(rows_of(faces)) if faces not in without else ():
            one, other = (faces, ("face_id", face)), (persons, ("person_id", person))
            links.setdefault(one, []).append(other)
            links.setdefault(other, []).append(one)
    return links


def _one_and_the_same(rows: Iterable[Annotation]) -> list[tuple[str, str]]:
    """Pairs of a face and a person of which one is mostly seen with the other."""
    seen = Counter((row.face_id, row.person_id) for row in rows if row.face_id and row.person_id)
    most: dict[Label, tuple[int, str, str]] = {}
    for (face, person), count in seen.items():
        for label in (("face_id", face), ("person_id", person)):
            most[label] = max(most.get(label, (0, "", "")), (count, face, person))
    return sorted({(face, person) for _, face, person in most.values()})


# What is left of a result.


def without(rows: Iterable[Annotation], labels: frozenset[Label]) -> list[Annotation]:
    """The rows that are nobody's of these; where they list persons, those are no longer among them."""
    return [_unlisted(row, labels) for row in rows if not _belongs(row, labels)]


def _belongs(row: Annotation, labels: frozenset[Label]) -> bool:
    return any((column, getattr(row, column)) in labels for column in COLUMN_OF.values())


def _unlisted(row: Annotation, labels: frozenset[Label]) -> Annotation:
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


def recounted(result: PipelineResult, rows: Iterable[Annotation]) -> PipelineResult:
    """A result that holds these rows now; one that never had any stays as it is."""
    if result.digest is None:
        return result
    data = [row.to_data() for row in rows]
    return replace(result, annotation_count=len(data), digest=canonical_digest(data))


def job_with(job: BatchJob, key: WorkKey, rows: Sequence[Annotation]) -> BatchJob:
    """A job after a result of its has lost rows."""
    if keys_of(job).get(key.pipeline) != key:
        return job
    return replace(
        job,
        pipeline_results={
            **job.pipeline_results,
            key.pipeline: recounted(job.pipeline_results[key.pipeline], rows),
        },
    )
